"""New words in a trained LightRNN, by reallocation: each goes to the free cell that the network expects it in.

Nothing is trained. What a word would cost in each row and column is read from the network itself, in the contexts of
the word: those of example sentences, and those of the known words that it is like (Li et al., NIPS 2016, section 3.3,
for words that have no cell yet). All new words are then assigned at once, and the biases of their cells are set so that
each has the mean probability that its pseudo-count asks for.

Shapes: W new words, N contexts, G contexts of sampled text, E edges (word, context), V vocabulary, R rows, C columns,
Q rows with room, S contexts of a row, D width, L layers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from rescorer.errors import InputError
from rescorer.models.language_model import SENTENCE_END, UNKNOWN
from rescorer.models.light_rnn import LightRNN, LightRNNState
from rescorer.models.loading import usable_device
from rescorer.models.text import log_probs_of, perplexity
from rescorer.training.assignment import AssignmentSettings, assign
from rescorer.training.calibration import calibrate, mean_probabilities
from rescorer.training.contexts import (
    HELD,
    SampledText,
    after_rows,
    chunks,
    draw_contexts,
    in_rows,
    joined,
    log_means,
    row_log_probs,
    sample_text,
    states_after,
)
from rescorer.training.corpus import read_sentences
from rescorer.training.likeness import draw_like
from rescorer.training.word_list import WordList

_MARKS = (SENTENCE_END, UNKNOWN)
_DRAWS = 32  # contexts of a row among which those of one of its words are sought
_LEARNT = 50  # occurrences of `<unk>` from which its contexts are believed
_RARITY = 0.7  # how much of its rarity counts for a cell; 0.5 and 1 did worse with names (0 far worse)
_TEMPERATURES, _ITERATIONS = (0.1, 0.05, 0.02), 8  # of the assignment: the costs are not known to the last digit
_DENSE_COSTS = 20_000_000  # words × cells up to which the assignment is exact


@dataclass(frozen=True)
class NewWordSettings:
    """How words are added.

    Attributes:
        prior: the pseudo-count of a word without one: its mean probability is that of a word seen so often in the
            text that the vocabulary was counted on.
        grow: rows are added where the free cells are too few.
        seed: of the sampled text and of every draw.
        text_words: G, words of sampled text that stand for language in general.
        row_contexts: S, contexts by which a row's columns are judged.
        examples: at most so many contexts of a word are taken from the example sentences.
        like_contexts: contexts of words that it is like, drawn for each word.
        like_weight: as many examples those contexts count together.
    """

    prior: float = 1.0
    grow: bool = True
    seed: int = 1
    text_words: int = 16_384
    row_contexts: int = 256
    examples: int = 16
    like_contexts: int = 16
    like_weight: float = 1.0

    def __post_init__(self) -> None:
        for name in ("prior", "like_weight"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} = {getattr(self, name)}: expected more than 0")
        for name in ("text_words", "row_contexts", "examples", "like_contexts"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)}: expected at least 1")


@dataclass(frozen=True)
class Addition:
    """What adding words did to a model.

    Attributes:
        words: how many were added.
        with_examples: how many of them the example sentences hold.
        rows: how many rows the table grew by.
        asked: the mean probability that the new words were to have together.
        mass: what they have on other text sampled from the old model.
        old_perplexity, new_perplexity: of that text, under the old model and the new one.
    """

    words: int
    with_examples: int
    rows: int
    asked: float
    mass: float
    old_perplexity: float
    new_perplexity: float

    def describe(self) -> str:
        change = 100 * (self.new_perplexity / self.old_perplexity - 1)
        return (f"{self.words} words added, {self.with_examples} of them with examples, {self.rows} rows more; "
                f"they have {self.mass:.3g} of the probability ({self.asked:.3g} asked for); perplexity of sampled "
                f"text {self.old_perplexity:.3f} before, {self.new_perplexity:.3f} after ({change:+.4f} %)")


class _Evidence(NamedTuple):
    """The contexts of the new words: E pairs of word and context, the weights of a word's summing to 1."""

    state: LightRNNState  # [L, N, D]
    words: np.ndarray  # [E]
    contexts: np.ndarray  # [E]
    weights: np.ndarray  # [E] float32


