"""Train a BiLSTM that gives each letter of a word its label of zero to three phones.

    python train_tagger.py train.aligned tagger.pt --minutes 20

The comparison of benchmarks/g2p.py reads the result; the package does not.

Source: the bi-directional LSTM with alignments of K. Yao and G. Zweig, Sequence-to-Sequence Neural
Net Models for Grapheme-to-Phoneme Conversion (Interspeech 2015), smaller.

Shapes: B words of L letters.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections import defaultdict
from pathlib import Path

import torch
from torch import Tensor, nn

PEAK_LR, WARM_UP = 3e-3, 0.1


class Tagger(nn.Module):
    """Scores of labels for each letter."""

    def __init__(self, letters: int, labels: int, emb: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(letters, emb)
        self.lstm = nn.LSTM(
            emb, hidden, num_layers=2, bidirectional=True, dropout=0.2, batch_first=True
        )
        self.dropout = nn.Dropout(0.2)
        self.output = nn.Linear(2 * hidden, labels)

    def forward(self, letters: Tensor) -> Tensor:
        """[B, L] ids of letters, with a mark before and after → [B, L-2, labels]."""
        states, _ = self.lstm(self.embedding(letters))
        return self.output(self.dropout(states[:, 1:-1]))


def read(path: Path) -> tuple[list[str], list[str], dict[int, list[tuple[list[int], list[int]]]]]:
    """Letters, labels, and words by length: ids of letters (0 is the mark of both ends), labels."""
    rows = [
        [token.split(":") for token in line.split()]
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    letters = sorted({letter for row in rows for letter, _ in row})
    labels = sorted({label for row in rows for _, label in row})
    letter_ids = {letter: number for number, letter in enumerate(letters, 1)}
    label_ids = {label: number for number, label in enumerate(labels)}
    groups = defaultdict(list)
    for row in rows:
        ids = [0, *(letter_ids[letter] for letter, _ in row), 0]
        groups[len(row)].append((ids, [label_ids[label] for _, label in row]))
    return letters, labels, groups


def batches(groups, size: int, draw: random.Random):
    found = []
    for length, words in groups.items():
        draw.shuffle(words)
        step = max(1, size // length)
        found += [words[start : start + step] for start in range(0, len(words), step)]
    draw.shuffle(found)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("aligned", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--emb-dim", type=int, default=48)
    parser.add_argument("--hidden-dim", type=int, default=128)
    parser.add_argument("--batch-letters", type=int, default=1024)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    draw = random.Random(arguments.seed)
    letters, labels, groups = read(arguments.aligned)
    sizes = (len(letters) + 1, len(labels), arguments.emb_dim, arguments.hidden_dim)
    model = Tagger(*sizes)
    optimiser = torch.optim.Adam(model.parameters(), PEAK_LR)
    begin, epoch, step = time.process_time(), 0, 0
    progress = 0.0
    while progress < 1:
        epoch += 1
        total = count = 0.0
        for batch in batches(groups, arguments.batch_letters, draw):
            progress = (time.process_time() - begin) / (60 * arguments.minutes)
            if progress >= 1:
                break
            rate = min(progress / WARM_UP, 0.5 * (1 + math.cos(math.pi * progress)))
            for group in optimiser.param_groups:
                group["lr"] = PEAK_LR * rate
            scores = model(torch.tensor([ids for ids, _ in batch]))
            target = torch.tensor([said for _, said in batch])
            loss = nn.functional.cross_entropy(scores.flatten(0, 1), target.flatten())
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            total, count, step = total + float(loss.detach()), count + 1, step + 1
            if step % 50 == 0:
                print(f"epoch {epoch}, batch {count:.0f}: loss {total / count:.4f}", flush=True)
    state = {name: value.half() for name, value in model.state_dict().items()}
    torch.save(
        {"letters": letters, "labels": labels, "sizes": sizes, "state": state}, arguments.output
    )


if __name__ == "__main__":
    main()
