"""What rescoring reads for lists and lattices alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny import nbest

from rescorer.errors import InputError
from rescorer.rescoring.inputs import (
    check_references,
    choose,
    need_references,
    read_words,
)
from rescorer.rescoring.settings import InputFiles, OutputFiles

UTTERANCES = ["one", "two", "three"]


def test_check_references() -> None:
    references = {"one": (), "two": (), "three": ()}
    assert check_references(UTTERANCES, references, "ref") == []
    with pytest.raises(
        InputError, match=r"ref: 2 utterances without a reference, the first is one.*remedy"
    ):
        check_references(UTTERANCES, {"two": ()}, "ref")
    (line,) = check_references(UTTERANCES, {**references, "four": ()}, "ref")
    assert line == "ref: 1 of its 4 references have no hypotheses here, the first is four: skipped"


def test_choose(tmp_path: Path) -> None:
    lists = [nbest(utterance, ("cat", 0.0)) for utterance in UTTERANCES]
    assert list(choose(lists, InputFiles((tmp_path,)))) == lists
    wanted = tmp_path / "wanted"
    wanted.write_text("three the cat\none\nfour\n")
    files = InputFiles((tmp_path,), utterances=wanted)
    assert [each.utterance for each in choose(lists, files)] == ["one", "three"]
    with pytest.raises(InputError, match="none of the utterances of"):
        list(choose(lists[1:2], files))


def test_words_of_a_list(tmp_path: Path) -> None:
    names = tmp_path / "names"
    names.write_text("cat\t17\nDOG\n")
    assert read_words(names) == {"cat", "DOG"}
    assert read_words(None) == frozenset()


def test_references_are_needed(tmp_path: Path) -> None:
    plain, outputs = InputFiles((tmp_path,)), OutputFiles(report=tmp_path / "wer.json")
    need_references(plain, OutputFiles())
    need_references(plain, outputs, held=True)
    need_references(InputFiles((tmp_path,), reference=tmp_path), outputs)
    with pytest.raises(InputError, match="--wer-output without --ref"):
        need_references(plain, outputs)
    with pytest.raises(InputError, match="--words without --ref"):
        need_references(InputFiles((tmp_path,), listed=tmp_path), OutputFiles())


def test_the_name_of_several_inputs() -> None:
    assert str(InputFiles((Path("a"),)).name) == "a"
    assert str(InputFiles((Path("a"), Path("b"), Path("c"))).name) == "a … c"
