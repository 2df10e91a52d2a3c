"""Loads any model file as a LanguageModel."""

from __future__ import annotations

from contextlib import suppress
from importlib import resources
from pathlib import Path

import torch

from rescorer.errors import InputError
from rescorer.models.language_model import LanguageModel
from rescorer.models.lightrnn import LightRNN
from rescorer.models.ngram import Ngram

ENGLISH = Path(str(resources.files("rescorer"))) / "english" / "lightrnn.pt"
ENGLISH_NAME = "lightrnn-english"  # tuned weights refer to it by this name
_TORCH_MAGIC = b"PK"  # torch files are zip archives


def english_model() -> Path:
    """The English model of the package. Raises InputError if the package has none."""
    if not ENGLISH.exists():
        raise InputError(
            "no language model", remedy="give --lm lightrnn.pt or --ngram kenlm.binary"
        )
    return ENGLISH


def load(path: str | Path | None = None, device: str | torch.device = "cpu") -> LanguageModel:
    """Load a `lightrnn.pt` or a KenLM file (ARPA or binary), which the content distinguishes.

    Without a path, load the English model of the package. Its words are lower case, and look-ups
    ignore case.

    Raises:
        InputError: a file of another kind, a damaged one, no such device, or no English model.
    """
    device = usable_device(device)
    if path is None:
        model = LightRNN.load(english_model(), device)
        model.name = ENGLISH_NAME
        return model
    # A file of this suffix is read as a lightrnn.pt, so that its errors are reported as such.
    is_torch = Path(path).suffix == ".pt"
    # If the file cannot be opened, the loader reports why.
    with suppress(OSError), open(path, "rb") as file:
        is_torch |= file.read(2) == _TORCH_MAGIC
    return LightRNN.load(path, device) if is_torch else Ngram.load(path)


def usable_device(device: str | torch.device) -> torch.device:
    """The device of this name. Raises InputError if it cannot be used."""
    try:
        torch.zeros(1, device=device).cpu()
        return torch.device(device)
    except (RuntimeError, AssertionError):  # the second: a torch without CUDA
        raise InputError(
            f"device {str(device)!r} cannot be used here",
            expected="cpu, cuda or cuda:N",
            remedy="use --device cpu, or install a torch that finds the GPU",
        ) from None
