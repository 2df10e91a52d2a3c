"""Scores that Python code printed as tensors: `tensor(-12.3, device='cuda:0')`."""

from __future__ import annotations

import re

from rescorer.recognition.formats.parsing import Place, parse_score

_TENSOR = re.compile(r"tensor\(\s*([^\s,()]+)\s*(?:,[^()]*)?\)")


def parse_printed(text: str, place: Place) -> float:
    """The number of a printed tensor, or of a number. Raises InputError for anything else."""
    tensor = _TENSOR.fullmatch(text)
    return parse_score(tensor[1] if tensor else text, place)
