"""Words completed while they are typed: milliseconds a key, and letters that need not be typed.

    python -m benchmarks.completion text.txt model.pt… [--sentences 40] [--top 5] [--peer-keys 40]

Random sentences of the text are typed letter by letter on one thread. For each key, the history is
the sentence so far and the prefix is the first 0 to n letters of the next word. The first key of a
word also reads the word before. The peer scores the words of every row after the same history and
picks the best. Letters saved are those not yet typed when the word is first proposed. Choosing the
proposal, which takes a key or a look, is not counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from rescorer.models.completion import Completer
from rescorer.models.lightrnn import LightRNN
from rescorer.models.lightrnn.prefix_search import prefix_index

COLUMNS = (
    Column("model", "model"),
    Column("words", "words", ",d"),
    Column("table", "table"),
    Column("how", "how"),
    Column("median", "ms a key, median", ".1f"),
    Column("p95", "95 %", ".1f"),
    Column("worst", "worst", ".1f"),
    Column("cpu_median", "of the processor: median", ".1f"),
    Column("cpu_p95", "95 %", ".1f"),
    Column("cpu_worst", "worst", ".1f"),
    Column("saved", "letters saved", ".1%"),
    Column("agree", "same proposals", "d"),
)

Key = tuple[list[str], str, str]  # history, prefix, the word that it is of


def keys_of(sentences: Sequence[Sequence[str]]) -> Iterator[Key]:
    """All keys of these sentences, in order."""
    for words in sentences:
        for place, word in enumerate(words):
            for letters in range(len(word) + 1):
                yield list(words[:place]), word[:letters], word


class Typing:
    """Measurements of typing some sentences.

    Attributes:
        seconds: [keys] wall-clock time.
        processor: [keys] processor time.
        proposed: whether each key's word was proposed.
    """

    def __init__(self, model: LightRNN, keys: Sequence[Key], top: int) -> None:
        completer = Completer(model)
        self.seconds, self.processor, self.proposed = [], [], []
        for history, prefix, word in keys:
            began = time.perf_counter(), time.process_time()
            found = completer.words(history, prefix, top)
            self.seconds.append(time.perf_counter() - began[0])
            self.processor.append(time.process_time() - began[1])
            self.proposed.append(model.vocabulary.normalise(word) in [each for each, _ in found])


def saved(keys: Sequence[Key], proposed: Sequence[bool]) -> tuple[int, int]:
    """Letters that need not be typed, and all letters."""
    total = left = 0
    done = False
    for (_, prefix, word), here in zip(keys, proposed, strict=True):
        if not prefix:
            total += len(word)
            done = False
        if here and not done:
            left += len(word) - len(prefix)
            done = True
    return left, total


@torch.no_grad()
def score_all(
    model: LightRNN, history: list[str], prefix: str, top: int
) -> tuple[float, float, list[str]]:
    """The peer's work for one key: every word after a history that is read already.

    Returns:
        Seconds, processor seconds, and the proposed words.
    """
    state, index = model.read(history), prefix_index(model.vocabulary, model.table)
    began = time.perf_counter(), time.process_time()
    rows = np.arange(model.table.rows)
    columns = torch.cat(
        [model.columns_after(state, part) for part in torch.split(torch.as_tensor(rows), 256)]
    )
    log_probs = (model.row_log_probs(state.hidden[-1])[0, :, None] + columns).numpy()
    held, ids = index.words_in(rows, index.span(model.vocabulary.normalise(prefix)))
    best = (
        np.lexsort((ids, -log_probs[held]))[:top]
        if len(ids) <= top
        else _top(ids, log_probs[held], top)
    )
    took = time.perf_counter() - began[0], time.process_time() - began[1]
    return *took, [model.vocabulary.words[word] for word in ids[best]]


def _top(ids: np.ndarray, log_probs: np.ndarray, top: int) -> np.ndarray:
    chosen = np.argpartition(log_probs, -top)[-top:]
    return chosen[np.lexsort((ids[chosen], -log_probs[chosen]))]


def figures(seconds: Sequence[float], processor: Sequence[float]) -> dict[str, float]:
    """Milliseconds by the keys of the columns."""
    found: dict[str, float] = {}
    for prefix, values in (("", seconds), ("cpu_", processor)):
        milliseconds = 1000 * np.array(values)
        median, p95 = np.percentile(milliseconds, [50, 95]).tolist()
        found |= {
            f"{prefix}median": median,
            f"{prefix}p95": p95,
            f"{prefix}worst": float(milliseconds.max()),
        }
    return found


def read_sentences(path: Path, count: int, seed: int) -> list[list[str]]:
    lines = [
        words
        for line in path.read_text(encoding="utf-8").splitlines()
        if len(words := line.split()) > 1
    ]
    chosen = np.random.default_rng(seed).choice(len(lines), min(count, len(lines)), replace=False)
    return [lines[number] for number in chosen]


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--sentences", type=int, default=40)
    parser.add_argument("--top", type=int, default=5)
    parser.add_argument("--peer-keys", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    measured = Measurement(
        __file__,
        arguments,
        "Word completion",
        "How long does a key take when words are completed, and how many letters are saved?",
        COLUMNS,
        machine("cpu", "torch"),
    )
    keys = list(keys_of(read_sentences(arguments.text, arguments.sentences, arguments.seed)))
    sample = np.random.default_rng(arguments.seed).choice(
        len(keys), min(arguments.peer_keys, len(keys)), replace=False
    )
    for path in arguments.models:
        model = LightRNN.load(path)
        prefix_index(model.vocabulary, model.table)
        typing = Typing(model, keys, arguments.top)
        left, total = saved(keys, typing.proposed)
        measured.add(
            model=path.name,
            words=len(model.vocabulary),
            table=f"{model.table.rows} × {model.table.columns}",
            how="search",
            **figures(typing.seconds, typing.processor),
            saved=left / total,
        )
        sampled = [keys[place] for place in sample]
        peers = [score_all(model, history, prefix, arguments.top) for history, prefix, _ in sampled]
        agree = sum(
            words == [word for word, _ in model.next_words(history, arguments.top, prefix=prefix)]
            for (history, prefix, _), (_, _, words) in zip(sampled, peers, strict=True)
        )
        measured.add(
            model=path.name,
            how="every word",
            **figures([clock for clock, _, _ in peers], [processor for _, processor, _ in peers]),
            agree=agree,
        )
    measured.note(
        f"{len(keys):,} keys of {arguments.sentences} sentences, top {arguments.top}; every word: "
        f"{len(sample)} of the keys."
    )
    measured.finish()


if __name__ == "__main__":
    main()
