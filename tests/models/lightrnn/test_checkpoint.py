"""lightrnn.pt: what is written is read again, and a damaged file is refused in one line."""

from __future__ import annotations

import copy
import math
import pickle
import resource
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import make_model, make_vocabulary
from quick_processes import forkserver_context
from tiny_networks import model_of, named, next_log_probs, tables, variants

from rescorer.errors import InputError
from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.lightrnn.checkpoint import shapes_of
from rescorer.models.torch_file import write_torch
from rescorer.models.word_table import WordTable


@pytest.mark.parametrize("settings", variants(), ids=named)
def test_file_round_trip(tmp_path: Path, settings: dict[str, Any], device: str) -> None:
    model = model_of(tables()["free cells"], **settings)
    model.provenance = {"training": {"epochs": 3, "clip": 0.5}, "by": "test", "texts": ["a", "b"]}
    model.save(tmp_path / "lightrnn.pt")
    again = LightRNN.load(tmp_path / "lightrnn.pt", device)
    assert again.device.type == device and not again.training
    assert again.settings == model.settings
    assert again.vocabulary.words == model.vocabulary.words
    assert again.vocabulary.counts.tolist() == model.vocabulary.counts.tolist()
    assert again.table.cells.tolist() == model.table.cells.tolist()
    assert (again.table.rows, again.table.columns) == (3, 9)
    assert again.provenance == model.provenance
    assert again.parameter_count() == model.parameter_count()
    for name, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name].cpu()), name
    if device == "cpu":
        assert torch.equal(next_log_probs(again, [3, 4]), next_log_probs(model, [3, 4]))
    assert list(tmp_path.iterdir()) == [tmp_path / "lightrnn.pt"]


def _save_on_a_full_disk(path: Path, message: Path) -> None:
    model = make_model(hidden_dim=64)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    try:
        model.save(path)
    except InputError as error:
        message.write_text(str(error), encoding="utf-8")


def test_full_disk(tmp_path: Path) -> None:
    """There is one error, and no file or part of a file."""
    path, message = tmp_path / "full" / "lightrnn.pt", tmp_path / "message"
    path.parent.mkdir()
    process = forkserver_context().Process(target=_save_on_a_full_disk, args=(path, message))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert message.read_text(encoding="utf-8").startswith(
        f"{path}: cannot be written: File too large; remedy: "
    )
    assert not list(path.parent.iterdir())


def test_case_survives_the_file(tmp_path: Path) -> None:
    model = LightRNN(
        LightRNNSettings(hidden_dim=4), make_vocabulary(9, "lower"), WordTable.shaped(9)
    )
    model.save(tmp_path / "lightrnn.pt")
    assert LightRNN.load(tmp_path / "lightrnn.pt").encode(["THE"]).tolist() == [2]


