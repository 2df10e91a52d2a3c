"""Rescoring with expected names from Python: what `rescore --names` does, on strings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from rescorer.errors import InputError
from rescorer.models.expected_words import ExpectedWords
from rescorer.models.language_model import LanguageModel
from rescorer.pronunciation.confusions import Confusions
from rescorer.pronunciation.lexicon import Lexicon
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.nbest import NBest
from rescorer.rescoring.candidates import CandidateSearch
from rescorer.rescoring.lattice import rescore_lattices
from rescorer.rescoring.list_lattices import list_lattices
from rescorer.rescoring.names import ExpectedNames, Name
from rescorer.rescoring.nbest import as_lists, raw_scores
from rescorer.rescoring.settings import CandidateSettings
from rescorer.rescoring.weights import TunedWeights

# Names of all utterances, or of each one.
Names = ExpectedNames | Iterable[str | Name] | Mapping[str, Iterable[str | Name]]


def with_names(
    lattices: Iterable[Lattice],
    lm: LanguageModel | Sequence[LanguageModel],
    names: Names,
    *,
    lexicon: Lexicon | None = None,
    confusions: Confusions | None = None,
    settings: CandidateSettings | None = None,
) -> tuple[Iterator[Lattice], list[LanguageModel]]:
    """Lattices with expected names, and the models that score them: what `rescore_lattices` takes.

    A name that sounds like what was written becomes an alternative path. The lattices get the raw
    scores `sound`, `spelling`, `replaced` and `bias`, and the models a class of expected words.

        lattices, models = rescorer.with_names(lattices, lm, ["mary ann"])
        rescorer.rescore_lattices(lattices, models)

    Args:
        lm: a model, or models that are mixed word by word.
        names: of one or more words each, for all utterances or by utterance. A `Name` may have a
            weight, a class and pronunciations in ARPAbet.
        lexicon: pronunciations in ARPAbet, which precede those of the package. Its case should be
            "lower", so that names in any case are found.
        confusions: what phones are heard as; None: those of the package.
        settings: which names become candidates.

    Raises:
        InputError: a name without words, or a text in place of names; and, when it is its turn, a
            lattice that has one of the scores already.
    """
    models = [lm] if isinstance(lm, LanguageModel) else list(lm)
    expected = _expected(names)
    search = CandidateSearch.english(expected, lexicon, confusions, settings, models)
    number = expected.number_in_utterance
    return search.add(lattices), [ExpectedWords(model, number) for model in models]


def rescore_with_names(
    hypotheses: Sequence[NBest] | Mapping[str, Sequence[tuple[str, float]]],
    lm: LanguageModel | Sequence[LanguageModel],
    names: Names,
    weights: TunedWeights | None = None,
    *,
    nbest: int = 100,
    lexicon: Lexicon | None = None,
    confusions: Confusions | None = None,
    settings: CandidateSettings | None = None,
) -> list[NBest]:
    """Rescore n-best lists in which names are expected that no hypothesis may hold.

        lists = {"utterance": [("call marry ann", -1.0)]}
        rescorer.rescore_with_names(lists, lm, ["mary ann"])

    Args:
        hypotheses: lists, or for each utterance its (text, natural-log score) pairs.
        weights: weights that `rescore --names … --tune` fitted, from `TunedWeights.load`; None:
            weights that are chosen for these lists, in which names count by rule of thumb.
        nbest: hypotheses of each result at most.
        lm, names, lexicon, confusions, settings: as in `with_names`.

    Returns:
        The lists with names, best hypothesis first, with the new scores beside the old ones.

    Raises:
        InputError: as `score_lists` and `with_names`, or the weights are for other scores.
    """
    lists = as_lists(hypotheses)
    raw_scores(lists)  # raises the errors
    lattices, models = with_names(
        list_lattices(lists),
        lm,
        names,
        lexicon=lexicon,
        confusions=confusions,
        settings=settings,
    )
    rescored = rescore_lattices(lattices, models, weights)
    return [
        replace(result.n_best(nbest), reference=given.reference)
        for given, result in zip(lists, rescored, strict=True)
    ]


def _expected(names: Names) -> ExpectedNames:
    if isinstance(names, ExpectedNames):
        return names
    if isinstance(names, Mapping):
        return ExpectedNames(by_utterance={key: _listed(each) for key, each in names.items()})
    return ExpectedNames(_listed(names))


def _listed(names: Iterable[str | Name]) -> tuple[Name, ...]:
    if isinstance(names, str):  # which would be taken as letters
        raise InputError(
            f"names given as one text, {names!r}",
            expected="a list of names",
            remedy="give ['mary ann', …], or the names of a file by read_names",
        )
    listed = tuple(Name(tuple(each.split())) if isinstance(each, str) else each for each in names)
    if not all(name.words for name in listed):
        raise InputError("a name without words", expected="one or more words", remedy="drop it")
    return listed
