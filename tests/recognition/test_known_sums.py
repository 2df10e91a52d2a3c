"""Files of a Kaldi n-best folder that are sums of others, and the order of its lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import bad, good
from conftest import make_model
from tiny import write_arpa

from rescorer.recognition.formats import read_nbest

pytestmark = pytest.mark.usefixtures("quick_tuning")

KEYS = ("u-1", "u-2", "u-10", "v-1", "v-2")
WORDS = ("the cat sat", "cat sat", "a dog ran on the log", "dog", "the dog ran")
COSTS = {
    "acwt": (90.0, 95.0, 91.0, 40.0, 47.0),
    "lmwt.nolm": (1.0, 2.0, 1.5, 0.5, 0.25),
    "lmwt.lmonly": (9.0, 7.5, 11.0, 4.0, 6.0),
}
SUM = tuple(map(sum, zip(COSTS["lmwt.nolm"], COSTS["lmwt.lmonly"], strict=True)))
ODD = (3.0, 8.0, 1.0, 7.0, 2.0)
LM = ("--lm", "lightrnn.pt")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model, where the command runs."""
    monkeypatch.chdir(tmp_path)
    make_model().save("lightrnn.pt")
    write_arpa(tmp_path / "ngram.arpa")
    return tmp_path


def _folder(
    name: str, costs: dict[str, tuple[float, ...]], order: tuple[int, ...] = (0, 1, 2, 3, 4)
) -> str:
    Path(name).mkdir()
    (Path(name) / "words_text").write_text("".join(f"{KEYS[k]} {WORDS[k]}\n" for k in order))
    for file, values in costs.items():
        (Path(name) / file).write_text("".join(f"{KEYS[k]} {values[k]}\n" for k in order))
    return name


@pytest.mark.parametrize(
    "more",
    [
        {"lmwt.withlm": SUM},
        {"lmwt.interp.0.5": ODD},
        {"lmwt.interp.tuned": ODD},
        {"lmwt.nn": ODD},
        {"lmwt.rnn": ODD},
        {"lmwt.total": ODD, "lmwt.lm": ODD},
        {"lmwt.withlm": SUM, "lmwt.nn": ODD, "lmwt.interp.0.75": ODD},
    ],
)
def test_known_sums_and_outputs_of_stages_are_left_out_and_told(
    here: Path, more: dict[str, tuple[float, ...]]
) -> None:
    plain = good(_folder("plain", COSTS), *LM, "--nbest-output", "plain.out")
    result = good(_folder("more", {**COSTS, **more}), *LM, "--nbest-output", "more.out")
    assert result.stdout == plain.stdout
    assert read_nbest("more.out").lists == read_nbest("plain.out").lists
    (told,) = [line for line in result.stderr.splitlines() if "left out as sums" in line]
    assert all(name in told for name in more) and "another name, such as lmwt.my_" in told
    assert "left out" not in plain.stderr


def test_a_sum_without_its_parts_is_a_score(here: Path) -> None:
    costs = {"acwt": COSTS["acwt"], "lmwt.withlm": SUM}
    result = good(_folder("in", costs), *LM, "--nbest-output", "out")
    assert (
        "also taken as scores: lmwt.withlm\n" in result.stderr and "left out" not in result.stderr
    )
    assert set(read_nbest("out").lists[0].score_names) == {
        "acoustic",
        "withlm",
        "lightrnn",
        "lm",
        "total",
    }


def test_a_lone_output_of_a_stage_is_a_score(here: Path) -> None:
    result = good(_folder("in", {"acwt": COSTS["acwt"], "lmwt.interp.0.5": ODD}), *LM)
    assert "also taken as scores: lmwt.interp.0.5\n" in result.stderr


def test_unknown_files_are_scores_and_named(here: Path) -> None:
    result = good(
        _folder("in", {**COSTS, "lmwt.my_rnn": ODD, "lmwt.rnn.0.5": ODD}),
        *LM,
        "--nbest-output",
        "out",
    )
    assert "in: also taken as scores: lmwt.my_rnn, lmwt.rnn.0.5\n" in result.stderr
    assert {"my_rnn", "rnn.0.5"} <= set(read_nbest("out").lists[0].score_names)
    assert "also taken" not in good(_folder("plain", COSTS), *LM).stderr


def test_withlm_that_is_no_sum_is_refused(here: Path) -> None:
    rounded = tuple(round(value * 1.0002, 3) for value in SUM)
    good(_folder("rounded", {**COSTS, "lmwt.withlm": rounded}), *LM)
    line = bad(_folder("in", {**COSTS, "lmwt.withlm": (*SUM[:3], 4.0, SUM[4])}), *LM)
    assert line.startswith(
        "error: in/lmwt.withlm: v-1 has 4, and 4.5 in lmwt.nolm and lmwt.lmonly; expected their sum"
    )


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (0, 2, 1, 3, 4), (3, 1, 0, 4, 2)])
def test_all_files_are_in_the_order_of_the_inputs_lines(here: Path, order: tuple[int, ...]) -> None:
    good(_folder("in", COSTS, order), *LM, "--nbest-output", "out", "--output", "best")
    keys = [line.split()[0] for line in Path("in/words_text").read_text().splitlines()]
    files = sorted(Path("out").iterdir())
    assert [file.name for file in files] == [
        "acwt",
        "lmwt.lightrnn",
        "lmwt.lm",
        "lmwt.lmonly",
        "lmwt.nolm",
        "lmwt.total",
        "rank.rescored",
        "words_text",
    ]
    for file in files:
        assert [line.split()[0] for line in file.read_text().splitlines()] == keys, file
    assert Path("out/words_text").read_text() == Path("in/words_text").read_text()
    ranks = dict(line.split() for line in Path("out/rank.rescored").read_text().splitlines())
    costs = {
        key: float(cost)
        for key, cost in map(str.split, Path("out/lmwt.total").read_text().splitlines())
    }
    words = dict(line.split(maxsplit=1) for line in Path("out/words_text").read_text().splitlines())
    best = dict(line.split(maxsplit=1) for line in Path("best").read_text().splitlines())
    for utterance, members in (("u", KEYS[:3]), ("v", KEYS[3:])):
        ranked = sorted(members, key=lambda key: costs[key])
        assert [ranks[key] for key in ranked] == [str(rank) for rank in range(1, len(members) + 1)]
        assert words[ranked[0]] == best[utterance]


def test_the_output_takes_its_own_place_again(here: Path) -> None:
    _folder("in", COSTS)
    for _ in range(2):
        good("in", *LM, "--nbest-output", "out", "--output", "best")


def test_files_in_different_orders_are_joined_by_key(here: Path) -> None:
    first = good(_folder("in", COSTS), *LM, "--nbest-output", "same").stdout
    for file in Path("in").iterdir():
        if file.name != "words_text":
            lines = file.read_text().splitlines(keepends=True)
            file.write_text(
                "".join(reversed(lines) if file.name == "acwt" else lines[2:] + lines[:2])
            )
    assert good("in", *LM, "--nbest-output", "joined").stdout == first
    assert read_nbest("joined").lists == read_nbest("same").lists