class _Room(NamedTuple):
    """Where new words may go."""

    source_rows: np.ndarray  # [R of the new table] the old row whose parameters each row has
    made: np.ndarray  # rows of the new table that were made for the new words
    rows: np.ndarray  # [Q] rows with open cells
    open: np.ndarray  # [Q, C] bool


# ---- adding and removing ----


@torch.no_grad()
def add_words(
    model: LightRNN, words: Sequence[str], counts: np.ndarray, *, examples: Iterable[Sequence[str]] = (),
    like: Sequence[str] = (), settings: NewWordSettings | None = None,
) -> tuple[LightRNN, Addition]:
    """A model that knows more words, on the same device; the given one stays as it is.

    The parameters of the old words stay, so that each of their probabilities is what it was times the share that the
    new words leave, of all rows and of its own row. Time O(contexts · (D² + D·R)), memory W · R float32.

    Args:
        words: W ≥ 1 words that the model does not know, in the case of its vocabulary.
        counts: [W] their pseudo-counts, each > 0.
        examples: sentences; those that hold a new word are its contexts. Other unknown words are read as `<unk>`.
        like: known words that the new ones are like; without them, those that share a beginning or an end.

    Raises:
        InputError: the model has no biases of cells, or there are too few free cells and none may be added.
    """
    settings = settings or NewWordSettings()
    if not model.settings.cell_bias:
        raise InputError("the model has no biases of cells, which set how probable a new word is",
                         remedy="take a model that was trained with --cell-bias")
    model.eval()
    text = sample_text(model, settings.text_words, settings.seed)
    text_rows = row_log_probs(model, text.state)  # [G, R]
    evidence, with_examples = _gather(model, words, examples, like, text, text_rows, settings)
    row_costs = _row_costs(model, evidence, len(words), log_means(text_rows))  # [W, R]
    room = _make_room(model, row_costs, settings)
    cells = _seat(model, evidence, row_costs, room, text, text_rows, settings)
    table = model.table.grown(len(room.source_rows) - model.table.rows).with_words(cells)
    vocabulary = model.vocabulary.with_words(words, np.maximum(np.rint(counts), 1).astype(np.int64))
    new = model.with_words(vocabulary, table, room.source_rows)
    targets = counts / (model.vocabulary.counts.sum() + counts.sum())  # [W]
    calibrate(new, targets, room.made, text.state, draws=settings.row_contexts, seed=settings.seed)
    return new, _measured(model, new, targets, with_examples, settings)


def remove_words(model: LightRNN, words: Sequence[str]) -> LightRNN:
    """A model that no longer knows these words, known ones and no marks; their cells are free."""
    ids = model.vocabulary.encode(words)
    return model.with_words(model.vocabulary.without(ids), model.table.without(ids))


# ---- from file to file ----


def add_words_file(
    model_path: Path, list_path: Path, output: Path, *, texts: Sequence[Path] = (), like: Path | None = None,
    prior: float = 1.0, grow: bool = True, seed: int = 1, device: str = "cpu", say: Callable[[str], None],
) -> Addition | None:
    """What `lightrnn add-words` does; None where the model knows all the words, and is written as it was.

    Args:
        list_path: the new words, `word` or `word<TAB>pseudo-count` a line.
        texts: example sentences, one a line.
        like: a list of known words that the new ones are like.

    Raises:
        InputError: a file or a setting cannot be used; then nothing was written.
    """
    try:
        settings = NewWordSettings(prior=prior, grow=grow, seed=seed)
    except ValueError as error:
        raise InputError(str(error), remedy="correct that option") from None
    model = _load(model_path, output, device)
    words = _read(list_path, model, settings.prior, say)
    known = model.knows(words.words)
    say(f"{len(words.words)} words in {list_path}, {known.sum()} of them known already")
    new, addition = model, None
    if not known.all():
        words = words.take(~known)
        new, addition = add_words(model, words.words, words.counts, examples=read_sentences(texts),
                                  like=_read_like(like, model) if like else (), settings=settings)
        if texts and not addition.with_examples:
            say(f"no sentence of {', '.join(map(str, texts))} holds one of the new words")
        say(addition.describe())
        _note(new, "additions", words=len(words.words), pseudo_counts=float(words.counts.sum()), prior=prior, seed=seed,
              list=list_path.name, texts=[path.name for path in texts], like=like.name if like else None,
              rows=addition.rows, mass=addition.mass)
    new.save(output)
    return addition


