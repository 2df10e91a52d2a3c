"""Word pieces joined to words: beside sentencepiece itself, where it is installed, and path by path
without it.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_lattices import all_paths, make_lattice, path_totals, random_lattice, words_of
from tiny_pieces import needs_sentencepiece, train_pieces

from rescorer.errors import InputError
from rescorer.recognition.formats.k2 import Ragged
from rescorer.recognition.lattice import Lattice, Symbols
from rescorer.recognition.word_pieces import as_pieces, join_pieces, read_pieces


def texts(lattice: Lattice) -> list[tuple[str, float]]:
    """(text, total) of every path, sorted."""
    paths = all_paths(lattice)
    totals = path_totals(lattice.scores["score"], paths).round(9).tolist()
    return sorted(zip((" ".join(words_of(lattice, path)) for path in paths), totals, strict=True))


def labelled(lattice: Lattice, symbols: Symbols) -> Lattice:
    """The lattice with labels that another table has too."""
    labels = np.array(
        [symbols.labels.index(lattice.symbols.labels[label]) for label in lattice.labels], np.int64
    )
    return replace(lattice, symbols=symbols, labels=labels)


def check_valid(lattice: Lattice) -> None:
    """What a Lattice promises."""
    assert (np.diff(lattice.sources) >= 0).all() and (lattice.sources < lattice.targets).all()
    assert set(lattice.sources.tolist()) == set(range(lattice.states - 1))
    assert set(lattice.targets.tolist()) == set(range(1, lattice.states))
    assert not lattice.labels[lattice.ends].any()
    words = lattice.symbols.words
    assert len(set(words)) == len(words) and set(lattice.labels.tolist()) | {0} == set(
        range(len(words))
    )


@needs_sentencepiece
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"model_type": "bpe", "vocab_size": 80},
        {"byte_fallback": True, "vocab_size": 340},
        {"split_by_whitespace": False, "vocab_size": 120},
        {"treat_whitespace_as_suffix": True, "vocab_size": 80},
        {"control_symbols": ["<zero>", "<mark>"]},
    ],
)
def test_every_path_says_what_sentencepiece_says(tmp_path: Path, settings: dict[str, Any]) -> None:
    import sentencepiece

    path = train_pieces(tmp_path, **settings)
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    symbols = read_pieces(path)
    assert symbols.labels == (
        "",
        *(model.id_to_piece(number) for number in range(1, model.get_piece_size())),
    )
    draw = np.random.default_rng(3)
    rare = list(symbols.labels[3:])
    some = [*draw.choice(rare, 12).tolist(), "<unk>", "▁"]
    if "byte_fallback" in settings:
        some = ["<0xE4>", "<0xBD>", "<0xA0>", "<0x41>", "<0x20>", "<0xFF>", *some[:4]]
    if "control_symbols" in settings:
        some += ["<mark>"] * 3
    seen = 0
    for _ in range(120):
        made = random_lattice(draw, int(draw.integers(2, 8)), int(draw.integers(1, 14)), some)
        pieces = labelled(made, symbols)
        joined = join_pieces(pieces)
        expected = []
        for arcs in all_paths(pieces):
            ids = [int(label) for label in pieces.labels[arcs] if label]
            text = model.decode(ids).replace("⁇", "<unk>")
            expected.append(
                (" ".join(text.split()), round(float(pieces.scores["score"][arcs].sum()), 9))
            )
        found = texts(joined)
        assert [text for text, _ in found] == [text for text, _ in sorted(expected)]
        np.testing.assert_allclose(
            [total for _, total in found], [total for _, total in sorted(expected)], atol=1e-8
        )
        seen += len(expected)
        if joined.states:
            check_valid(joined)
        back = as_pieces(joined)
        same_pieces = sorted(
            [int(label) for label in back.labels[arcs] if label] for arcs in all_paths(back)
        )
        assert same_pieces == sorted(
            [int(label) for label in pieces.labels[arcs] if label] for arcs in all_paths(pieces)
        )
    assert seen > 500


def joined(
    arcs: Sequence[tuple[int, int, str]], finals: Sequence[int], scores: Sequence[float] = ()
) -> Lattice:
    return join_pieces(make_lattice(arcs, finals, scores))


def test_words_stand_where_the_next_begins() -> None:
    lattice = joined(
        [(0, 1, "▁new"), (1, 2, "er"), (2, 3, "▁one"), (2, 3, "s")], [3], [1, 2, 4, 8, 16]
    )
    assert texts(lattice) == [("newer one", 23.0), ("newers", 27.0)]
    words = [lattice.symbols.labels[label] for label in lattice.labels]
    assert words == ["", "", "newer", "", "newers", "one", "", ""]
    assert lattice.scores["score"].tolist() == [1, 2, 4, 8, 0, 0, 16, 16]


def test_states_are_split_by_unfinished_words_alone() -> None:
    arcs = [(0, 1, "▁a"), (0, 1, "▁b"), (1, 2, "▁"), (2, 3, "▁c"), (2, 3, "▁d")]
    lattice = joined(arcs, [3])
    assert texts(lattice) == [("a c", 0.0), ("a d", 0.0), ("b c", 0.0), ("b d", 0.0)]
    # one of 0; two of 1, 2 and 3; one more for the last word of each of these; the end
    assert lattice.states == 10
    assert joined([(0, 1, "▁a"), (1, 2, "▁b"), (1, 2, "▁c"), (2, 3, "▁d")], [3]).states == 7


def test_unknown_pieces_and_bytes() -> None:
    for pieces, text in (
        (["a", "<unk>", "b"], "a <unk> b"),
        (["<unk>", "<unk>"], "<unk> <unk>"),
        (["▁", "<unk>", "▁"], "<unk>"),
        (["▁x", "<0xC3>", "<0xA9>", "t"], "xét"),
        (["<0xE4>", "<0xBD>", "a"], "\ufffd\ufffda"),
        (["▁"], ""),
        (["▁a▁b", "c▁d▁e", "f"], "a bc d ef"),
        (["a▁", "b▁"], "a b"),
    ):
        lattice = joined(
            [(number, number + 1, piece) for number, piece in enumerate(pieces)], [len(pieces)]
        )
        assert texts(lattice) == [(text, 0.0)]


def test_fields_go_with_their_arcs() -> None:
    made = make_lattice([(0, 1, "▁a"), (0, 1, "▁b"), (1, 2, "c")], [2], [1, 2, 4, 8])
    times = Ragged(np.array([0, 2, 2, 3, 4]), np.array([1, 2, 3, 4]))
    lattice = join_pieces(
        replace(
            made,
            arc_fields={"times": times, "frame": np.array([5, 6, 7, 8])},
            state_fields={"time": np.array([0, 10, 20, 30])},
        )
    )
    taken = lattice.arc_fields["times"]
    assert isinstance(taken, Ragged) and np.diff(taken.splits).tolist() == [2, 0, 1, 1, 0, 0, 1, 1]
    assert np.asarray(lattice.arc_fields["frame"]).tolist() == [5, 6, 7, 7, 0, 0, 8, 8]
    assert np.asarray(lattice.state_fields["time"]).tolist() == [0, 10, 10, 20, 20, 20, 20, 30]
    back = as_pieces(lattice)
    assert back.symbols is made.symbols
    assert [made.symbols.labels[label] for label in back.labels] == [
        "▁a",
        "▁b",
        "c",
        "c",
        "",
        "",
        "",
        "",
    ]
    assert set(back.arc_fields) == {"times", "frame"} and texts(back) == [
        ("▁a c", 13.0),
        ("▁b c", 14.0),
    ]


def test_nothing_is_said_or_there_is_no_path() -> None:
    assert texts(joined([(0, 1, "")], [1], [1, 2])) == [("", 3.0)]
    assert texts(joined([], [0], [2])) == [("", 2.0)]
    empty = joined([(0, 1, "▁a")], [])
    assert (empty.states, empty.arcs, empty.symbols.labels) == (0, 0, ("",))
    assert as_pieces(empty).symbols.labels == ("", "▁a")


def test_a_long_lattice_takes_no_more_steps_than_words() -> None:
    draw = np.random.default_rng(0)
    pieces = [*(f"▁{a}{b}" for a in "abcdefgh" for b in "aeiou"), "s", "er", "ing"]
    count = 20_000
    arcs = [
        (int(state), int(state) + 1 + int(draw.integers(3)), str(draw.choice(pieces)))
        for state in np.repeat(np.arange(count // 4), 4)
    ]
    lattice = joined(arcs, [max(target for _, target, _ in arcs)])
    assert lattice.arcs > count and len(lattice.symbols.labels) < 40 * 4**4


def test_words_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rescorer.recognition.word_pieces._MOST_ARCS", 1000)
    arcs = [(state, state + 1, piece) for state in range(12) for piece in "ab"]
    with pytest.raises(InputError, match=r"utterance 'tiny': .*remedy: prune"):
        joined(arcs, [12])


@needs_sentencepiece
def test_files_that_are_no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (b"", b"<eps> 0\n", train_pieces(tmp_path).read_bytes()[:99]):
        (tmp_path / "bad.model").write_bytes(content)
        with pytest.raises(InputError, match=r"bad\.model: no model of sentencepiece; .*remedy"):
            read_pieces(tmp_path / "bad.model")
    with pytest.raises(InputError, match=r"none\.model: cannot be read"):
        read_pieces(tmp_path / "none.model")


def test_without_sentencepiece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(
        InputError, match=r"bpe\.model: sentencepiece, which reads this file, .*pip install"
    ):
        read_pieces(tmp_path / "bpe.model")


@needs_sentencepiece
@pytest.mark.parametrize("damage", ["gzip", "piece"])
def test_damaged_models(tmp_path: Path, damage: str) -> None:
    """Compression that is cut short, and a piece that is no UTF-8."""
    model = train_pieces(tmp_path)
    content = model.read_bytes()
    at = content.index("▁".encode())
    damaged = (
        gzip.compress(content)[:-20]
        if damage == "gzip"
        else content[:at] + b"\xff" + content[at + 1 :]
    )
    model.write_bytes(damaged)
    with pytest.raises(InputError, match="remedy: "):
        read_pieces(model)
