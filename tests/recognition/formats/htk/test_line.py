"""Lines of SLF and the spelling of words."""

from __future__ import annotations

from pathlib import Path

import pytest
from htk_files import assert_same, heard, read, spelled, written

from rescorer.recognition.nbest import ACOUSTIC


@pytest.mark.parametrize(
    ("spelling", "label"),
    [
        ("didn't", "didn't"),
        ("'em", "'em"),
        ('"em', '"em'),
        ('"\'em"', "'em"),
        ("'New York'", "New York"),
        ("New\\ York", "New York"),
        ("\\'em\\\\", "'em\\"),
        ("d\\303\\242y", "dây"),
        ("dây", "dây"),
        ("a=b", "a=b"),
        ('"a\\"b"', 'a"b'),
        ("'!NULL'", ""),
        ('""', ""),
        ("[noise]", "[noise]"),
        ("x()", "x()"),
    ],
)
def test_spellings_of_words(tmp_path: Path, spelling: str, label: str) -> None:
    lattice = read(tmp_path / "x.slf", f"N=2 L=1\nJ=0 S=0 E=1 W={spelling} a=-1\n")
    assert spelled(lattice) == [(0, 1, label), (1, 2, "")]
    assert heard(lattice) == [label, ""]
    assert lattice.scores[ACOUSTIC].tolist() == [-1, 0]
    assert_same(lattice, written(tmp_path / "x.slf", lattice))


@pytest.mark.parametrize("label", ["!NULL", "<s>", "!SENT_START", "!ENTER", "!EXIT", "<sil>"])
def test_silence(tmp_path: Path, label: str) -> None:
    assert heard(read(tmp_path / "x.slf", f"N=2 L=1\nJ=0 S=0 E=1 W={label}\n")) == ["", ""]
