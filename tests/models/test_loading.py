"""Loads model files by their content, and refuses all other files."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from conftest import make_model
from tiny import write_arpa

import rescorer
from rescorer import version
from rescorer.errors import InputError
from rescorer.models.lightrnn import LightRNN
from rescorer.models.loading import usable_device
from rescorer.models.ngram import Ngram
from rescorer.models.torch_file import write_torch


def test_content_tells_what_a_file_is(tmp_path: Path) -> None:
    model = make_model()
    for name in ("lightrnn.pt", "model.bin", "no suffix"):
        model.save(tmp_path / name)
        loaded = rescorer.load(tmp_path / name)
        assert isinstance(loaded, LightRNN)
        assert loaded.logprob(["the", "cat"]) == model.logprob(["the", "cat"])
    for name in ("lm.arpa", "lm.bin"):
        assert isinstance(rescorer.load(str(write_arpa(tmp_path / name))), Ngram)


def whole(tmp_path: Path) -> bytes:
    make_model().save(tmp_path / "whole.pt")
    return (tmp_path / "whole.pt").read_bytes()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_truncated(tmp_path: Path, share: float) -> None:
    content = whole(tmp_path)
    path = tmp_path / "lightrnn.pt"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(
        InputError, match=r"lightrnn.pt: .*expected a lightrnn.pt; remedy: train one"
    ):
        rescorer.load(path)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("this code ran",)


@pytest.mark.parametrize(
    "kind", ["text", "zip", "pickle", "tensor", "evil", "other version", "other parts"]
)
def test_foreign(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lightrnn.pt"
    content = make_model().as_dict()
    if kind == "text":
        path.write_text("no model\n")
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.txt", "no model")
    elif kind == "pickle":
        path.write_bytes(pickle.dumps({"kind": "lightrnn"}))
    elif kind == "tensor":
        torch.save(torch.zeros(3), path)
    elif kind == "evil":
        torch.save({**content, "provenance": Evil()}, path)
    elif kind == "other version":
        write_torch({**content, "version": 99}, path)
    else:
        write_torch({**content, "rows": 1}, path)
    with pytest.raises(InputError, match=r"lightrnn.pt: .*remedy"):
        rescorer.load(path)
    assert "this code ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no model\n",
        b"\\data\\\nngram 1=3\n",
        b"\x00" * 500,
        b"mmap lm http://kheafield.com/code format version 5\n\x00",
    ],
)
def test_not_a_kenlm_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ngram.binary"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"ngram.binary: .*remedy"):
        rescorer.load(path)


def test_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.pt", tmp_path / "none.binary", tmp_path):
        with pytest.raises(InputError, match=r"cannot be read.*remedy: check the path"):
            rescorer.load(path)


@pytest.mark.parametrize("device", ["nonsense", "cuda:99", "meta", "cpu:x", ""])
@pytest.mark.parametrize("kind", ["lightrnn", "ngram"])
def test_no_such_device(tmp_path: Path, device: str, kind: str) -> None:
    if kind == "lightrnn":
        make_model().save(tmp_path / "model")
    else:
        write_arpa(tmp_path / "model")
    with pytest.raises(
        InputError, match=r"device .* cannot be used here; expected cpu, cuda.*remedy"
    ):
        rescorer.load(tmp_path / "model", device)


def test_device(tmp_path: Path, device: str) -> None:
    assert usable_device(device).type == device
    make_model().save(tmp_path / "lightrnn.pt")
    model = rescorer.load(tmp_path / "lightrnn.pt", device)
    assert model.encode(["cat"]).device.type == device


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_cuda_where_there_is_none() -> None:
    with pytest.raises(InputError, match=r"'cuda' cannot be used here"):
        usable_device("cuda")


def test_importing_the_package_is_quick() -> None:
    code = (
        "import sys, rescorer, rescorer.cli, lexicon_tools.cli; "
        "assert 'torch' not in sys.modules; rescorer.nothing"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (
        result.stderr.splitlines()[-1]
        == "AttributeError: module 'rescorer' has no attribute 'nothing'"
    )


@pytest.mark.parametrize("name", rescorer.__all__)
def test_each_name_of_the_python_interface_exists(name: str) -> None:
    """The type checker knows each name, and so does the import at run time."""
    assert getattr(rescorer, name) is not None
    source = Path(str(rescorer.__file__)).read_text(encoding="utf-8")
    assert re.search(rf"import (\w+ as )?{name}\b", source)


def test_version() -> None:
    assert rescorer.__version__ == version.__version__
