"""Which rivals there are, by the name that the table calls them by: `NAME` or `NAME:FIELD=VALUE,FIELD=VALUE`.

The fields are those of the rival's settings, and for LightRNN also rows and columns of its table, how it is first
filled (`first_table`: "likeness" or "frequency") and after which intervals its words are placed anew:
`lightrnn:rows=1250,columns=8,reallocate_after=[1]`. Values are JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from rescorer.errors import InputError
from rescorer.models.light_rnn import LightRNN, LightRNNSettings
from rescorer.models.trainable import Trainable
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.training.first_table import company, first_table
from rescorer.training.first_vectors import begin_alike
from rivals import sampled_softmax, word_classes
from rivals.adaptive_softmax import AdaptiveSoftmax
from rivals.blackout import BlackOut
from rivals.full_softmax import FullSoftmax
from rivals.hierarchical_softmax import HierarchicalSoftmax, HierarchicalSoftmaxSettings
from rivals.nce import NCE
from rivals.recurrent import Recurrent
from rivals.slim_embedding import SlimEmbedding

KNESER_NEY = "kneser-ney"
LIGHT_RNN = "lightrnn"
RIVALS: dict[str, tuple[type[Recurrent], dict[str, Any]]] = {
    "adaptive": (AdaptiveSoftmax, {}),
    "hierarchical": (HierarchicalSoftmax, {"by": "frequency"}),
    "hierarchical-clusters": (HierarchicalSoftmax, {"by": "clusters"}),
    "nce": (NCE, {}),
    "blackout": (BlackOut, {}),
    "slim": (SlimEmbedding, {}),
    "full-tied": (FullSoftmax, {"tied": True}),
    "full": (FullSoftmax, {}),
}
CHEAP_FIRST = (KNESER_NEY, LIGHT_RNN, *RIVALS)
_TABLE_FIELDS = ("rows", "columns", "first_table", "reallocate_after")
_PART = re.compile(r"(\w+)=(.+?)(?=,\w+=|$)")


@dataclass(frozen=True)
class Entry:
    """One line of the table.

    Attributes:
        spec: as the user wrote it.
        name: its part before the colon.
        options: what it says after it.
    """

    spec: str
    name: str
    options: Mapping[str, Any]

    @classmethod
    def parse(cls, spec: str) -> Entry:
        """Raises InputError where there is no such rival or field."""
        name, _, rest = spec.partition(":")
        if name not in CHEAP_FIRST:
            raise InputError(f"no rival is called {name!r}", expected=", ".join(CHEAP_FIRST), remedy="correct --rows")
        options = {}
        for part in _PART.finditer(rest):
            try:
                options[part[1]] = json.loads(part[2])
            except ValueError:
                options[part[1]] = part[2]
        if ",".join(part[0] for part in _PART.finditer(rest)) != rest:
            raise InputError(f"row {spec!r}", expected="NAME:FIELD=VALUE,FIELD=VALUE", remedy="correct --rows")
        unknown = sorted(options.keys() - cls._fields_of(name))
        if unknown:
            raise InputError(f"row {spec!r} sets {unknown[0]}", expected=", ".join(sorted(cls._fields_of(name))) or
                             "no fields", remedy="correct --rows")
        return cls(spec, name, options)

    @staticmethod
    def _fields_of(name: str) -> set[str]:
        if name == KNESER_NEY:
            return set()
        if name == LIGHT_RNN:
            return {field.name for field in fields(LightRNNSettings)} | set(_TABLE_FIELDS)
        return {field.name for field in fields(RIVALS[name][0].Settings)}

    @property
    def kind(self) -> type[Trainable]:
        """Of its network."""
        return LightRNN if self.name == LIGHT_RNN else RIVALS[self.name][0]

    @property
    def reallocate_after(self) -> tuple[int, ...]:
        return tuple(self.options.get("reallocate_after", ()))

    def known(self, common: Mapping[str, Any], ids: np.ndarray, vocabulary: Vocabulary) -> dict[str, np.ndarray]:
        """What the network needs to know of each word from the training text [N], none or several of:

        its `classes` [V], the first `cells` [V] of a table, the `company` [V, F] that it keeps.
        """
        if self.name == LIGHT_RNN:
            return self._first_table(ids, vocabulary)
        if self.options.get("alike"):
            return {"company": company(ids, vocabulary, ())}
        if RIVALS[self.name][0] is not HierarchicalSoftmax:
            return {}
        settings = HierarchicalSoftmaxSettings(**{**common, **RIVALS[self.name][1], **self.options})
        count = settings.classes or round(len(vocabulary) ** 0.5)
        if settings.by == "frequency":
            return {"classes": word_classes.by_frequency(vocabulary.counts, count)}
        return {"classes": word_classes.by_clusters(ids, vocabulary.counts, count)}

    def _first_table(self, ids: np.ndarray, vocabulary: Vocabulary) -> dict[str, np.ndarray]:
        shape, how = self._shape(len(vocabulary)), self.options.get("first_table", "likeness")
        if how not in ("likeness", "frequency"):
            raise InputError(f"row {self.spec!r}: first_table {how!r}", expected="likeness or frequency",
                             remedy="correct --rows")
        if how == "frequency":
            return {"cells": shape.cells}
        vectors = company(ids, vocabulary, ())
        return {"cells": first_table(vectors, vocabulary.counts, shape.rows, shape.columns).cells, "company": vectors}

    def _shape(self, size: int) -> WordTable:
        return WordTable.shaped(size, self.options.get("rows"), self.options.get("columns"))

    def make(self, common: Mapping[str, Any], vocabulary: Vocabulary, known: Mapping[str, np.ndarray]) -> Trainable:
        """The network, with its first parameters.

        Args:
            common: width, layers and dropout.
            known: what `known` found.

        Raises:
            InputError: the settings do not fit.
        """
        try:
            if self.name == LIGHT_RNN:
                return self._light_rnn(common, vocabulary, known)
            kind, preset = RIVALS[self.name]
            model = kind(kind.Settings(**{**common, **preset, **self.options}), vocabulary, known.get("classes"))
        except (TypeError, ValueError) as error:
            raise InputError(f"row {self.spec!r}: {error}", remedy="correct --rows") from None
        if "company" in known:
            sampled_softmax.begin_alike(model, known["company"])
        return model

    def _light_rnn(
        self, common: Mapping[str, Any], vocabulary: Vocabulary, known: Mapping[str, np.ndarray]
    ) -> LightRNN:
        shape = self._shape(len(vocabulary))
        own = {key: value for key, value in self.options.items() if key not in _TABLE_FIELDS}
        model = LightRNN(LightRNNSettings(**{**common, **own}), vocabulary,
                         WordTable(shape.rows, shape.columns, known["cells"]))
        if "company" in known:
            begin_alike(model, known["company"])
        return model
