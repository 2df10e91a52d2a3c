"""Pack a graphone n-gram in ARPA form into the file that `rescorer.pronunciation.g2p` reads.

    python pack.py graphones.arpa english_g2p.npz

The n-grams form a prefix tree: a node is an n-gram, and each child appends one graphone to it.
Nodes are sorted by length, then by parent, then by last graphone, so the numbers of children
determine all parents. Costs are rounded to one byte.

Shapes: N nodes, the root first; G graphones.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

GREATEST_COST = 20.0  # nats; greater ones are cut
START, END, UNKNOWN = "<s>", "</s>", "<unk>"


def ngrams(path: Path) -> Iterator[tuple[tuple[str, ...], float, float]]:
    """N-grams, shortest first, with −log P and −log of the back-off weight in nats."""
    order = 0
    with path.open(encoding="utf-8") as file:
        for line in file:
            fields = line.split()
            if line.startswith("\\") and fields[0].endswith("-grams:"):
                order = int(fields[0][1:].split("-")[0])
            elif order and len(fields) > order:
                backoff = float(fields[order + 1]) if len(fields) > order + 1 else 0.0
                yield (
                    tuple(fields[1 : order + 1]),
                    -float(fields[0]) * math.log(10),
                    -backoff * math.log(10),
                )


def squeezed(costs: np.ndarray) -> np.ndarray:
    """[N] uint8 costs. Their square roots are rounded, so that small costs are more precise."""
    return np.rint(np.sqrt(np.clip(costs, 0, GREATEST_COST) / GREATEST_COST) * 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arpa", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    found = [entry for entry in ngrams(arguments.arpa) if UNKNOWN not in entry[0]]
    graphones = sorted({words[0] for words, _, _ in found if len(words) == 1})
    ids = {graphone: number for number, graphone in enumerate(graphones)}
    keyed = [(tuple(map(ids.__getitem__, words)), cost, backoff) for words, cost, backoff in found]
    keyed.sort(key=lambda entry: (len(entry[0]), entry[0]))
    nodes: dict[tuple[int, ...], int] = {(): 0}
    children = np.zeros(len(keyed) + 1, np.uint16)
    for number, (words, _, _) in enumerate(keyed, start=1):
        nodes[words] = number
        children[nodes[words[:-1]]] += 1
    np.savez_compressed(
        arguments.output,
        graphones=np.array(graphones),
        children=children,
        last=np.array([words[-1] for words, _, _ in keyed], np.uint16),
        cost=squeezed(np.array([cost for _, cost, _ in keyed])),
        backoff=squeezed(np.array([backoff for _, _, backoff in keyed])),
    )
    print(
        f"{len(graphones)} graphones, {len(keyed)} n-grams, {arguments.output.stat().st_size} bytes"
    )


if __name__ == "__main__":
    main()
