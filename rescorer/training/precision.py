"""The precision in which a processor multiplies matrices faster.

It is measured: some processors list bfloat16 among their flags but multiply slowly in it, and torch
has no LSTM in bfloat16 for those without AVX-512.
"""

from __future__ import annotations

import time

import torch

_SHAPE = (2048, 256, 1024)  # a batch of vectors times the weights of an LSTM's gates
_TRIES = 5  # the fastest counts, because the machine may be shared


def has_bfloat16(device: str) -> bool:
    """Whether torch runs an LSTM in bfloat16 on the device; it is tried on a processor."""
    if torch.device(device).type != "cpu":
        return True
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            torch.nn.LSTM(1, 1)(torch.zeros(1, 1, 1))
    except RuntimeError:
        return False
    return True


def bfloat16_gain(device: str) -> float:
    """Speed of a matrix product in bfloat16 relative to float32, by one thread's time.

    It is 2 without a measurement for other devices than the processor: right for NVIDIA's since
    Ampere, too high for older ones. It is 0 where bfloat16 does not run.
    """
    if torch.device(device).type != "cpu":
        return 2.0
    if not has_bfloat16(device):
        return 0.0
    rows, inner, columns = _SHAPE
    factors = [
        (torch.ones(rows, inner, dtype=dtype), torch.ones(inner, columns, dtype=dtype))
        for dtype in (torch.float32, torch.bfloat16)
    ]
    seconds = [[_seconds(left, right) for left, right in factors] for _ in range(_TRIES)]
    return min(float32 for float32, _ in seconds) / min(bfloat16 for _, bfloat16 in seconds)


def _seconds(left: torch.Tensor, right: torch.Tensor) -> float:
    began = time.thread_time()
    left @ right
    return time.thread_time() - began
