"""The baselines by name: `NAME` or `NAME:FIELD=VALUE,FIELD=VALUE` is one entry of a table.

The fields are those of the baseline's settings. LightRNN also has rows and columns of its table,
how the table is initialised (`table_init`: "ppmi" or "frequency"), and after which intervals words
are reallocated: `lightrnn:rows=1250,columns=8,reallocate_after=[1]`. The others may read pieces of
words, and have a learning rate of their own: `full-tied:pieces=2000,lr=0.004` is a subword LSTM.
Values are JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from benchmarks.baselines import sampled_softmax, word_classes
from benchmarks.baselines.adaptive_softmax import AdaptiveSoftmax
from benchmarks.baselines.blackout import BlackOut
from benchmarks.baselines.full_softmax import FullSoftmax
from benchmarks.baselines.hierarchical_softmax import (
    HierarchicalSoftmax,
    HierarchicalSoftmaxSettings,
)
from benchmarks.baselines.nce import NCE
from benchmarks.baselines.recurrent import Recurrent
from benchmarks.baselines.slim_embedding import SlimEmbedding
from benchmarks.baselines.transformer import Transformer
from rescorer.errors import InputError
from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.trainable import Trainable
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.training.embedding_init import init_embeddings
from rescorer.training.table_init import balanced_clustering, ppmi_svd_embeddings

KNESER_NEY = "kneser-ney"
LIGHT_RNN = "lightrnn"
BASELINES: dict[str, tuple[type[Recurrent | Transformer], dict[str, Any]]] = {
    "adaptive": (AdaptiveSoftmax, {}),
    "hierarchical": (HierarchicalSoftmax, {"by": "frequency"}),
    "hierarchical-clusters": (HierarchicalSoftmax, {"by": "clusters"}),
    "nce": (NCE, {}),
    "blackout": (BlackOut, {}),
    "slim": (SlimEmbedding, {}),
    "full-tied": (FullSoftmax, {"tied": True}),
    "full": (FullSoftmax, {}),
    "transformer": (Transformer, {}),
}
CHEAP_FIRST = (KNESER_NEY, LIGHT_RNN, *BASELINES)
_TABLE_FIELDS = ("rows", "columns", "table_init", "reallocate_after")
_TRAINING_FIELDS = ("pieces", "lr")
_PART = re.compile(r"(\w+)=(.+?)(?=,\w+=|$)")


@dataclass(frozen=True)
class Entry:
    """One entry of the table.

    Attributes:
        spec: the text of the user.
        name: its part before the colon.
        options: its fields.
    """

    spec: str
    name: str
    options: Mapping[str, Any]

    @classmethod
    def parse(cls, spec: str) -> Entry:
        """Raises InputError if there is no such baseline or field."""
        name, _, rest = spec.partition(":")
        if name not in CHEAP_FIRST:
            raise InputError(
                f"no baseline is called {name!r}",
                expected=", ".join(CHEAP_FIRST),
                remedy="correct --entries",
            )
        options = _options_of(spec, rest)
        unknown = sorted(options.keys() - cls._fields_of(name))
        if unknown:
            raise InputError(
                f"entry {spec!r} sets {unknown[0]}",
                expected=", ".join(sorted(cls._fields_of(name))) or "no fields",
                remedy="correct --entries",
            )
        return cls(spec, name, options)

    @staticmethod
    def _fields_of(name: str) -> set[str]:
        if name == KNESER_NEY:
            return set()
        if name == LIGHT_RNN:
            return {field.name for field in fields(LightRNNSettings)} | set(_TABLE_FIELDS)
        return {field.name for field in fields(BASELINES[name][0].Settings)} | set(_TRAINING_FIELDS)

    @property
    def kind(self) -> type[Trainable]:
        """The class of its network."""
        return LightRNN if self.name == LIGHT_RNN else BASELINES[self.name][0]

    @property
    def pieces(self) -> int | None:
        """Number of pieces of words that its network reads; None: it reads words."""
        return self.options.get("pieces")

    @property
    def lr(self) -> float | None:
        """Learning rate of its training; None: the best of the budget's."""
        return self.options.get("lr")

    @property
    def _network(self) -> dict[str, Any]:
        """The fields of its network's settings."""
        others = (*_TABLE_FIELDS, *_TRAINING_FIELDS)
        return {key: value for key, value in self.options.items() if key not in others}

    @property
    def reallocate_after(self) -> tuple[int, ...]:
        return tuple(self.options.get("reallocate_after", ()))

    def known(
        self, common: Mapping[str, Any], ids: np.ndarray, vocabulary: Vocabulary
    ) -> dict[str, np.ndarray]:
        """What the network needs to know of each word, from the training text [N].

        None or several of: `classes` [V], `cells` [V] of LightRNN's first table, and PPMI-SVD
        `embeddings` [V, F].
        """
        if self.name == LIGHT_RNN:
            return self._init_table(ids, vocabulary)
        if self.options.get("ppmi_init"):
            return {"embeddings": ppmi_svd_embeddings(ids, vocabulary, ())}
        if BASELINES[self.name][0] is not HierarchicalSoftmax:
            return {}
        settings = HierarchicalSoftmaxSettings(
            **{**common, **BASELINES[self.name][1], **self._network}
        )
        count = settings.classes or round(len(vocabulary) ** 0.5)
        if settings.by == "frequency":
            return {"classes": word_classes.by_frequency(vocabulary.counts, count)}
        return {"classes": word_classes.by_clusters(ids, vocabulary.counts, count)}

    def _init_table(self, ids: np.ndarray, vocabulary: Vocabulary) -> dict[str, np.ndarray]:
        shape, how = self._shape(len(vocabulary)), self.options.get("table_init", "ppmi")
        if how not in ("ppmi", "frequency"):
            raise InputError(
                f"entry {self.spec!r}: table_init {how!r}",
                expected="ppmi or frequency",
                remedy="correct --entries",
            )
        if how == "frequency":
            return {"cells": shape.cells}
        embeddings = ppmi_svd_embeddings(ids, vocabulary, ())
        cells = balanced_clustering(embeddings, vocabulary.counts, shape.rows, shape.columns).cells
        return {"cells": cells, "embeddings": embeddings}

    def _shape(self, size: int) -> WordTable:
        return WordTable.shaped(size, self.options.get("rows"), self.options.get("columns"))

    def make(
        self, common: Mapping[str, Any], vocabulary: Vocabulary, known: Mapping[str, np.ndarray]
    ) -> Trainable:
        """The untrained network.

        Args:
            common: width, layers and dropout.
            known: the result of `Entry.known`.

        Raises:
            InputError: the settings do not fit.
        """
        try:
            if self.name == LIGHT_RNN:
                return self._light_rnn(common, vocabulary, known)
            kind, preset = BASELINES[self.name]
            model = kind(
                kind.Settings(**{**common, **preset, **self._network}),
                vocabulary,
                known.get("classes"),
            )
        except (TypeError, ValueError) as error:
            raise InputError(f"entry {self.spec!r}: {error}", remedy="correct --entries") from None
        if "embeddings" in known:
            assert isinstance(model, Recurrent)
            sampled_softmax.init_embeddings(model, known["embeddings"])
        return model

    def _light_rnn(
        self, common: Mapping[str, Any], vocabulary: Vocabulary, known: Mapping[str, np.ndarray]
    ) -> LightRNN:
        shape = self._shape(len(vocabulary))
        model = LightRNN(
            LightRNNSettings(**{**common, **self._network}),
            vocabulary,
            WordTable(shape.rows, shape.columns, known["cells"]),
        )
        if "embeddings" in known:
            init_embeddings(model, known["embeddings"])
        return model


def _options_of(spec: str, text: str) -> dict[str, Any]:
    """The fields of an entry, from its text after the colon."""
    options: dict[str, Any] = {}
    for part in _PART.finditer(text):
        try:
            options[part[1]] = json.loads(part[2])
        except ValueError:
            options[part[1]] = part[2]
    if ",".join(part[0] for part in _PART.finditer(text)) != text:
        raise InputError(
            f"entry {spec!r}",
            expected="NAME:FIELD=VALUE,FIELD=VALUE",
            remedy="correct --entries",
        )
    for field, kind in (("pieces", int), ("lr", (int, float))):
        value = options.get(field, 1)
        if isinstance(value, bool) or not isinstance(value, kind) or value <= 0:
            raise InputError(
                f"entry {spec!r}: {field} = {value}",
                expected="a number of more than 0",
                remedy="correct --entries",
            )
    return options
