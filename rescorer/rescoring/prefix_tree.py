"""The prefix tree of hypotheses: a prefix that several sentences share is scored once.

Shapes: S sentences, n nodes of the tree, M nodes of one level, K models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from math import ceil

import numpy as np
import torch
from scipy.sparse import csr_matrix

from rescorer.models.language_model import SENTENCE_END, SENTENCE_START, UNKNOWN, LanguageModel
from rescorer.models.sentence_model import SentenceModel
from rescorer.progress import Progress, silent
from rescorer.rescoring.cluster import Executor, serial_executor
from rescorer.rescoring.word_kinds import WordKinds

Sentence = Sequence[str]

_MARKS = (SENTENCE_START, SENTENCE_END)
# Sentences of a tree: at most, and for the ten trees of a small input at least. Larger trees would
# share few more prefixes. Each worker takes one tree, and progress counts trees.
_TREE_SENTENCES, _SMALL_TREE_SENTENCES, _SMALL_INPUT_TREES = 1 << 14, 1 << 11, 10


@dataclass(frozen=True, eq=False)
class Level:
    """The nodes of one depth of the tree.

    Attributes:
        parents: [M] the parent of each, an index into the previous level's inner nodes, ascending.
        words: [M] indices into the tree's words.
        ends: [M] bool, whether the node is a sentence's `</s>`; the others are inner nodes.
    """

    parents: np.ndarray
    words: np.ndarray
    ends: np.ndarray


@dataclass(frozen=True, eq=False)
class PrefixTree:
    """All distinct prefixes of S sentences; the root is the history `<s>`.

    Attributes:
        words: the distinct words; `</s>` is the last. A sentence mark inside a sentence becomes
            `<unk>`.
        levels: from the first word on; nodes are numbered in this order.
        paths: [S, n] sparse, 1 if a node lies on the sentence's path. `paths @ log_probs` sums
            over the words of each sentence.
    """

    words: tuple[str, ...]
    levels: tuple[Level, ...]
    paths: csr_matrix

    @classmethod
    def of(cls, sentences: Sequence[Sentence]) -> PrefixTree:
        """Build the tree of one or more sentences, given without sentence marks.

        O(tokens · log tokens), level by level.
        """
        lengths = np.fromiter((len(sentence) for sentence in sentences), np.int64, len(sentences))
        index: dict[str, int] = {}
        flat = np.fromiter(
            (index.setdefault(word, len(index)) for sentence in sentences for word in sentence),
            np.int64,
            int(lengths.sum()),
        )
        begin = np.cumsum(lengths) - lengths
        end = len(index)
        # the inner node that each sentence has reached
        node = np.zeros(len(sentences), dtype=np.int64)
        active = np.arange(len(sentences))
        levels, rows, columns, nodes = [], [], [], 0
        for depth in range(int(lengths.max()) + 1):
            stops = lengths[active] == depth
            next_words = np.full(len(active), end)
            next_words[~stops] = flat[begin[active[~stops]] + depth]
            keys, place = np.unique(node[active] * (end + 1) + next_words, return_inverse=True)
            parents, node_words = np.divmod(keys, end + 1)
            ends = node_words == end
            levels.append(Level(parents, node_words, ends))
            rows.append(active)
            columns.append(nodes + place)
            nodes += len(keys)
            node[active] = (np.cumsum(~ends) - 1)[place]
            active = active[~stops]
        row, column = np.concatenate(rows), np.concatenate(columns)
        paths = csr_matrix((np.ones(len(row)), (row, column)), shape=(len(sentences), nodes))
        words = tuple(UNKNOWN if word in _MARKS else word for word in index)
        return cls((*words, SENTENCE_END), tuple(levels), paths)

    @property
    def size(self) -> int:
        """n, the number of nodes, each scored once. The sentences hold `paths.nnz` words."""
        return int(self.paths.shape[1])

    def node_words(self) -> np.ndarray:
        """[n] the index of each node's word."""
        return np.concatenate([level.words for level in self.levels])

    def score(self, model: LanguageModel) -> np.ndarray:
        """[n] float64 natural log P of each node's word after its history.

        Memory holds the histories of the widest level. The host waits for the device once a level.
        """
        ids = model.encode(self.words)
        state = model.start()
        parts = []
        for level in self.levels:
            parents, words, ends = torch.as_tensor(level.parents), ids[level.words], level.ends
            log_probs = np.empty(len(ends))
            scored = {}
            if ends.any():
                scored[True] = model.score(state, parents[ends], words[ends])
            if not ends.all():
                scored[False], state = model.advance(state, parents[~ends], words[~ends])
            for kind, values in scored.items():
                log_probs[ends == kind] = values.cpu()
            parts.append(log_probs)
        return np.concatenate(parts)


@dataclass(frozen=True, eq=False)
class PathScores:
    """The scores of K models at every node of a tree, or of several trees side by side.

    Attributes:
        log_probs: [n, K] natural logs, float64.
        kinds: the kinds of the nodes' words.
        paths: [S, n] sparse, the nodes on each sentence's path.
    """

    log_probs: np.ndarray
    kinds: WordKinds
    paths: csr_matrix

    @classmethod
    def without_models(cls, sentences: int) -> PathScores:
        """The scores of sentences under no model."""
        none = np.zeros((0, 0))
        return cls(none, WordKinds(none, none, none), csr_matrix((sentences, 0)))

    @classmethod
    def beside(cls, parts: Sequence[PathScores]) -> PathScores:
        """The scores of several trees, side by side."""
        return cls(
            np.concatenate([part.log_probs for part in parts]),
            WordKinds.joined([part.kinds for part in parts]),
            _block_diagonal([part.paths for part in parts]),
        )


