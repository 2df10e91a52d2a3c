"""What `rescore` reads for expected names: the names, and how words are pronounced and misheard."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np

from rescorer.errors import InputError
from rescorer.models.expected_words import ExpectedWords
from rescorer.models.language_model import MARKS, LanguageModel
from rescorer.pronunciation.confusions import Confusions
from rescorer.pronunciation.confusions_file import load_confusions
from rescorer.pronunciation.lexicon import Lexicon
from rescorer.pronunciation.lexicon_formats import read_lexicon
from rescorer.pronunciation.phones import ARPABET
from rescorer.rescoring.candidates import CandidateSearch
from rescorer.rescoring.cluster import Executor
from rescorer.rescoring.names import (
    ExpectedNames,
    Name,
    read_names,
    read_names_by_utterance,
)
from rescorer.rescoring.settings import CandidateSettings, InputFiles

# Words that are more frequent are no names; the border of rare words of Le et al. (2021),
# "Contextualized streaming end-to-end speech recognition with trie-based deep biasing".
COMMON_WORDS = 5000
_SHOWN = 3

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Task = Callable[[Sequence[LanguageModel], _Item], Iterable[_Result]]


@dataclass(frozen=True, eq=False)
class NameFiles:
    """What the files of expected names hold.

    Attributes:
        names: of the lists; without the words of a model.
        lexicon: pronunciations that precede those of the package.
        confusions: None: those of the package.
    """

    files: InputFiles
    names: ExpectedNames
    lexicon: Lexicon | None
    confusions: Confusions | None

    @classmethod
    def read(cls, files: InputFiles) -> NameFiles:
        """Read the files. Raises InputError if one cannot be used."""
        by_utterance = files.names_by_utterance
        names = ExpectedNames(
            read_names(files.names) if files.names else (),
            read_names_by_utterance(by_utterance) if by_utterance else None,
        )
        lexicon = read_lexicon(files.lexicon, ARPABET, case="lower") if files.lexicon else None
        confusions = load_confusions(files.confusions, ARPABET) if files.confusions else None
        return cls(files, names, lexicon, confusions)

    def for_models(self, models: Sequence[LanguageModel], settings: CandidateSettings) -> NameInput:
        """The names, with the rarer words of a model where they are asked for.

        Raises:
            InputError: no model lists its words.
        """
        rarer = rarer_words(models) if self.files.names_of_model else ()
        names = replace(self.names, everywhere=self.names.everywhere + rarer)
        given = None if settings == CandidateSettings() else settings
        search = CandidateSearch.english(names, self.lexicon, self.confusions, given, models)
        return NameInput(self.files, names, search)


@dataclass(frozen=True, eq=False)
class NameInput:
    """Expected names, and all that finds what sounds like them."""

    files: InputFiles
    names: ExpectedNames
    search: CandidateSearch

    def expecting(self, models: Iterable[LanguageModel]) -> list[LanguageModel]:
        """The models with a class of expected words."""
        return _expecting(models, self.names.number_in_utterance)

    def executor(self, executor: Executor) -> Executor:
        """The executor, whose workers may load plain models: they get the class there."""
        number = self.names.number_in_utterance

        def expecting(
            task: _Task[_Item, _Result], models: Sequence[LanguageModel], items: Iterable[_Item]
        ) -> Iterator[Iterable[_Result]]:
            return executor(partial(_with_class, task, number), models, items)

        return expecting

    def remarks(self, utterances: Collection[str]) -> Iterator[str]:
        """Lines on names without a pronunciation and on utterances that the input lacks."""
        words = {
            word for name in self.names.all() if not name.pronunciations for word in name.words
        }
        silent = sorted(word for word in words if not self.search.phones.of_words((word,)))
        if silent:
            shown = ", ".join(silent[:_SHOWN])
            yield (
                f"{len(silent)} of {len(words)} words of names have no pronunciation ({shown}"
                f"{', …' if len(silent) > _SHOWN else ''}): only a recognised one gets the bonus"
            )
        listed = (self.names.by_utterance or {}).keys()
        if missing := listed - set(utterances):
            yield (
                f"{len(missing)} of the {len(listed)} utterances of "
                f"{self.files.names_by_utterance} are not in the input, the first is "
                f"{min(missing)}: skipped"
            )


def _expecting(models: Iterable[LanguageModel], number: float) -> list[LanguageModel]:
    return [
        model if isinstance(model, ExpectedWords) else ExpectedWords(model, number)
        for model in models
    ]


def _with_class(
    task: _Task[_Item, _Result], number: float, models: Sequence[LanguageModel], item: _Item
) -> Iterable[_Result]:
    return task(_expecting(models, number), item)


def rarer_words(models: Sequence[LanguageModel]) -> tuple[Name, ...]:
    """The words of the first model that has counts, without the most frequent ones.

    They are possible, not expected, so they have no weight: they get no bonus.

    Raises:
        InputError: no model has counts.
    """
    for model in models:
        vocabulary = getattr(getattr(model, "model", model), "vocabulary", None)
        if vocabulary is not None:
            order = np.argsort(-vocabulary.counts, kind="stable")
            words = (vocabulary.words[place] for place in order[COMMON_WORDS:].tolist())
            return tuple(Name((word,), weight=0.0) for word in words if word not in MARKS)
    raise InputError(
        "--names vocabulary: no model lists its words with their counts",
        expected="a lightrnn.pt among the models",
        remedy="give one with --lm, or a list with --names FILE",
    )
