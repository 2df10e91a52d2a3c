"""Unknown words: counted, listed, and refused if a model knows no word at all."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import make_model
from tiny import KNOWN, make_ngram, nbest

from rescorer.errors import InputError
from rescorer.models.vocabulary import Vocabulary
from rescorer.rescoring.unknown_words import (
    check_vocabulary,
    count_words,
    unknown_words,
    write_unknown_words,
)


@pytest.fixture
def model() -> Any:
    return make_model()


def test_vocabulary_of_another_case_or_language(tmp_path: Path, model: Any) -> None:
    upper = {"THE", "CAT"}
    with pytest.raises(
        InputError, match=r"lists: lightrnn knows none of the 2 words.*'CAT'.*case.*differs.*remedy"
    ):
        check_vocabulary(upper, [model], "lists")
    with pytest.raises(InputError, match=r"ngram knows none.*case.*differs"):
        check_vocabulary({"the", "cat"}, [make_ngram(tmp_path, ["THE", "CAT"])], "lists")
    with pytest.raises(InputError, match=r"languages or spellings differ"):
        check_vocabulary({"die", "Katze"}, [model], "lists")
    lower = make_model()
    lower.vocabulary = Vocabulary(model.vocabulary.words, model.vocabulary.counts, "lower")
    assert check_vocabulary(upper, [lower], "lists") == []
    assert check_vocabulary([], [model], "lists") == []


def test_unknown_words_are_counted_and_listed(tmp_path: Path, model: Any) -> None:
    lists: Counter[str] = Counter()
    hypotheses = ("cat zebra zebra yak", 0.0), ("zebra", 0.0), ("", 0.0), ("axolotl", 0.0)
    count_words(nbest("u", *hypotheses), lists)
    ngram = make_ngram(tmp_path, [*KNOWN, "zebra"])
    assert check_vocabulary(lists, [model], "lists") == [
        "lightrnn: 3 of 4 distinct words unknown, the first is 'axolotl' (--oov-report lists them)"
    ]
    assert unknown_words(lists, [model, ngram]) == {
        "lightrnn": [("zebra", 2), ("axolotl", 1), ("yak", 1)],
        "ngram": [("axolotl", 1), ("yak", 1)],
    }
    write_unknown_words(tmp_path / "oov", lists, [model, ngram])
    assert (tmp_path / "oov").read_text().splitlines() == [
        "lightrnn\tzebra\t2",
        "lightrnn\taxolotl\t1",
        "lightrnn\tyak\t1",
        "ngram\taxolotl\t1",
        "ngram\tyak\t1",
    ]