def score_sentences(
    sentences: Sequence[Sentence],
    models: Sequence[LanguageModel],
    memory: int,
    executor: Executor = serial_executor,
    progress: Progress = silent,
) -> PathScores:
    """Score sentences under every model, in one or more prefix trees.

    Sentences are sorted by their words, so those with a common prefix share a tree. The memory
    changes the result only by the rounding of float32.

    Args:
        sentences: words without sentence marks.
        memory: bytes for the histories of one level.
        executor: runs the scoring of the trees.
        progress: gets the number of scored sentences after each tree.
    """
    if not models:
        return PathScores.without_models(len(sentences))
    order = sorted(range(len(sentences)), key=lambda index: tuple(sentences[index]))
    groups = ([sentences[index] for index in group] for group in _groups(order, models, memory))
    trees, done = [], 0
    for (tree,) in executor(_score_tree, models, groups):
        trees.append(tree)
        done += tree.paths.shape[0]
        progress("scoring", done, len(order))
    scores = PathScores.beside(trees)
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    return replace(scores, paths=scores.paths[back])


class SentenceScorer:
    """Scores sentences like `score_sentences`, and with models of whole sentences.

    Results are cached: in a round of tuning, most sentences repeat from earlier rounds.
    """

    def __init__(
        self,
        models: Sequence[LanguageModel],
        memory: int,
        executor: Executor = serial_executor,
        progress: Progress = silent,
        sentence_models: Sequence[SentenceModel] = (),
    ) -> None:
        self.models, self.sentence_models, self._progress = models, sentence_models, progress
        self._score = partial(
            score_sentences, models=models, memory=memory, executor=executor, progress=progress
        )
        # the row of each scored sentence
        self._places: dict[tuple[str, ...], int] = {}
        self._parts: list[PathScores] = []  # one for each call with new sentences

    @property
    def names(self) -> list[str]:
        """The names of the scores of all models."""
        word_models = [model.name for model in self.models]
        return [*word_models, *(model.name for model in self.sentence_models)]

    def score(self, sentences: Sequence[tuple[str, ...]]) -> PathScores:
        """The scores of one or more sentences; the nodes are those of all sentences so far."""
        fresh = [sentence for sentence in dict.fromkeys(sentences) if sentence not in self._places]
        if fresh:
            self._parts.append(self._score(fresh))
            self._places.update(zip(fresh, count(len(self._places))))
        known = PathScores.beside(self._parts)
        return replace(known, paths=known.paths[[self._places[sentence] for sentence in sentences]])

    def score_whole(self, sentences: Sequence[tuple[str, ...]]) -> np.ndarray:
        """[S, models] natural log P of each sentence under each model of whole sentences."""
        columns = [
            model.log_probs(sentences, partial(self._progress, f"scoring with {model.name}"))
            for model in self.sentence_models
        ]
        return np.stack(columns, -1) if columns else np.zeros((len(sentences), 0))


def _score_tree(
    models: Sequence[LanguageModel], sentences: Sequence[Sentence]
) -> Iterator[PathScores]:
    """The scores of the sentences of one tree."""
    tree = PrefixTree.of(sentences)
    log_probs = np.stack([tree.score(model) for model in models], -1)
    yield PathScores(
        log_probs, WordKinds.of(tree.words, models).take(tree.node_words()), tree.paths
    )


def _groups(order: list[int], models: Sequence[LanguageModel], memory: int) -> Iterator[list[int]]:
    """Cut the sentences into groups whose widest level fits the memory.

    A level has at most as many nodes as the group has sentences.
    """
    tenth = max(_SMALL_TREE_SENTENCES, ceil(len(order) / _SMALL_INPUT_TREES))
    fitting = memory // max(model.history_bytes for model in models)
    size = max(1, min(_TREE_SENTENCES, tenth, fitting))
    for begin in range(0, len(order), size):
        yield order[begin : begin + size]


def _block_diagonal(parts: Sequence[csr_matrix]) -> csr_matrix:
    """The block-diagonal matrix [S, n] of the paths of several trees. O(entries)."""
    if len(parts) == 1:
        return parts[0]
    # The CSR arrays are joined directly: scipy.sparse.block_diag converts them to COO and back.
    columns = np.cumsum([0, *(part.shape[1] for part in parts)])
    entries = [part.indices + column for part, column in zip(parts, columns[:-1], strict=True)]
    rows = np.cumsum([0, *(part.nnz for part in parts)])
    starts = [part.indptr[:-1] + row for part, row in zip(parts, rows[:-1], strict=True)]
    shape = (sum(part.shape[0] for part in parts), int(columns[-1]))
    return csr_matrix(
        (
            np.concatenate([part.data for part in parts]),
            np.concatenate(entries),
            np.concatenate([*starts, rows[-1:]]),
        ),
        shape=shape,
    )
