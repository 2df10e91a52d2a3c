"""k2 that is not there."""

from __future__ import annotations

import io
import pickle
import sys
import zipfile

import pytest
import torch
from k2_files import DIAMOND, MakeRagged, ReadDict, rows

from rescorer.errors import InputError
from rescorer.recognition.formats.k2 import to_fsas


def test_without_k2(read_dict: ReadDict, monkeypatch: pytest.MonkeyPatch) -> None:
    lattices = read_dict({"arcs": rows(DIAMOND)})
    monkeypatch.setitem(sys.modules, "k2", None)
    with pytest.raises(
        InputError, match=r"k2 cannot be imported: .*remedy: on Python 3\.10"
    ) as caught:
        to_fsas(lattices)
    assert "\n" not in str(caught.value)


def test_the_stand_in_is_what_k2_writes(ragged: MakeRagged) -> None:
    """The names that torch.save puts into a file for it."""
    buffer = io.BytesIO()
    torch.save({"x": ragged([[1, 2], []])}, buffer)
    with zipfile.ZipFile(buffer) as archive:
        pickled = next(
            archive.read(name) for name in archive.namelist() if name.endswith("data.pkl")
        )
    assert b"c_k2.ragged\nRaggedTensor\n" in pickled and b"row_ids1" in pickled
    assert pickled[:2] == pickle.PROTO + b"\x02"
