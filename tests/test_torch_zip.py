"""Files of torch.save without torch: the same numbers as torch reads, and nothing that a file wants
beside them.
"""

from __future__ import annotations

import io
import os
import random
import re
import resource
import time
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import make_model

from rescorer.errors import InputError
from rescorer.models.lightrnn import LightRNN
from rescorer.models.loading import load
from rescorer.models.spelling import Spelling
from rescorer.models.torch_file import read_torch
from rescorer.torch_zip import Damaged, HoldsCode, Pickled, read_torch_zip


def saved(content: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def read(data: bytes, *classes: str) -> Any:
    return read_torch_zip(io.BytesIO(data), classes, torch.from_numpy)


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(content: dict[str, bytes], packing: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packing) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return file.getvalue()


def with_pickle(pickled: bytes, **others: bytes) -> bytes:
    return pack({"a/data.pkl": pickled, **{f"a/{name}": data for name, data in others.items()}})


def test_reads_what_torch_reads() -> None:
    shared = torch.arange(12, dtype=torch.float64).reshape(3, 4)
    content = {
        "plain": [
            None,
            True,
            -7,
            10**30,
            0.1,
            "ünï\ncode",
            (1, (2, ())),
            {"a": {3: [], 0.5: {}, False: 1}},
        ],
        "ordered": OrderedDict([("b", torch.tensor(1.5)), ("a", torch.zeros(0, 3))]),
        "tensors": [
            torch.randn(5).half(),
            torch.randn(2, 3),
            shared,
            shared.T,
            shared[1:, 2],
            torch.arange(4),
            torch.arange(4, dtype=torch.int32),
            torch.arange(4, dtype=torch.int16),
            torch.arange(4, dtype=torch.int8),
            torch.arange(4, dtype=torch.uint8),
            torch.tensor([True, False]),
        ],
        "state": torch.nn.Linear(2, 2).state_dict(),
    }
    found, given = read(saved(content)), torch.load(io.BytesIO(saved(content)), weights_only=False)
    assert found["plain"] == given["plain"] == content["plain"]
    for name in ("ordered", "state"):
        assert list(found[name]) == list(given[name])
        assert all(torch.equal(found[name][key], given[name][key]) for key in given[name])
    for one, other in zip(found["tensors"], given["tensors"], strict=True):
        assert one.dtype == other.dtype and one.shape == other.shape and torch.equal(one, other)
    found["tensors"][2][1, 2] = -1.0
    assert found["tensors"][4][0] == -1.0, "tensors of one storage share it"


def test_arrays_without_torch() -> None:
    found = read_torch_zip(io.BytesIO(saved({"x": torch.arange(3)})))
    assert isinstance(found["x"], np.ndarray) and found["x"].tolist() == [0, 1, 2]


def test_named_classes_keep_their_state() -> None:
    pickled = b"\x80\x02cabc\nDef\n)\x81K\x07b."
    found = read(with_pickle(pickled), "abc.Def")
    assert isinstance(found, Pickled) and found.state == 7
    with pytest.raises(HoldsCode, match=r"abc\.Def"):
        read(with_pickle(pickled))


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("true",)


@pytest.mark.parametrize(
    "content", [Evil(), {"x": [Evil()]}, {1, 2}, torch.nn.Linear(1, 1), torch.float32, b"bytes"]
)
def test_code_is_named(content: Any) -> None:
    with pytest.raises(HoldsCode, match=r"^\w+(\.\w+)+$"):
        read(saved(content))


DEEP = b"(" * 300_000 + b"t" * 300_000
# t0 = (), and each t is (t before, t before): its hash asks for those of 2^40 tuples.
DOUBLED = b")" + b"".join(
    b"q" + bytes([place]) + b"h" + bytes([place]) + b"\x86" for place in range(40)
)


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02}" + DEEP + b"K\x01s.",
        b"\x80\x02}" + DOUBLED + b"K\x01s.",
        b"\x80\x02}(" + DOUBLED + b"K\x01u.",
        b"\x80\x04\x8f(" + DOUBLED + b"\x90.",
        b"\x80\x04(" + DOUBLED + b"\x91.",
        b"\x80\x02(" + DOUBLED + b"K\x01d.",
        b"\x80\x02ccollections\nOrderedDict\n]" + DOUBLED + b"K\x01\x86a\x85R.",
        b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x00.",
        b"\x80\x02r\xf0\xff\xff\xff.",
        b"\x80\x02" + b"(l" * 100_000 + b".",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x08\x00\x00\x00__call__Nsb.",
        b"\x80\x02ccollections\nOrderedDict\n}X\x01\x00\x00\x00aNsb.",
        b"\x80\x02c_k2.ragged\nRaggedTensor\n)\x81b.",
        b"",
        b".",
        b"\x80\x02}",
        b"\x80\x02X\xff\xff\xff\xffa.",
        b"\x80\x02\x8b\xff\xff\xff\x7fa.",
    ],
    ids=range(18),
)
def test_hostile_pickles(pickled: bytes) -> None:
    begun = time.perf_counter()
    with pytest.raises(Damaged):
        read(with_pickle(pickled), "_k2.ragged.RaggedTensor")
    assert time.perf_counter() - begun < 5


