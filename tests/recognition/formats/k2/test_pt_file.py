"""Files of torch.save: code, false claims and damage."""

from __future__ import annotations

import os
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from k2_files import DIAMOND, MakeRagged, ReadDict, rows, sentences, vec
from tiny_lattices import all_paths

from rescorer.errors import InputError
from rescorer.recognition.formats.k2 import matches, read
from rescorer.recognition.formats.parsing import ErrorCollector


def test_a_list_that_holds_itself(tmp_path: Path, words_txt: Path, read_dict: ReadDict) -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    (lattice,) = read_dict({"arcs": rows(DIAMOND), "loop": loop})
    assert lattice.header["loop"][1] is lattice.header["loop"]


class Evil:
    """Runs a command where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.mark}",)


def test_code_is_not_run(tmp_path: Path, read_dict: ReadDict, ragged: MakeRagged) -> None:
    evil = Evil(tmp_path / "mark")
    within = ragged([[1]])
    within.state = (evil, "row_ids1", evil)
    for content in (
        evil,
        {"arcs": evil},
        {"arcs": rows(DIAMOND), "x": evil},
        {"arcs": rows(DIAMOND), "x": within},
    ):
        with pytest.raises(InputError, match=r"holds code: posix\.system; .*remedy") as caught:
            read_dict(content)
        assert "\n" not in str(caught.value)
    for content in (
        {"arcs": rows(DIAMOND), "x": {1, 2}},
        {"arcs": rows(DIAMOND), "x": torch.nn.Linear},
    ):
        with pytest.raises(InputError, match="holds code"):
            read_dict(content)
    assert not (tmp_path / "mark").exists()


def pack(path: Path, members: dict[str, bytes], packing: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02r\xf0\xff\xff\xff.",  # a memo of four thousand million places
        b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x00.",  # a bytearray beyond any memory
        b"\x80\x02" + b"(l" * 100_000 + b".",
        # tampers with what it names
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x08\x00\x00\x00__call__Nsb.",
        # a list for a storage
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(]K\x00K\x05\x85K\x01\x85tR.",
        b"\x80\x02ccollections\nOrderedDict\n}X\x01\x00\x00\x00aNsb.",
        b"\x80\x02c_k2.ragged\nRaggedTensor\n)\x81.",
        b"\x80\x02ctorch\nFloatStorage\n.",
        b"",
        b".",
        b"\x80\x02}.",
    ],
)
def test_pickles_by_hand(tmp_path: Path, words_txt: Path, pickled: bytes) -> None:
    pack(tmp_path / "a.pt", {"a/data.pkl": pickled})
    with pytest.raises(InputError):
        list(read(tmp_path / "a.pt", words_txt, ErrorCollector()))


def test_claims_are_checked(tmp_path: Path, words_txt: Path, read_dict: ReadDict) -> None:
    with pytest.raises(InputError, match="greater than its storage"):
        read_dict({"arcs": rows(DIAMOND), "x": torch.zeros(1).expand(4, 10**12)})
    good = members(tmp_path / "utt.pt")
    pack(tmp_path / "packed.pt", good, zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="a compressed archive"):
        list(read(tmp_path / "packed.pt", words_txt, ErrorCollector()))
    torch.save({"arcs": rows(DIAMOND)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(InputError, match="no file of torch"):
        list(read(tmp_path / "old.pt", words_txt, ErrorCollector()))
    assert not matches(tmp_path / "old.pt")
    far = [(0, 2**31 - 3, 3, 0.0), (2**31 - 3, 2**31 - 2, -1, 0.0)]
    assert [sentences(lattice) for lattice in read_dict({"arcs": rows(far)})] == [{("w3",): [0.0]}]
    assert read_dict({"arcs": vec((2**31 - 1, far))})[0].states == 3


TOKENS = (b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\0\0\x80\xff", b"\0\0\xc0\x7f", b"R", b"b", b".")


def _damage(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        at = chance.randrange(len(data)) if data else 0
        kind = chance.randrange(5)
        if kind <= 1 and data:
            data[at] = chance.randrange(256)
        elif kind == 2:
            del data[at : at + chance.choice((1, 4, 40))]
        elif kind == 3:
            data[at:at] = data[at : at + chance.choice((1, 4, 40))]
        else:
            data[at:at] = chance.choice(TOKENS)


@pytest.fixture
def samples(tmp_path: Path, ragged: MakeRagged) -> list[Path]:
    torch.save(
        {
            "arcs": rows(DIAMOND),
            "aux_labels": ragged([[1, 2], [3], [-1], []]),
            "lm_scores": torch.tensor([-0.5, 0.0, 0.0, -1.0]),
            "note": ["x", 1.5],
        },
        tmp_path / "one.pt",
    )
    torch.save(
        {
            "arcs": vec((4, DIAMOND), (0, []), (4, DIAMOND)),
            "aux_labels": torch.tensor([1, 2, -1, -1] * 2),
            "rows": torch.zeros(8, 2),
            "utterances": ["a", "b", "c"],
        },
        tmp_path / "many.pt",
    )
    return [tmp_path / "one.pt", tmp_path / "many.pt"]


def _survives(path: Path, words_txt: Path) -> bool:
    """Whether lattices came; otherwise an InputError of one line did."""
    try:
        matches(path)
        for lattice in read(path, words_txt, ErrorCollector()):
            assert sum(map(len, sentences(lattice).values())) == len(all_paths(lattice))
        return True
    except InputError as error:
        assert "\n" not in str(error)
        return False


def test_damaged_files(tmp_path: Path, words_txt: Path, samples: list[Path]) -> None:
    chance = random.Random(1)
    for sample in samples:
        good = sample.read_bytes()
        for _ in range(300):
            data = bytearray(good)
            _damage(data, chance)
            (tmp_path / "bad.pt").write_bytes(data)
            _survives(tmp_path / "bad.pt", words_txt)


def test_damage_within_the_archive(tmp_path: Path, words_txt: Path, samples: list[Path]) -> None:
    """As above, past the archive's checksums."""
    chance = random.Random(2)
    lived = 0
    for sample in samples:
        good = members(sample)
        numbers = sorted(name for name in good if "/data/" in name)
        for round in range(600):
            name = f"{sample.stem}/data.pkl" if round % 2 else chance.choice(numbers)
            data = bytearray(good[name])
            _damage(data, chance)
            pack(tmp_path / "bad.pt", {**good, name: bytes(data)})
            lived += _survives(tmp_path / "bad.pt", words_txt)
    assert lived > 20  # the damage was not always fatal: what comes after the archive was tried too
