"""A tiny sentencepiece model that several test modules share."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

try:
    import sentencepiece

    NO_SENTENCEPIECE = ""
except ImportError as error:
    NO_SENTENCEPIECE = f"sentencepiece is not here: {error}"

needs_sentencepiece = pytest.mark.skipif(bool(NO_SENTENCEPIECE), reason=NO_SENTENCEPIECE)
TEXT = [
    "the new worker went over the newer bridge",
    "a newer worker than the new one",
    "over and over the old bridge",
    "naïve cafés are newer than bridges",
] * 5


def train_pieces(folder: Path, **settings: Any) -> Path:
    """A tiny model with the pieces of icefall's recipes."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT),
        model_writer=written,
        minloglevel=2,
        hard_vocab_limit=False,
        bos_id=-1,
        eos_id=-1,
        user_defined_symbols=["<blk>", "<sos/eos>"],
        **{"unk_id": 2, "vocab_size": 60, "model_type": "unigram", **settings},
    )
    (folder / "bpe.model").write_bytes(written.getvalue())
    return folder / "bpe.model"
