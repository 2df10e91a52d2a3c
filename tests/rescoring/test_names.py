"""Lists of expected names: what a line may hold, and one line for what it may not."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from rescorer.errors import InputError
from rescorer.rescoring.names import ExpectedNames, Name, read_names, read_names_by_utterance


def written(folder: Path, text: str) -> Path:
    path = folder / "names"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_line_is_a_name_with_fields(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "mary  ann\tclass=person\tweight=2\tphones=M EH1 R IY0 AE N\tphones=M AE R IY AE N\n"
        "\n"
        "saint-malo\t1200\n"
        "Nguyễn\t7\tweight = 0.5\t\n"
        "김철수\n",
    )
    assert read_names(path) == (
        Name(
            ("mary", "ann"),
            2.0,
            "person",
            (("M", "EH", "R", "IY", "AE", "N"), ("M", "AE", "R", "IY", "AE", "N")),
        ),
        Name(("saint-malo",)),
        Name(("Nguyễn",), 0.5),
        Name(("김철수",)),
    )


def test_lines_of_the_same_words_are_one_name(tmp_path: Path) -> None:
    """The first line's weight and class stay; each pronunciation is there once."""
    path = written(
        tmp_path,
        "ann\tweight=3\tphones=AE N\nbob\nann\tweight=4\tclass=x\tphones=AA N\nann\tphones=AE N\n",
    )
    assert read_names(path) == (
        Name(("ann",), 3.0, "", (("AE", "N"), ("AA", "N"))),
        Name(("bob",)),
    )


def test_compressed_lists_are_read(tmp_path: Path) -> None:
    path = tmp_path / "names.gz"
    path.write_bytes(gzip.compress(b"ann\nbob\n"))
    assert read_names(path) == (Name(("ann",)), Name(("bob",)))


def test_names_by_utterance(tmp_path: Path) -> None:
    path = written(tmp_path, "u1\tmary ann\tbob\tbob\t\nu2\n\nu3\t \tann\n")
    assert read_names_by_utterance(path) == {
        "u1": (Name(("mary", "ann")), Name(("bob",))),
        "u2": (),
        "u3": (Name(("ann",)),),
    }


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "no name in the list"),
        ("\n \n", "no name in the list"),
        ("ann\n\tweight=2\n", ":2: '' is no name"),
        ("a\x07b\n", ":1: 'a\\x07b' is no name"),
        ("a\ue000b\n", ":1: 'a\\ue000b' is no name"),
        ("ann\n" + "a " * 21 + "\n", ":2: 'a a"),
        ("<unk>\n", ":1: '<unk>' is no name"),
        ("mary </s>\n", ":1: 'mary </s>' is no name"),
        ("<eps>\n", ":1: '<eps>' is no name"),
        ("ann\tweight=0\n", ":1: weight=0; expected a number above 0, at most 100"),
        ("ann\tweight=-1\n", "weight=-1"),
        ("ann\tweight=nan\n", "weight=nan"),
        ("ann\tweight=inf\n", "weight=inf"),
        ("ann\tweight=101\n", "weight=101"),
        ("ann\tweight=much\n", "weight=much"),
        ("ann\tweight=\n", "weight="),
        ("ann\tage=7\n", "field 'age=7'; expected name, then fields such as weight=2"),
        ("ann\tclass=\n", "field 'class='"),
        ("ann\tphones=\n", "field 'phones='"),
        ("bob\nann\tphones=AE X\n", ":2: unknown phone 'X'; expected one of AA AE"),
        ("ann\tphones=ae n\n", ":1: unknown phone 'ae'"),
    ],
)
def test_bad_lists(tmp_path: Path, content: str, expected: str) -> None:
    _refused(read_names, written(tmp_path, content), expected)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("\n", "no utterance in the list"),
        ("u1\tann\nu1\tbob\n", ":2: utterance 'u1' again"),
        ("u1 ann\tbob\n", ":1: utterance 'u1 ann' is no id"),
        ("\tann\n", ":1: utterance '' is no id"),
        ("u1\tann\nu2\ta\x1bb\n", ":2: 'a\\x1bb' is no name"),
        ("u1\t" + "a " * 21 + "\n", ":1: 'a a"),
    ],
)
def test_bad_lists_by_utterance(tmp_path: Path, content: str, expected: str) -> None:
    _refused(read_names_by_utterance, written(tmp_path, content), expected)


def _refused(read: Callable[[Path], object], path: Path, expected: str) -> None:
    with pytest.raises(InputError) as error:
        read(path)
    message = str(error.value)
    assert message.startswith(str(path)) and expected in message and "remedy: " in message
    assert "\n" not in message


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    for read in (read_names, read_names_by_utterance):
        with pytest.raises(InputError, match="nobody"):
            read(tmp_path / "nobody")


def test_all_names_and_their_number() -> None:
    ann, bob, eve = (Name((word,)) for word in ("ann", "bob", "eve"))
    names = ExpectedNames((ann,), {"u1": (bob, ann), "u2": ()})
    assert list(names.all()) == [ann, bob, ann]
    assert names.number_in_utterance == 1 + 2 / 2
    assert ExpectedNames((ann, bob)).number_in_utterance == 2
    assert ExpectedNames().number_in_utterance == 0
    assert list(ExpectedNames((), {"u": (eve,)}).all()) == [eve]


def test_names_are_spelled_in_another_way() -> None:
    names = ExpectedNames((Name(("mary", "ann"), 2.0, "x"),), {"u": (Name(("bob",)),)})
    assert names.spelled(str.upper) == ExpectedNames(
        (Name(("MARY", "ANN"), 2.0, "x"),), {"u": (Name(("BOB",)),)}
    )
    assert ExpectedNames((Name(("bob",)),)).spelled(str.upper).by_utterance is None
