"""Cut a length into slices, so that large arrays are processed a part at a time."""

from __future__ import annotations

from collections.abc import Iterator


def chunks(length: int, size: int) -> Iterator[slice]:
    """Slices of `size` items that cover a length; the last one may be shorter."""
    return (slice(start, min(start + size, length)) for start in range(0, length, size))