class Hostile:
    """The pickle loader would run its code, which makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def good() -> dict[str, Any]:
    return model_of(tables()["rectangle"]).as_dict()


def test_files_that_are_no_model(tmp_path: Path) -> None:
    path = tmp_path / "lightrnn.pt"
    mark = tmp_path / "it ran"
    model_of(tables()["rectangle"]).save(path)
    whole = path.read_bytes()
    (tmp_path / "folder").mkdir()
    for content in (
        b"",
        b"\0",
        b"hello\nworld\n",
        whole[: len(whole) // 2],
        whole[:-1],
        whole[:100],
        b"PK\x03\x04",
        pickle.dumps({"kind": "lightrnn"}),
        pickle.dumps(Hostile(mark)),
        "ünïcode".encode() * 100,
    ):
        path.write_bytes(content)
        check_refused(path)
    torch.save({"kind": "lightrnn", "settings": Hostile(mark)}, path)
    check_refused(path)
    assert not mark.exists()
    check_refused(tmp_path / "folder")
    assert "No such file" in check_refused(tmp_path / "missing.pt")


def check_refused(path: Path) -> str:
    with pytest.raises(InputError) as error:
        LightRNN.load(path)
    message = str(error.value)
    assert message.startswith(f"{path}: ") and "remedy: " in message and "\n" not in message
    return message


def change(**changes: Any) -> dict[str, Any]:
    content = copy.deepcopy(good())
    for name, value in changes.items():
        if value is None:
            del content[name]
        else:
            content[name] = value
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "no LightRNN"),
        ({"weight": torch.zeros(3)}, "no LightRNN"),
        (change(kind="lstm"), "no LightRNN"),
        (change(version=99), "version 99"),
        (change(version=None), "version None"),
        (change(parameters=None), "parameters"),
        (change(parameters={}), "Missing key"),
        (change(parameters=[1]), "do not fit"),
        (change(settings={"hidden_dim": 7}), "do not fit"),
        (change(settings={"breadth": 7}), "breadth"),
        (change(settings={"hidden_dim": "7"}), "do not fit"),
        (change(settings={"hidden_dim": 10**9}), "do not fit"),
        (change(settings={"num_layers": 10**9}), "1000000000 layers"),
        (change(settings={**good()["settings"], "num_layers": 3}), "Missing key lstm"),
        (change(settings={**good()["settings"], "hidden_dim": 5000}), "has the shape"),
        (change(settings={**good()["settings"], "residual_dim": 5000}), "has the shape"),
        (change(settings={**good()["settings"], "residual_columns": 1}), "has the shape"),
        (change(settings={**good()["settings"], "num_layers": True}), "layers = True"),
        (change(settings={**good()["settings"], "hidden_dim": 6.0}), "hidden_dim = 6.0"),
        (change(settings={**good()["settings"], "tied": 1}), "tied = 1"),
        (
            change(settings={**good()["settings"], "sampled_softmax_size": 1.5}),
            "sampled_softmax_size = 1.5",
        ),
        (change(settings={**good()["settings"], "dropout": math.nan}), "dropout = nan"),
        (
            change(parameters={**good()["parameters"], "more": torch.zeros(1)}),
            "Unexpected key more",
        ),
        (
            change(parameters={**good()["parameters"], "row_out.bias": [1.0]}),
            "row_out.bias holds no tensor",
        ),
        (change(rows=10**12), "has the shape"),
        (change(counts=-torch.arange(11)), "not a list of whole numbers"),
        (change(counts=torch.full((11,), math.nan)), "not a list of whole numbers"),
        (change(spelling=[1]), "spelling is list"),
        (change(added_words=1), "added_words is int"),
        (change(words="a\nb"), "11 counts for 2 words"),
        (change(words=7), "do not fit"),
        (change(case="title"), "title"),
        (change(counts=[1, 2]), "do not fit"),
        (change(rows=2), "do not fit"),
        (change(rows=30), "do not fit"),
        (change(rows="3"), "do not fit"),
        (change(rows=0), "do not fit"),
        (change(cells=torch.zeros(11, dtype=torch.int32)), "share a cell"),
        (change(cells=torch.zeros(2, 11, dtype=torch.int32)), "do not fit"),
        (change(cells=torch.arange(11) * 1.5), "do not fit"),
        (change(provenance=[1]), "do not fit"),
    ],
)
def test_torch_files_whose_parts_do_not_fit(tmp_path: Path, content: Any, message: str) -> None:
    write_torch(content, tmp_path / "lightrnn.pt")
    assert message in check_refused(tmp_path / "lightrnn.pt")


def test_not_a_number(tmp_path: Path) -> None:
    """A diverged training or a damaged file has NaN parameters; these are refused."""
    content = good()
    content["parameters"]["row_out.bias"][1] = math.nan
    write_torch(content, tmp_path / "lightrnn.pt")
    assert "row_out.bias" in check_refused(tmp_path / "lightrnn.pt")


@pytest.mark.parametrize("value", [1e30, -math.inf])
def test_numbers_of_which_scores_would_be_infinite(tmp_path: Path, value: float) -> None:
    content = good()
    content["parameters"]["lstm.weight_ih_l0"][0, 0] = value
    write_torch(content, tmp_path / "lightrnn.pt")
    assert "lstm.weight_ih_l0 holds numbers" in check_refused(tmp_path / "lightrnn.pt")


def test_a_table_of_few_words_is_not_built_however_large(tmp_path: Path) -> None:
    """The file holds the rows and columns, but not all cells, so their number is limited."""
    small = make_model(
        table=WordTable.shaped(11, 11, 1), hidden_dim=1, residual_dim=0, cell_bias=False, tied=False
    )
    content = small.as_dict()
    many, vectors = torch.zeros(50_000, 1), ("row_in", "row_out", "column_in", "column_out")
    content.update(
        rows=50_000,
        columns=50_000,
        parameters={
            **content["parameters"],
            **{f"{name}.weight": many for name in vectors},
            "row_out.bias": many[:, 0],
            "column_out.bias": many[:, 0],
        },
    )
    write_torch(content, tmp_path / "lightrnn.pt")
    assert "a table of 2,500,000,000 cells for 11 words" in check_refused(tmp_path / "lightrnn.pt")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"num_layers": 3},
        {"tied": False},
        {"residual_dim": 0},
        {"residual_columns": 2},
        {"residual_row_score": False},
        {"cell_bias": False},
        {"two_step": True},
    ],
    ids=str,
)
def test_shapes_are_those_of_the_network(settings: dict[str, Any]) -> None:
    model = make_model(table=WordTable.shaped(11, 4, 3), **settings)
    assert shapes_of(model.settings, 4, 3) == {
        name: tuple(each.shape) for name, each in model.state_dict().items()
    }


def test_a_tied_network_of_an_older_release_is_refused(tmp_path: Path) -> None:
    """Residual input and output embeddings that differ in a tied network would lose one of them."""
    content = make_model(9, tied=True, residual_dim=2).as_dict()
    content["parameters"]["residual_in"] = content["parameters"]["residual_in"] + 1
    write_torch(content, tmp_path / "lightrnn.pt")
    assert "residual_in and residual_out differ" in check_refused(tmp_path / "lightrnn.pt")