def remove_words_file(model_path: Path, list_path: Path, output: Path, *, say: Callable[[str], None]) -> int:
    """What `lightrnn remove-words` does; returns how many words were removed.

    Raises:
        InputError: a file cannot be used, or the list holds a mark such as `<unk>`; then nothing was written.
    """
    model = _load(model_path, output, "cpu")
    words = _read(list_path, model, 1.0, say)
    known = words.take(model.knows(words.words)).words
    say(f"{len(words.words)} words in {list_path}, {len(known)} of them known and removed")
    new = remove_words(model, known) if known else model
    _note(new, "removals", words=len(known), list=list_path.name)
    new.save(output)
    return len(known)


def _load(path: Path, output: Path, device: str) -> LightRNN:
    if output.exists() and output.resolve() == path.resolve():
        raise InputError("is the model that is read", expected="a path of its own",
                         remedy="give another --output; the old model stays as it is", file=output)
    return LightRNN.load(path, usable_device(device))


def _read(path: Path, model: LightRNN, prior: float, say: Callable[[str], None]) -> WordList:
    words = WordList.read(path, model.vocabulary, count=prior)
    if words.lowered:
        say(f"{words.lowered} words lower-cased, as the vocabulary is")
    if words.repeated:
        say(f"{words.repeated} lines repeat a word and are passed over")
    return words


def _read_like(path: Path, model: LightRNN) -> list[str]:
    words = WordList.read(path, model.vocabulary).words
    known = list(compress(words, model.knows(words)))
    if not known:
        raise InputError(f"the model knows none of its {len(words)} words", expected="words of its vocabulary",
                         remedy="list known words that the new ones are like", file=path)
    return known


def _note(model: LightRNN, kind: str, **facts: Any) -> None:
    """Add to what the file says of its own making."""
    model.provenance = {**model.provenance, kind: [*model.provenance.get(kind, []), facts]}


# ---- the contexts of new words ----


def _gather(
    model: LightRNN, words: Sequence[str], examples: Iterable[Sequence[str]], like: Sequence[str], text: SampledText,
    text_rows: Tensor, settings: NewWordSettings,
) -> tuple[_Evidence, int]:
    """The contexts of each word, and how many words have examples."""
    liked = _like_words(model, words, like, text, settings)  # [W, n]
    generator = torch.Generator(model.device).manual_seed(settings.seed)
    contexts = _contexts_of(model, liked.ravel(), text, text_rows, generator, settings)  # [W · n]
    owners = np.repeat(np.arange(len(words)), liked.shape[1])
    weights = np.full(len(owners), settings.like_weight / liked.shape[1])
    state = text.state
    seen, histories = _histories(model, words, examples, settings.examples)
    if histories:
        contexts = np.concatenate([contexts, state.hidden.shape[1] + np.arange(len(histories))])
        owners, weights = np.concatenate([owners, seen]), np.concatenate([weights, np.ones(len(seen))])
        state = joined([state, states_after(model, histories)])
    weights /= np.bincount(owners, weights, len(words))[owners]
    return _Evidence(state, owners, contexts, weights.astype(np.float32)), len(set(seen))


