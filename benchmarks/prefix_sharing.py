"""The gain of the prefix tree on n-best lists, in scored words and in time.

    python -m benchmarks.prefix_sharing NBEST --lm lightrnn.pt [--device cpu] [--threads 1]

The comparison scores each hypothesis alone, with the same network, in padded batches of similar
length. Shapes: U hypotheses of a batch, T words of the longest.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from rescorer.models.lightrnn import LightRNN
from rescorer.recognition.formats import read_nbest
from rescorer.rescoring.prefix_tree import PrefixTree, score_sentences

_BATCH = 1024
COLUMNS = (
    Column("lists", "lists", ",d"),
    Column("hypotheses", "hypotheses", ",d"),
    Column("words", "words", ",d"),
    Column("in_list", "scored, prefixes shared in a list", ",d"),
    Column("scored", "in all lists", ",d"),
    Column("fewer", "times fewer", ".2f"),
    Column("tree_seconds", "seconds, tree", ".2f"),
    Column("alone_seconds", "seconds, each alone", ".2f"),
    Column("faster", "times faster", ".2f"),
    Column("difference", "largest difference of a score", ".1e"),
)


@torch.no_grad()
def batched(model: LightRNN, sentences: list[tuple[str, ...]]) -> np.ndarray:
    """[S] log P of each sentence with its `</s>`, in batches of sentences of similar length."""
    order = sorted(range(len(sentences)), key=lambda index: len(sentences[index]))
    totals = np.empty(len(sentences))
    for begin in range(0, len(order), _BATCH):
        batch = order[begin : begin + _BATCH]
        ids = [model.vocabulary.encode([*sentences[index], "</s>"]) for index in batch]
        longest = max(map(len, ids))
        words = np.full((longest, len(batch)), model.vocabulary.end_id)
        scored = np.zeros((longest, len(batch)), dtype=bool)
        for column, sentence in enumerate(ids):
            words[: len(sentence), column] = sentence
            scored[: len(sentence), column] = True
        log_probs, _ = model(
            torch.as_tensor(words, device=model.device), model.start_states(len(batch))
        )
        totals[batch] = np.where(scored, log_probs.cpu().double().numpy(), 0.0).sum(0)
    return totals


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("nbest", type=Path)
    parser.add_argument("--lm", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model = LightRNN.load(arguments.lm, arguments.device)
    lists = read_nbest(arguments.nbest).lists
    sentences = [hypothesis.words for nbest in lists for hypothesis in nbest.hypotheses]
    measured = Measurement(
        __file__,
        arguments,
        "Prefix tree of n-best lists",
        "How many words and how much time does the prefix tree of hypotheses save?",
        COLUMNS,
        machine(arguments.device, "torch"),
    )
    tokens = sum(len(sentence) + 1 for sentence in sentences)
    one_each = sum(
        PrefixTree.of([hypothesis.words for hypothesis in nbest.hypotheses]).size for nbest in lists
    )
    nodes = PrefixTree.of(sentences).size
    times: dict[str, list[float]] = {"tree": [], "alone": []}
    for _ in range(arguments.repeats):
        began = time.perf_counter()
        scores = score_sentences(sentences, [model], memory=1 << 30)
        times["tree"].append(time.perf_counter() - began)
        began = time.perf_counter()
        alone = batched(model, sentences)
        times["alone"].append(time.perf_counter() - began)
    tree = scores.paths @ scores.log_probs[:, 0]
    measured.add(
        lists=len(lists),
        hypotheses=len(sentences),
        words=tokens,
        in_list=one_each,
        scored=nodes,
        fewer=tokens / nodes,
        tree_seconds=min(times["tree"]),
        alone_seconds=min(times["alone"]),
        faster=min(times["alone"]) / min(times["tree"]),
        difference=float(np.abs(tree - alone).max()),
    )
    measured.note(
        f"The least of {arguments.repeats} runs. Each alone: batches of {_BATCH:,} hypotheses of "
        "similar length."
    )
    measured.finish()


if __name__ == "__main__":
    main()
