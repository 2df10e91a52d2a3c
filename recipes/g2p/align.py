"""Align the letters of words with phones: each letter gets a label of zero to three phones.

    python align.py train.txt aligned.txt

Estimates P(label | letter) by expectation maximisation over all alignments, from uniform values,
then writes the most probable alignment of each word as tokens `letter:phone+phone`, or `letter:`
for a silent letter. Rare labels are removed, and with them the words that need one.

Source: one-to-many alignment as in S. Jiampojamarn et al. (NAACL 2007), one label a letter as in
K. Yao and G. Zweig (Interspeech 2015).

Shapes: B words of L letters and at most T phones; K lengths of a label; C label codes.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

LONGEST = 3  # most phones of a label
LENGTH_PRIORS = np.array([1.0, 1.0, 0.1, 0.01])  # [K] factors that make long labels less probable
ITERATIONS = 6  # first with all labels, then again with the frequent ones
LEAST = 4  # fewest occurrences of a label that is kept


class Words:
    """Words of one length.

    Attributes:
        letters: [B, L] ids.
        lengths: [B] numbers of phones.
        codes: [B, T+1, K] the code of the label of 0, 1, … phones that begins at each phone; -1 if
            it would exceed the word.
    """

    def __init__(self, entries: list[tuple[list[int], list[int]]], base: int) -> None:
        self.letters = np.array([letters for letters, _ in entries])
        self.lengths = np.array([len(phones) for _, phones in entries])
        longest = self.lengths.max()
        phones = np.zeros((len(entries), longest + LONGEST), np.int64)
        for row, (_, said) in enumerate(entries):
            phones[row, : len(said)] = said
        code = np.zeros((len(entries), longest + 1), np.int64)
        steps = [code]
        for step in range(LONGEST):
            code = code * base + phones[:, step : step + longest + 1]
            steps.append(code)
        self.codes = np.stack(steps, 2)
        ends = np.arange(longest + 1)[:, None] + np.arange(LONGEST + 1)
        self.codes[ends[None] > self.lengths[:, None, None]] = -1

    def scores(self, table: np.ndarray, letter: int) -> np.ndarray:
        """[B, T+1, K] P(label | letter) at a place of the words; 0 beyond the end."""
        found = table[self.letters[:, letter, None, None], np.maximum(self.codes, 0)]
        return np.where(self.codes < 0, 0.0, found * LENGTH_PRIORS)


def forward(words: Words, table: np.ndarray) -> list[np.ndarray]:
    """L+1 arrays [B, T+1]: probability of the phones before a place, from the letters before."""
    first = np.zeros(words.codes.shape[:2])
    first[:, 0] = 1
    found = [first]
    for letter in range(words.letters.shape[1]):
        scores = words.scores(table, letter)
        after = np.zeros_like(first)
        for step in range(LONGEST + 1):
            size = first.shape[1] - step
            if size > 0:
                after[:, step:] += found[-1][:, :size] * scores[:, :size, step]
        found.append(after)
    return found


def add_counts(words: Words, table: np.ndarray, counts: np.ndarray) -> None:
    """Add the expected occurrences of labels [letters, C] in these words."""
    alphas = forward(words, table)
    rows = np.arange(len(words.lengths))
    total = alphas[-1][rows, words.lengths]
    possible = total > 0
    beta = np.zeros_like(alphas[0])
    beta[rows, words.lengths] = np.where(possible, 1 / np.where(possible, total, 1), 0)
    for letter in reversed(range(words.letters.shape[1])):
        scores, before = words.scores(table, letter), np.zeros_like(beta)
        for step in range(LONGEST + 1):
            size = beta.shape[1] - step
            if size <= 0:
                continue
            passed = scores[:, :size, step] * beta[:, step:]
            before[:, :size] += passed
            expected = alphas[letter][:, :size] * passed
            row, place = np.nonzero(expected > 0)
            np.add.at(
                counts,
                (words.letters[row, letter], words.codes[row, place, step]),
                expected[row, place],
            )
        beta = before


def best(words: Words, table: np.ndarray) -> np.ndarray:
    """[B, L] label lengths of the most probable alignment; -1 in words that have none."""
    with np.errstate(divide="ignore"):
        logs = [np.log(words.scores(table, at)) for at in range(words.letters.shape[1])]
    score = np.full(words.codes.shape[:2], -np.inf)
    score[:, 0] = 0
    choices = []
    for scores in logs:
        options = np.full((*score.shape, LONGEST + 1), -np.inf)
        for step in range(LONGEST + 1):
            size = score.shape[1] - step
            if size > 0:
                options[:, step:, step] = score[:, :size] + scores[:, :size, step]
        choices.append(options.argmax(2))
        score = options.max(2)
    rows, place = np.arange(len(score)), words.lengths.copy()
    found = np.zeros(words.letters.shape, np.int64)
    possible = np.isfinite(score[rows, place])
    for letter in reversed(range(len(choices))):
        found[:, letter] = choices[letter][rows, place]
        place = np.maximum(place - found[:, letter], 0)
    found[~possible] = -1
    return found


def estimate(groups: list[Words], table: np.ndarray) -> np.ndarray:
    """P(label | letter) [letters, C] after some rounds of expectation maximisation."""
    for _ in range(ITERATIONS):
        counts = np.zeros_like(table)
        for words in groups:
            add_counts(words, table, counts)
        table = counts / np.maximum(counts.sum(1, keepdims=True), 1e-300)
    return table


def label_counts(groups: list[Words], table: np.ndarray) -> np.ndarray:
    """[letters, C] occurrences of labels in the best alignments."""
    counts = np.zeros_like(table)
    for words in groups:
        steps = best(words, table)
        kept = steps[:, 0] >= 0
        starts = np.cumsum(steps, 1) - steps
        for letter in range(steps.shape[1]):
            codes = words.codes[kept, starts[kept, letter], steps[kept, letter]]
            np.add.at(counts, (words.letters[kept, letter], codes), 1)
    return counts


def read(path: Path) -> dict[int, list[tuple[str, list[str]]]]:
    """Words and phones, by the number of letters."""
    found = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        word, *phones = line.split()
        if len(phones) <= LONGEST * len(word):
            found[len(word)].append((word, phones))
    return found


def tokens(word: str, phones: list[str], steps: np.ndarray) -> Iterator[str]:
    place = 0
    for letter, step in zip(word, steps, strict=True):
        yield f"{letter}:{'+'.join(phones[place : place + step])}"
        place += step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lexicon", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    by_length = read(arguments.lexicon)
    entries = [entry for group in by_length.values() for entry in group]
    letters = {each: n for n, each in enumerate(sorted({c for word, _ in entries for c in word}))}
    phones = {p: n for n, p in enumerate(sorted({p for _, said in entries for p in said}), 1)}
    base = len(phones) + 1
    groups = [
        Words(
            [([letters[c] for c in word], [phones[p] for p in said]) for word, said in group], base
        )
        for group in by_length.values()
    ]
    table = estimate(groups, np.ones((len(letters), base**LONGEST)))
    frequent = label_counts(groups, table) >= LEAST
    table = estimate(groups, np.where(frequent, table, 0))
    lines, dropped = [], 0
    for words, group in zip(groups, by_length.values(), strict=True):
        for (word, said), steps in zip(group, best(words, table), strict=True):
            if steps[0] < 0:
                dropped += 1
            else:
                lines.append(" ".join(tokens(word, said, steps)) + "\n")
    arguments.output.write_text("".join(lines), encoding="utf-8")
    labels = {token for line in lines for token in line.split()}
    print(f"{len(lines)} words aligned, {dropped} dropped, {len(labels)} letters with labels")


if __name__ == "__main__":
    main()