def test_claims_beyond_the_file() -> None:
    good = members(saved({"x": torch.arange(1000)}))
    name = next(name for name in good if name.endswith("/data.pkl"))
    with pytest.raises(Damaged, match="greater than its data"):
        read(pack({**good, name: good[name].replace(b"M\xe8\x03t", b"M\xe9\x03t")}))
    with pytest.raises(Damaged, match="greater than its storage"):
        read(saved(torch.zeros(1).expand(10**6, 10**6)))
    with pytest.raises(Damaged, match="a compressed archive"):
        read(pack(good, zipfile.ZIP_DEFLATED))
    root = name.removesuffix("data.pkl")
    with pytest.raises(Damaged, match="big-endian"):
        read(pack({**good, f"{root}byteorder": b"big"}))
    with pytest.raises(Damaged):
        read(saved(torch.zeros(3))[:-300])


def test_members_that_overlap() -> None:
    """Two members of the same bytes: a thousand of them would be a thousand times the file."""
    storages = [torch.full((5000,), float(number)) for number in range(2)]
    with zipfile.ZipFile(io.BytesIO(saved(storages))) as archive:
        good = {info.filename: archive.read(info) for info in archive.infolist()}
        one, other = sorted(name for name in good if "/data/" in name)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in good.items():
            if name != other:
                archive.writestr(name, data)
        again = archive.getinfo(one)
        twin = zipfile.ZipInfo(other)
        for part in ("header_offset", "CRC", "compress_size", "file_size"):
            setattr(twin, part, getattr(again, part))
        archive.filelist.append(twin)
        archive.NameToInfo[other] = twin
        archive._didModify = True  # type: ignore[attr-defined]
    with pytest.raises(Damaged):
        read(file.getvalue())


def _damage(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 1, 2, 5))):
        at, size = chance.randrange(len(data) + 1), chance.choice((1, 4, 40))
        kind = chance.randrange(4)
        if kind == 0:
            data[at : at + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            del data[at : at + size]
        elif kind == 2:
            data[at:at] = data[at : at + size]
        else:
            data[at:at] = chance.choice(
                (b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\0\0\xc0\x7f", b"R", b"b", b".", b"t")
            )


def test_damaged_models_give_a_message_or_scores(tmp_path: Path) -> None:
    """Of the file, and of one of its members past the archive's checksums."""
    model, chance = make_model(num_layers=2), random.Random(1)
    model.spelling = Spelling.learn(model.vocabulary.words)
    model.save(tmp_path / "good.pt")
    good = (tmp_path / "good.pt").read_bytes()
    parts, loaded = members(good), 0
    for number in range(200):
        name = chance.choice(list(parts))
        data = bytearray(good if number % 3 == 0 else parts[name])
        _damage(data, chance)
        (tmp_path / "bad.pt").write_bytes(
            data if number % 3 == 0 else pack({**parts, name: bytes(data)})
        )
        try:
            assert np.isfinite(load(tmp_path / "bad.pt").logprob(["the", "cat", "strange"]))
            loaded += 1
        except InputError as error:
            assert "\n" not in str(error) and "remedy" in str(error)
    assert 10 < loaded < 150, (
        "some damage is of no account, and what comes after the archive was tried too"
    )


def test_damaged_plain_data_gives_a_message_or_scores(tmp_path: Path) -> None:
    """Of the settings, sizes and names, in a file that is whole otherwise."""
    model, chance = make_model(), random.Random(2)
    model.spelling = Spelling.learn(model.vocabulary.words)
    model.save(tmp_path / "file.pt")
    content = torch.load(tmp_path / "file.pt", weights_only=False)
    plain, loaded = content["plain"], 0
    found = list(re.finditer(r'"[^"]*"|[0-9.]+|true|false', plain))
    values = [
        "1e308",
        "NaN",
        "true",
        "null",
        '"x"',
        "[]",
        "{}",
        "0",
        "-1",
        '{"tensor": 3}',
        "9" * 400,
        "7",
        "0.5",
        "3000",
    ]
    for _ in range(300):
        place = chance.choice(found[:60] if chance.random() < 0.7 else found)
        torch.save(
            {
                **content,
                "plain": f"{plain[: place.start()]}{chance.choice(values)}{plain[place.end() :]}",
            },
            tmp_path / "bad.pt",
        )
        begun = time.perf_counter()
        try:
            damaged = LightRNN.load(tmp_path / "bad.pt")
            assert np.isfinite(damaged.logprob(["the", "cat", "strange"]))
            if damaged.spelling:
                assert np.isfinite(damaged.spelling.unknown_log_prob("strange"))
            damaged.save(tmp_path / "again.pt")
            loaded += 1
        except InputError as error:
            assert "\n" not in str(error) and "remedy" in str(error)
        assert time.perf_counter() - begun < 5
    assert loaded


def test_small_files_take_little_memory(tmp_path: Path) -> None:
    """A packed file of 0.1 MB holds 100 MB of zeros."""
    model = make_model()
    model.save(tmp_path / "good.pt")
    parts = members((tmp_path / "good.pt").read_bytes())
    (tmp_path / "bomb.pt").write_bytes(
        pack(
            {
                name: bytes(10**8) if name.endswith("/data/0") else data
                for name, data in parts.items()
            },
            zipfile.ZIP_DEFLATED,
        )
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="a compressed archive"):
        LightRNN.load(tmp_path / "bomb.pt")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


def test_plain_data_within_each_other_without_end(tmp_path: Path) -> None:
    for plain in (
        "[" * 200 + "]" * 200,
        "[" * 100_000,
        '{"tensor": 5}',
        '{"tensor": "a"}',
        "{",
        "1" * 5000,
    ):
        torch.save({"plain": plain, "tensors": []}, tmp_path / "file.pt")
        with pytest.raises(Damaged):
            read_torch(tmp_path / "file.pt")
    torch.save({"kind": "lightrnn"}, tmp_path / "file.pt")
    with pytest.raises(Damaged, match="another program"):
        read_torch(tmp_path / "file.pt")
