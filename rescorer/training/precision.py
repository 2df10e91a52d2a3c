"""The precision in which a processor multiplies matrices faster.

It is measured: some processors list bfloat16 among their flags but multiply slowly in it.
"""

from __future__ import annotations

import time

import torch

_SHAPE = (2048, 256, 1024)  # a batch of vectors times the weights of an LSTM's gates
_TRIES = 5  # the fastest counts, because the machine may be shared


def bfloat16_gain(device: str) -> float:
    """Speed of a matrix product in bfloat16 relative to float32, by one thread's time.

    It is 2 without a measurement for other devices than the processor: right for NVIDIA's since
    Ampere, too high for older ones.
    """
    if torch.device(device).type != "cpu":
        return 2.0
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