def _histories(
    model: LightRNN, words: Sequence[str], examples: Iterable[Sequence[str]], most: int
) -> tuple[list[int], list[np.ndarray]]:
    """Words and the ids before them, from sentences, at most so many a word."""
    vocabulary = model.vocabulary
    index = {word: number for number, word in enumerate(words)}
    owners: list[int] = []
    histories: list[np.ndarray] = []
    taken = np.zeros(len(words), dtype=np.int64)
    for sentence in examples:
        found = [(place, index[word]) for place, word in enumerate(map(vocabulary.normalise, sentence))
                 if word in index]
        ids = vocabulary.encode(sentence) if found else None
        for place, word in found:
            if ids is not None and taken[word] < most:
                taken[word] += 1
                owners.append(word)
                histories.append(ids[:place])
    return owners, histories


def _like_words(
    model: LightRNN, words: Sequence[str], like: Sequence[str], text: SampledText, settings: NewWordSettings
) -> np.ndarray:
    """[W, n] known words that each new word is like: of the list or of all, those of like spelling.

    Half of them, and all where spelling says nothing, are any of the list; without one `<unk>`, which stood for unknown
    words in training; and where training had too few to learn that, the words of the sampled text.
    """
    vocabulary = model.vocabulary
    listed = np.unique(vocabulary.encode([word for word in like if word in vocabulary]))
    listed = listed[~np.isin(listed, vocabulary.encode(_MARKS))]
    ids = listed if len(listed) else np.arange(len(vocabulary))
    known = [(vocabulary.words[index], int(index)) for index in ids if vocabulary.words[index] not in _MARKS]
    rest = listed
    if not len(rest):
        unknown = vocabulary.unknown_id
        rest = np.array([unknown]) if vocabulary.counts[unknown] >= _LEARNT else text.ids.ravel()
    return draw_like(words, known, rest, settings.like_contexts, np.random.default_rng(settings.seed))


