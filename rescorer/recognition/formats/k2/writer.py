"""Lattices written as k2's `.pt` files."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

from rescorer.files import whole_path
from rescorer.recognition.formats.k2.attributes import UTTERANCES
from rescorer.recognition.formats.k2.content import make_content
from rescorer.recognition.formats.k2.fsas import check_ids
from rescorer.recognition.formats.k2.pt_file import check_plain
from rescorer.recognition.formats.k2.tensors import to_torch
from rescorer.recognition.formats.parsing import Place
from rescorer.recognition.lattice import Lattice


def write(path: Path, lattices: Iterable[Lattice]) -> None:
    """Write `to_fsas(lattices).as_dict()` and the ids of the utterances, whole or not at all.

    k2 is needed only where attributes are ragged.

    Raises:
        InputError: as in `to_fsas`; attributes that are neither tensors nor plain values; ids that
            repeat; the file cannot be written.
    """
    import torch

    place = Place(path)
    several = list(lattices)
    content = make_content(several, place)
    check_ids(content[UTTERANCES], len(several), place)
    check_plain(content, place)
    buffer = io.BytesIO()  # written by Python: on a full disk torch's own writer hides the cause
    torch.save(to_torch(content), buffer)
    with whole_path(path) as work:
        work.write_bytes(buffer.getbuffer())
