"""The two-level softmax: P(word) = P(class) · P(word | class), with each word in one class.

Sources: Goodman: Classes for fast maximum entropy training, 2001; Mikolov, Kombrink, Burget,
Černocký, Khudanpur: Extensions of recurrent neural network language model, 2011. The classes are
those of word_classes.py.

Shapes: N histories, M words to score, V vocabulary, D width, C classes,
K of them in a batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.baselines.recurrent import BaselineSettings, OutputLayer, Recurrent, log_shares

_WORDS_AT_ONCE = 4096


@dataclass(frozen=True)
class HierarchicalSoftmaxSettings(BaselineSettings):
    """Attributes:
    classes: number of classes; None: √V. Clusters that are too large are cut, which adds
        classes.
    by: "frequency": bins with equal sums of √count; "clusters": words with similar neighbours.
    """

    classes: int | None = None
    by: str = "frequency"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.classes is not None and self.classes < 1:
            raise ValueError(f"classes = {self.classes}: expected at least 1")
        if self.by not in ("frequency", "clusters"):
            raise ValueError(f"by = {self.by!r}: expected frequency or clusters")


class HierarchicalOutput(OutputLayer):
    """A softmax over the C classes and one over the words of each.

    Each class has a layer of its own for its words. A layer that a batch does not use gets no
    gradient and no step.
    """

    class_of: Tensor  # [V]
    place_of: Tensor  # [V] of a word within its class

    def __init__(self, width: int, counts: np.ndarray, classes: np.ndarray) -> None:
        super().__init__()
        sizes = np.bincount(classes)
        first = np.cumsum(sizes) - sizes
        order = np.argsort(classes, kind="stable")  # [V] the words, one class after the other
        place_of = np.empty_like(order)
        place_of[order] = np.arange(len(order)) - first[classes[order]]
        self.register_buffer("class_of", torch.as_tensor(classes), persistent=False)
        self.register_buffer("place_of", torch.as_tensor(place_of), persistent=False)
        self.classes = nn.Linear(width, len(sizes))
        self.words = nn.ModuleList(nn.Linear(width, int(size)) for size in sizes)
        self.largest = int(sizes.max())
        logs = log_shares(counts)[order]
        for layer, begins in zip(
            (self.classes, *self.words),
            (np.logaddexp.reduceat(logs, first), *np.split(logs, first[1:])),
            strict=True,
        ):
            nn.init.normal_(layer.weight, std=0.1)
            with torch.no_grad():
                layer.bias.copy_(torch.as_tensor(begins))

    @property
    def history_floats(self) -> int:
        return 2 * (len(self.words) + self.largest)

    def log_probs(self, hidden: Tensor, parents: Tensor, words: Tensor) -> Tensor:
        # [M]
        of_classes = torch.log_softmax(self.classes(hidden).float(), -1)[
            parents, self.class_of[words]
        ]
        parts = [
            self._within(hidden[before], after)
            for before, after in zip(
                torch.split(parents, _WORDS_AT_ONCE),
                torch.split(words, _WORDS_AT_ONCE),
                strict=True,
            )
        ]
        return of_classes + torch.cat(parts)

    def _within(self, hidden: Tensor, words: Tensor) -> Tensor:
        """[M] log P(word | history, its class) from [M, D]; one matrix product for each class."""
        classes = self.class_of[words]
        order = torch.argsort(classes)
        used, counts = torch.unique_consecutive(classes[order], return_counts=True)  # [K] each
        ranges = counts.tolist()
        groups = zip(
            used.tolist(),
            torch.split(hidden.float()[order], ranges),
            torch.split(self.place_of[words[order]], ranges),
            strict=True,
        )
        # No autocast: small products whose shapes always change are slower in bfloat16.
        with torch.autocast(words.device.type, enabled=False):
            found = [
                -nn.functional.cross_entropy(self.words[index](group), target, reduction="none")
                for index, group, target in groups
            ]
        return torch.cat(found)[torch.argsort(order)]


class HierarchicalSoftmax(Recurrent):
    """The baseline. The classes [V] are given."""

    name = "hierarchical softmax"
    Settings = HierarchicalSoftmaxSettings
    settings: HierarchicalSoftmaxSettings

    def make_output(self) -> HierarchicalOutput:
        assert self.classes is not None
        return HierarchicalOutput(self.settings.hidden_dim, self.vocabulary.counts, self.classes)
