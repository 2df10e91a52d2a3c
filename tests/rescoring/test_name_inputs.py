"""What is read for expected names, and the class that models get."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import make_model
from tiny import make_ngram

from rescorer.errors import InputError
from rescorer.models.expected_words import ExpectedWords, marked
from rescorer.models.language_model import LanguageModel
from rescorer.rescoring.cluster import serial_executor
from rescorer.rescoring.name_inputs import COMMON_WORDS, NameInput, rarer_words
from rescorer.rescoring.names import ExpectedNames, Name
from rescorer.rescoring.settings import InputFiles


def names_of(names: ExpectedNames, said: Sequence[str] = ()) -> NameInput:
    """Names of which these words have a pronunciation."""
    phones = SimpleNamespace(of_words=lambda words: [0] if words[0] in said else [])
    files = InputFiles((Path("in"),), names_by_utterance=Path("by"))
    return NameInput(files, names, SimpleNamespace(phones=phones))  # type: ignore[arg-type]


def test_the_rarer_words_of_the_first_model_with_counts(tmp_path: Path) -> None:
    model = make_model(COMMON_WORDS + 3)
    expected = tuple(Name((f"w{number}",), 0.0) for number in range(COMMON_WORDS, COMMON_WORDS + 3))
    assert rarer_words([make_ngram(tmp_path), model]) == expected
    assert rarer_words([ExpectedWords(model, 1)]) == expected
    assert rarer_words([make_model()]) == ()
    with pytest.raises(InputError, match="no model lists its words with their counts"):
        rarer_words([make_ngram(tmp_path)])


def test_remarks() -> None:
    names = ExpectedNames(
        (Name(("ann",)), Name(("x1",), pronunciations=(("AE", "N"),)), Name(("x2", "ann"))),
        {"u1": (Name(("x3",)), Name(("x4",)), Name(("x5",))), "u2": (), "u0": ()},
    )
    first, second = names_of(names, ["ann"]).remarks(["u1"])
    assert first == (
        "4 of 5 words of names have no pronunciation (x2, x3, x4, …): "
        "only a recognised one gets the bonus"
    )
    assert second == ("2 of the 3 utterances of by are not in the input, the first is u0: skipped")
    assert list(names_of(ExpectedNames((Name(("ann",)),)), ["ann"]).remarks([])) == []


def _totals(models: Sequence[LanguageModel], item: str) -> list[float]:
    return [model.logprob(item.split()) for model in models]


def _on_workers(
    task, models: Sequence[LanguageModel], items: Iterable[str]
) -> Iterator[list[float]]:
    """As a cluster: the task is pickled, and the workers load plain models."""
    task = pickle.loads(pickle.dumps(task))
    return (task([make_model()], item) for item in items)


def test_workers_expect_the_names_too() -> None:
    found = names_of(ExpectedNames((Name(("strange",)), Name(("cat",)))))
    models = found.expecting([make_model()])
    texts = ["the cat", f"the {marked('strange')}", f"{marked('cat')} sat"]
    here = list(found.executor(serial_executor)(_totals, models, texts))
    there = list(found.executor(_on_workers)(_totals, models, texts))  # type: ignore[arg-type]
    assert here == there == [_totals(models, text) for text in texts]
    assert found.expecting(models) == models, "the class is there once"