def _contexts_of(
    model: LightRNN, ids: np.ndarray, text: SampledText, text_rows: Tensor, generator: torch.Generator,
    settings: NewWordSettings,
) -> np.ndarray:
    """[len(ids)] for each word a context of the sampled text, drawn in proportion to P(word | context).

    First S contexts of its row, then, of those, one as its column is probable there.
    """
    found = np.empty(len(ids), dtype=np.int64)
    rows, of_row = np.unique(model.table.row_of[ids], return_inverse=True)  # [Q], [len(ids)]
    order = np.argsort(of_row, kind="stable")
    bounds = np.searchsorted(of_row[order], np.arange(len(rows) + 1))
    draws = min(_DRAWS, settings.row_contexts)
    for part in chunks(len(rows), max(1, HELD // (draws * model.table.columns))):
        here = torch.as_tensor(rows[part], device=model.device)
        drawn = draw_contexts(text_rows[:, here], draws, generator)  # [q, S]
        half = after_rows(model, text.state.take(drawn.flatten()), here.repeat_interleave(draws))
        log_probs = model.column_log_probs(half.hidden[-1], here.repeat_interleave(draws))  # [q · S, C]
        log_probs = log_probs.view(*drawn.shape, -1)  # [q, S, C]
        inside = order[bounds[part.start] : bounds[part.stop]]
        row = torch.as_tensor(of_row[inside] - part.start, device=model.device)
        column = torch.as_tensor(model.table.column_of[ids[inside]], device=model.device)
        chosen = torch.multinomial(torch.softmax(log_probs[row, :, column], -1), 1, generator=generator)  # [n, 1]
        found[inside] = drawn[row].gather(1, chosen)[:, 0].cpu().numpy()
    return found


# ---- what each cell would cost ----


def _row_costs(model: LightRNN, evidence: _Evidence, words: int, in_general: np.ndarray) -> np.ndarray:
    """[W, R] mean cost of each row in the contexts of each word; 0 for a row without a word, which has none.

    Args:
        in_general: [R] log of the mean probability of each row; −inf for a row without a word.
    """
    total = evidence.state.hidden.shape[1]
    edges = csr_matrix((evidence.weights, (evidence.contexts, evidence.words)), (total, words))
    costs = np.zeros((words, model.table.rows), dtype=np.float32)
    means = torch.as_tensor(in_general, dtype=torch.float32, device=model.device)
    for chunk in chunks(total):
        here = _costs(model.row_log_probs(evidence.state.hidden[-1][chunk]), means)  # [n, R]
        costs += edges[chunk].T @ here.masked_fill(means.isinf(), 0).cpu().numpy()
    return costs


def _costs(log_probs: Tensor, in_general: Tensor) -> Tensor:
    """What a row or a column costs in a context where it has this log P, if in general it has that.

    A plain −log P would favour what is frequent; but how frequent a word is, its biases say, so its cell need only be
    more probable in the word's contexts than elsewhere. With few contexts that would reward chance: hence the part.
    """
    return _RARITY * in_general - log_probs


def _column_costs(model: LightRNN, evidence: _Evidence, rows: np.ndarray, in_general: np.ndarray) -> np.ndarray:
    """[W, C] mean cost of each column in the contexts of each word, after the row [W] that it is to be in.

    Args:
        in_general: [W, C] log of the mean probability of each column after that row.
    """
    means = torch.as_tensor(in_general, device=model.device)
    costs = torch.zeros(len(rows), model.table.columns, device=model.device)
    for chunk in chunks(len(evidence.words)):
        words, contexts, weights, row = (
            torch.as_tensor(part, device=model.device) for part in
            (evidence.words[chunk], evidence.contexts[chunk], evidence.weights[chunk], rows[evidence.words[chunk]])
        )
        half = after_rows(model, evidence.state.take(contexts), row)
        here = _costs(_open_column_log_probs(model, half.hidden[-1], row), means[words])  # [n, C]
        costs.index_add_(0, words, here * weights[:, None])
    return costs.cpu().numpy()


def _open_column_log_probs(model: LightRNN, hidden: Tensor, rows: Tensor) -> Tensor:
    """[..., C] log P of the columns after rows [...], of each as if its cell held a word with no bias."""
    scores = model.column_scores(hidden, rows)
    taken = (scores + model.cell_bias[rows]).masked_fill(model.free[rows], -torch.inf)
    return scores - torch.logsumexp(taken, -1, keepdim=True)


def _column_log_means(
    model: LightRNN, rows: np.ndarray, text: SampledText, text_rows: Tensor, settings: NewWordSettings
) -> np.ndarray:
    """[Q, C] log of the mean probability of each column in the contexts of each row."""
    parts = [torch.logsumexp(_open_column_log_probs(model, hidden, here), 1) - math.log(hidden.shape[1])
             for _, here, hidden in in_rows(model, rows, text.state, text_rows, settings.row_contexts, settings.seed)]
    return torch.cat(parts).cpu().numpy()


# ---- where they go ----


def _make_room(model: LightRNN, row_costs: np.ndarray, settings: NewWordSettings) -> _Room:
    """The free cells of rows that hold words; too few: rows that hold none, new ones last, are made from parents."""
    table, words = model.table, len(row_costs)
    free: np.ndarray = np.asarray(table.words < 0)  # [R, C]
    columns, blank = ~np.all(free, 0), np.all(free, 1)  # no vectors were ever learnt for a column without words
    open_cells = free & columns & ~blank[:, None]
    votes = np.where(blank, 0, _votes(row_costs, ~blank))  # [W, R]
    made = math.ceil(max(0, words - open_cells.sum()) / columns.sum())
    grown = max(0, made - blank.sum())
    if grown and not settings.grow:
        raise InputError(f"{words} new words", expected=f"at most {free[:, columns].sum()}, for so many cells are free",
                         remedy="leave out --no-grow, add fewer words, or remove some")
    parents = _parents(votes, made, int(columns.sum()))
    new_rows = np.concatenate([np.flatnonzero(blank)[: made - grown], table.rows + np.arange(grown)]).astype(np.int64)
    source_rows = np.arange(table.rows + grown)
    source_rows[new_rows] = parents
    rows = np.flatnonzero(open_cells.any(1))
    if not made:
        rows = _wanted_rows(votes[:, rows].sum(0), rows, open_cells, 4 * words)
    opened = np.concatenate([open_cells[rows], np.repeat(columns[None], made, 0)])
    return _Room(source_rows, new_rows, np.concatenate([rows, new_rows]), opened)


def _votes(row_costs: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """[W, R] each word's one vote, shared among the rows as they suit it."""
    least = row_costs[:, taken].min(1, keepdims=True)
    shares: np.ndarray = np.exp(np.minimum(least - row_costs, 0)) * taken
    shares /= shares.sum(1, keepdims=True)
    return shares


def _parents(votes: np.ndarray, count: int, size: int) -> np.ndarray:
    """[count] rows, each the one with most votes of the words that those before it did not take, `size` words each."""
    left = votes.sum(0)
    waiting = np.ones(len(votes), dtype=bool)
    parents = np.zeros(count, dtype=np.int64)
    for number in range(count):
        parents[number] = parent = int(left.argmax())
        liking = np.where(waiting, votes[:, parent], -1)
        served = np.argsort(-liking, kind="stable")[: min(size, int(waiting.sum()))]
        waiting[served] = False
        left -= votes[served].sum(0)
    return parents


def _wanted_rows(votes: np.ndarray, rows: np.ndarray, open_cells: np.ndarray, least: int) -> np.ndarray:
    """The rows with most votes that have at least so many open cells together: the others need not be looked at."""
    order = np.argsort(-votes, kind="stable")
    enough = np.searchsorted(np.cumsum(open_cells[rows[order]].sum(1)), least) + 1
    return np.sort(rows[order[:enough]])


def _seat(
    model: LightRNN, evidence: _Evidence, row_costs: np.ndarray, room: _Room, text: SampledText, text_rows: Tensor,
    settings: NewWordSettings,
) -> np.ndarray:
    """[W] cells of the new table: by rows first, then, by what columns cost after those rows, all anew."""
    sources = room.source_rows[room.rows]  # [Q]
    costs = np.ascontiguousarray(row_costs[:, sources], dtype=np.float32)
    words, columns = len(costs), model.table.columns
    exact = words * int(room.open.sum()) <= _DENSE_COSTS
    how = AssignmentSettings(exact_limit=words if exact else 0, block_size=words, temperatures=_TEMPERATURES,
                             iterations=_ITERATIONS, seed=settings.seed)
    first = assign(costs, np.zeros((words, columns), np.float32), open_cells=room.open, settings=how).cells
    of_word = first // columns  # [W]
    in_general = _column_log_means(model, sources, text, text_rows, settings)  # [Q, C]
    column_costs = _column_costs(model, evidence, sources[of_word], in_general[of_word])
    cells = assign(costs, column_costs, start=first, open_cells=room.open, settings=how).cells
    return room.rows[cells // columns] * columns + cells % columns


def _measured(
    model: LightRNN, new: LightRNN, targets: np.ndarray, with_examples: int, settings: NewWordSettings
) -> Addition:
    """On text that no bias was fitted to."""
    text = sample_text(model, -(-settings.text_words // 2), settings.seed + 1)
    ids = np.arange(len(model.vocabulary), len(new.vocabulary))
    streams = text.ids.shape[1]
    before, after = (perplexity(log_probs_of(each, text.ids.T.ravel(), streams=streams, unroll=16))
                     for each in (model, new))
    mass = float(mean_probabilities(new, ids, text.state, draws=settings.row_contexts).sum())
    return Addition(len(ids), with_examples, new.table.rows - model.table.rows, float(targets.sum()), mass,
                    before, after)
