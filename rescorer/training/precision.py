"""In which precision a processor multiplies matrices sooner: its flags do not tell, for some have a
slow bfloat16.
"""

from __future__ import annotations

import time

import torch

_SHAPE = (2048, 256, 1024)  # a batch of vectors through the gates of an LSTM
_TRIES = 5  # of which the quickest counts: the machine may be shared


def bfloat16_gain(device: str) -> float:
    """How many times as quick as in float32 a product in bfloat16 is, measured by one thread's
    time.

    2 without a measurement for a device that is no processor: right for NVIDIA's since Ampere, not
    for older ones.
    """
    if torch.device(device).type != "cpu":
        return 2.0
    rows, inner, columns = _SHAPE
    kinds = (torch.float32, torch.bfloat16)
    factors = [
        (torch.ones(rows, inner, dtype=kind), torch.ones(inner, columns, dtype=kind))
        for kind in kinds
    ]
    seconds = [[_seconds(left, right) for left, right in factors] for _ in range(_TRIES)]
    return min(float32 for float32, _ in seconds) / min(bfloat16 for _, bfloat16 in seconds)


def _seconds(left: torch.Tensor, right: torch.Tensor) -> float:
    began = time.thread_time()
    left @ right
    return time.thread_time() - began
