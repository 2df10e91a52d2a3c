"""The machine on which a figure was measured, printed with every table."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path


def machine(device: str = "cpu", *packages: str) -> str:
    """Processor (and GPU, if that is the device), cores, load and versions, on one line."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )
    if device.startswith("cuda"):
        import torch

        model = f"{torch.cuda.get_device_name(device)}; {model}"
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    versions = ", ".join(f"{package} {version(package)}" for package in ("numpy", *packages))
    return f"{model}, {os.cpu_count()} cores{load}; Python {platform.python_version()}, {versions}"
