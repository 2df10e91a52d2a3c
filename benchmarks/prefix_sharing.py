"""What the tree of histories spares on n-best lists: words really scored, and time, against each hypothesis alone.

    python -m benchmarks.prefix_sharing NBEST --lm lightrnn.pt [--device cpu] [--threads 1]

The peer scores the same hypotheses with the same network in padded batches of like length, without sharing.
Shapes: U hypotheses of a batch, T words of the longest.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.machine import machine
from rescorer.models.light_rnn import LightRNN
from rescorer.recognition.formats import read_nbest
from rescorer.rescoring.history_tree import HistoryTree, score_sentences

_BATCH = 1024


@torch.no_grad()
def batched(model: LightRNN, sentences: list[tuple[str, ...]]) -> np.ndarray:
    """[S] log P of each sentence with its `</s>`, sentences of like length side by side."""
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
        log_probs, _ = model(torch.as_tensor(words, device=model.device), model.start_states(len(batch)))
        totals[batch] = np.where(scored, log_probs.cpu().double().numpy(), 0.0).sum(0)
    return totals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
    print(machine(arguments.device, "torch"))
    tokens = sum(len(sentence) + 1 for sentence in sentences)
    one_each = sum(HistoryTree.of([hypothesis.words for hypothesis in nbest.hypotheses]).size for nbest in lists)
    nodes = HistoryTree.of(sentences).size
    print(f"{len(lists)} lists, {len(sentences)} hypotheses, {tokens} words with </s>; each costs two half-steps")
    print(f"words scored, each hypothesis alone      {tokens:>9}")
    print(f"words scored, prefixes shared in a list  {one_each:>9}   {tokens / one_each:.2f} times fewer")
    print(f"words scored, prefixes shared in all     {nodes:>9}   {tokens / nodes:.2f} times fewer")
    times: dict[str, list[float]] = {"tree": [], "alone": []}
    for _ in range(arguments.repeats):
        began = time.perf_counter()
        scores = score_sentences(sentences, [model], memory=1 << 30)
        times["tree"].append(time.perf_counter() - began)
        began = time.perf_counter()
        alone = batched(model, sentences)
        times["alone"].append(time.perf_counter() - began)
    tree = scores.paths @ scores.log_probs[:, 0]
    print(f"seconds, tree {min(times['tree']):.2f}, alone in batches of {_BATCH} {min(times['alone']):.2f}: "
          f"{min(times['alone']) / min(times['tree']):.2f} times faster; least of {arguments.repeats} runs")
    print(f"largest difference of a hypothesis' score {np.abs(tree - alone).max():.1e}")


if __name__ == "__main__":
    main()
