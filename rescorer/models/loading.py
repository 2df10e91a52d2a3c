"""Any model file as a LanguageModel."""

from __future__ import annotations

from contextlib import suppress
from importlib import resources
from pathlib import Path

import torch

from rescorer.errors import InputError
from rescorer.models.language_model import LanguageModel
from rescorer.models.lightrnn import LightRNN
from rescorer.models.ngram import Ngram

# a README beside it says of what
ENGLISH = Path(str(resources.files("rescorer"))) / "english" / "lightrnn.pt"
ENGLISH_NAME = "lightrnn-english"  # weights that were tuned with it are for no other model
_TORCH_MAGIC = b"PK"  # torch files are zip archives


def english_model() -> Path:
    """The English model of the package. Raises InputError where the package is without."""
    if not ENGLISH.exists():
        raise InputError(
            "no language model", remedy="give --lm lightrnn.pt or --ngram kenlm.binary"
        )
    return ENGLISH


def load(path: str | Path | None = None, device: str | torch.device = "cpu") -> LanguageModel:
    """Load a `lightrnn.pt`, or a KenLM file (ARPA or binary); which it is is found from its
    content.

    Without a path it is the English model of the package: lower case, to look words up in any.

    Raises:
        InputError: it is neither, or damaged, or there is no such device, or no model in the
            package.
    """
    device = usable_device(device)
    if path is None:
        model = LightRNN.load(english_model(), device)
        model.name = ENGLISH_NAME
        return model
    # whatever is wrong with such a file, it was to be a lightrnn.pt
    is_torch = Path(path).suffix == ".pt"
    # where it cannot be opened, either loader says why
    with suppress(OSError), open(path, "rb") as file:
        is_torch |= file.read(2) == _TORCH_MAGIC
    return LightRNN.load(path, device) if is_torch else Ngram.load(path)


def usable_device(device: str | torch.device) -> torch.device:
    """The device of that name. Raises InputError where there is none here."""
    try:
        torch.zeros(1, device=device).cpu()
        return torch.device(device)
    except (RuntimeError, AssertionError):  # the second: a torch without CUDA
        raise InputError(
            f"device {str(device)!r} cannot be used here",
            expected="cpu, cuda or cuda:N",
            remedy="take --device cpu, or install a torch that finds the GPU",
        ) from None
