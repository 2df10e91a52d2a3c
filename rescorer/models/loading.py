"""Any model file as a LanguageModel."""

from __future__ import annotations

from pathlib import Path

import torch

from rescorer.models.language_model import LanguageModel
from rescorer.models.light_rnn import LightRNN
from rescorer.models.ngram import Ngram

_TORCH_MAGIC = b"PK"  # torch files are zip archives


def load(path: str | Path, device: str | torch.device = "cpu") -> LanguageModel:
    """Load a `lightrnn.pt`, or a KenLM file (ARPA or binary); which it is is found from its content.

    Raises:
        InputError: it is neither, or damaged.
    """
    try:
        with open(path, "rb") as file:
            is_torch = file.read(2) == _TORCH_MAGIC
    except OSError:
        is_torch = str(path).endswith(".pt")  # either loader says what is wrong
    return LightRNN.load(path, device) if is_torch else Ngram.load(path)
