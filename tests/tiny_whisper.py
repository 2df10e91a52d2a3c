"""A tiny random Whisper, in the form of transformers and in that of CTranslate2."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

REASON = "{} is not installed: make test-adapters"
SPECIAL = ("<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>")
END, START = 0, 1
PROMPT = (1, 2, 3, 4)
WORDS = (*"abcdefgh", *(f"Ġ{word}" for word in ("the", "cat", "sat", "on", "a", "mat", "12", "'s")))
MEL_BINS = 80  # of Whisper's features
LONGEST = 1500  # frames of the encoder, 30 s
END_LOGIT = 2.0  # is added, so that hypotheses end after several numbers of tokens


def make_whisper(folder: Path) -> Any:
    """Write the model to the folders `transformers` and `ctranslate2`; returns transformers'."""
    transformers = pytest.importorskip("transformers", reason=REASON.format("transformers"))
    converters = pytest.importorskip("ctranslate2.converters", reason=REASON.format("ctranslate2"))
    tokens = _save_tokenizer(transformers, folder / "transformers")
    torch.manual_seed(1)
    config = transformers.WhisperConfig(
        vocab_size=tokens, d_model=16, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=16,
        decoder_ffn_dim=16, num_mel_bins=MEL_BINS, max_source_positions=LONGEST,
        max_target_positions=448, pad_token_id=END, bos_token_id=END, eos_token_id=END,
        decoder_start_token_id=START, suppress_tokens=None, begin_suppress_tokens=None,
        init_std=0.7,
    )  # fmt: skip
    model = transformers.WhisperForConditionalGeneration(config).eval()
    with torch.no_grad():
        end = model.proj_out.weight[END].normal_()  # transformers has 0 for padding
        model.model.decoder.layer_norm.bias.copy_(end * (END_LOGIT / end.square().sum()))
    model.save_pretrained(folder / "transformers")
    converter = converters.TransformersConverter(
        str(folder / "transformers"), copy_files=["tokenizer.json"]
    )
    converter.convert(str(folder / "ctranslate2"))
    return model


def _save_tokenizer(transformers: Any, folder: Path) -> int:
    """Write tokenizer.json; returns the number of tokens."""
    from tokenizers import Tokenizer, decoders, models

    vocabulary = {token: id for id, token in enumerate((*SPECIAL, *WORDS))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.decoder = decoders.ByteLevel()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=SPECIAL[END], unk_token=SPECIAL[END]
    )
    fast.save_pretrained(folder)
    return len(vocabulary)


@torch.no_grad()
def forced_decoding(
    model: Any,
    features: torch.Tensor,
    prompt: list[int],
    ids: list[int],
    suppressed: Sequence[int] = (),
) -> float:
    """log P of tokens after a prompt, by transformers' model.

    Args:
        suppressed: tokens that cannot come.
    """
    row = torch.tensor([[*prompt, *ids]])
    logits = model(features, decoder_input_ids=row[:, :-1]).logits[0, len(prompt) - 1 :]
    logits[:, list(suppressed)] = -torch.inf
    return float(logits.log_softmax(-1).gather(1, torch.tensor(ids)[:, None]).sum())
