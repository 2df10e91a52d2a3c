"""Lists of words added to a model file and removed from it, as a user does it, and all that he can
get wrong.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from conftest import WORDS, make_model, make_vocabulary

from rescorer.errors import InputError
from rescorer.models.lightrnn import LightRNN
from rescorer.models.word_list import WordList
from rescorer.models.word_table import WordTable
from rescorer.training.corpus import read_sentences
from rescorer.training.model_files import add_words_file, remove_words_file
from rescorer.training.new_words.add_words import add_words
from rescorer.training.settings import NewWordSettings


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    model = make_model(11, WordTable.shaped(11, 4, 3).shuffled(1))
    model.provenance = {"texts": ["old.txt"]}
    model.save(tmp_path / "lightrnn.pt")
    (tmp_path / "words").write_text("emu\nyak\t3\ncat\nemu\n\n", encoding="utf-8")
    (tmp_path / "text").write_text("the emu sat\nthe cat sat\n", encoding="utf-8")
    (tmp_path / "like").write_text("cat\ndog\nowl\n", encoding="utf-8")
    return {
        name: tmp_path / name
        for name in ("lightrnn.pt", "words", "text", "like", "new.pt", "old.pt")
    }


def test_add_and_remove_files(files: dict[str, Path]) -> None:
    before, said = files["lightrnn.pt"].read_bytes(), []
    report = add_words_file(
        files["lightrnn.pt"],
        files["words"],
        files["new.pt"],
        texts=[files["text"]],
        like=files["like"],
        say=said.append,
    )
    assert report and (report.words, report.with_examples) == (2, 1)
    assert any("1 of them known already" in line for line in said) and any(
        "1 lines repeat" in line for line in said
    )
    assert files["lightrnn.pt"].read_bytes() == before
    new = LightRNN.load(files["new.pt"])
    assert new.vocabulary.words == (*WORDS, "emu", "yak") and new.vocabulary.counts[
        -2:
    ].tolist() == [1, 3]
    [note] = new.provenance["additions"]
    assert new.provenance["texts"] == ["old.txt"]
    assert (note["words"], note["prior"], note["texts"], note["like"]) == (2, 1.0, ["text"], "like")
    assert note["pseudo_counts"] == 4
    assert remove_words_file(files["new.pt"], files["words"], files["old.pt"], say=said.append) == 3
    old = LightRNN.load(files["old.pt"])
    assert "emu" not in old.vocabulary and "cat" not in old.vocabulary and len(old.vocabulary) == 10
    assert old.provenance["removals"] == [{"words": 3, "list": "words"}]


def test_a_gazetteers_counts_are_no_pseudo_counts(files: dict[str, Path]) -> None:
    files["words"].write_text(
        "emu\t22315474\tbirds,places\nyak\t3\ngnu\t0\tplaces\n", encoding="utf-8"
    )
    add_words_file(
        files["lightrnn.pt"], files["words"], files["new.pt"], NewWordSettings(prior=2.0), say=print
    )
    new = LightRNN.load(files["new.pt"])
    assert new.vocabulary.words[-3:] == ("emu", "yak", "gnu") and new.vocabulary.counts[
        -3:
    ].tolist() == [2, 3, 2]


def test_only_known_words(files: dict[str, Path]) -> None:
    said: list[str] = []
    files["words"].write_text("cat\ndog\n", encoding="utf-8")
    assert (
        add_words_file(files["lightrnn.pt"], files["words"], files["new.pt"], say=said.append)
        is None
    )
    assert LightRNN.load(files["new.pt"]).vocabulary.words == WORDS
    assert (
        remove_words_file(files["lightrnn.pt"], files["like"], files["old.pt"], say=said.append)
        == 2
    )


def test_examples_without_the_words_are_reported(files: dict[str, Path]) -> None:
    said: list[str] = []
    files["text"].write_text("the cat sat\n", encoding="utf-8")
    add_words_file(
        files["lightrnn.pt"],
        files["words"],
        files["new.pt"],
        texts=[files["text"]],
        say=said.append,
    )
    assert any(
        "2 of the 2 new words are in no sentence of" in line and "text" in line for line in said
    )


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("words", "new york\n", r"words:1: 'new york' is not one word.*expected.*remedy"),
        ("words", "emu\n\u00a0\n \n", r"words in"),
        ("words", "emu\na\u200bb\n", r"words:2: .*ZERO WIDTH SPACE"),
        ("words", "emu\na\x07b\n", r"words:2: .*control characters"),
        ("words", "<s>\n", r"words:1: '<s>' is a special token"),
        ("words", "emu\n<unk>\n", r"words:2: '<unk>' is a special token"),
        ("words", "emu\tmany\n", r"words:1: 'many' after the word"),
        ("words", "emu\t0\n", r"words:1: '0' after the word"),
        ("words", "emu\t-3\n", r"after the word"),
        ("words", "emu\tnan\n", r"after the word"),
        ("words", "emu\t1\tbirds\tmore\n", r"words:1: '1 birds more' after the word"),
        ("words", "emu\tmany\tbirds\n", r"words:1: 'many birds' after the word"),
        ("words", "\tx\n", r"words:1: '' is not one word"),
        ("words", "", r"no word in the list"),
        ("like", "owl\nelk\n", r"like: the model knows none of its 2 words"),
    ],
)
def test_bad_lists(files: dict[str, Path], name: str, content: str, said: str) -> None:
    files[name].write_text(content, encoding="utf-8")
    lines: list[str] = []
    if said == "words in":
        add_words_file(files["lightrnn.pt"], files["words"], files["new.pt"], say=lines.append)
        return
    with pytest.raises(InputError, match=said) as error:
        add_words_file(
            files["lightrnn.pt"],
            files["words"],
            files["new.pt"],
            like=files["like"],
            say=lines.append,
        )
    assert "\n" not in str(error.value) and not files["new.pt"].exists()


def test_a_prior_below_0_is_no_setting() -> None:
    with pytest.raises(ValueError, match="prior = -1"):
        NewWordSettings(prior=-1.0)


def test_no_step_of_fine_tuning_is_no_setting() -> None:
    with pytest.raises(ValueError, match="finetune = 0"):
        NewWordSettings(finetune=0)


def test_bad_requests(files: dict[str, Path]) -> None:
    model, words, new = files["lightrnn.pt"], files["words"], files["new.pt"]
    for said, call in {
        "another --output": lambda: add_words_file(model, words, model, say=print),
        "device": lambda: add_words_file(model, words, new, device="tpu:9", say=print),
        "cannot be read": lambda: add_words_file(model, words.with_name("none"), new, say=print),
        "text-none": lambda: add_words_file(
            model, words, new, texts=[words.with_name("text-none")], say=print
        ),
        "not a model file": lambda: add_words_file(words, words, new, say=print),
        "2 new words": lambda: add_words_file(
            model, words, new, NewWordSettings(grow="no"), say=print
        ),
        "another --output;": lambda: remove_words_file(model, words, model, say=print),
    }.items():
        with pytest.raises(InputError, match=said):
            call()
        assert not new.exists()
    words.write_bytes(b"emu\ncaf\xe9\n")
    with pytest.raises(InputError, match="words:2: byte 0xe9 is not UTF-8"):
        add_words_file(model, words, new, say=print)
    words.write_text("</s>\n", encoding="utf-8")
    with pytest.raises(InputError, match="is a special token"):
        remove_words_file(model, words, new, say=print)


def test_lists_take_the_case_of_the_vocabulary(tmp_path: Path) -> None:
    path = tmp_path / "words.gz"
    path.write_bytes(gzip.compress("\ufeffEmu\t2\nemu\nYAK\n".encode()))
    lower = WordList.read(path, make_vocabulary(case="lower"), count=0.5)
    assert (lower.words, lower.counts.tolist(), lower.lowered, lower.repeated) == (
        ("emu", "yak"),
        [2.0, 0.5],
        2,
        1,
    )
    as_is = WordList.read(path, make_vocabulary())
    assert (as_is.words, as_is.lowered, as_is.repeated) == (("Emu", "emu", "YAK"), 0, 0)


def test_example_sentences_take_the_case_too(tmp_path: Path) -> None:
    model = make_model(11, WordTable.shaped(11, 4, 4).shuffled(0))
    lower = model.with_words(make_vocabulary(case="lower"), model.table)
    (tmp_path / "text").write_text("The EMU sat\n", encoding="utf-8")
    _, report = add_words(
        lower,
        ["emu", "yak"],
        np.ones(2),
        examples=read_sentences([tmp_path / "text"]),
        settings=NewWordSettings(text_words=2048, row_contexts=64),
    )
    assert report.with_examples == 1
