"""A graphone n-gram: joint probabilities of letters and phones, and the search for pronunciations.

A graphone is a letter with a label of zero to three phones, such as `x:K+S`. A pronunciation of a
word is a string of graphones with the word's letters; the n-gram says how probable that string is.

Source: M. Bisani and H. Ney, Joint-sequence models for grapheme-to-phoneme conversion (Speech
Communication 50, 2008), with one letter a graphone; the n-gram is estimated by KenLM.

Shapes: B words of L letters; K hypotheses of the beam; C graphones of a letter at most; N nodes,
G graphones; M queries.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import IO

import numpy as np

START, END = "<s>", "</s>"
_GREATEST_COST = 20.0  # nats that the byte 255 stands for; as recipes/g2p/pack.py writes it
_HASH_BITS = 24  # of the table of hashes of keys: 16 for each node of the English model
_HASH_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / the golden ratio spreads keys evenly
_HASH_BASE = 1_000_003  # of the hash of a phone string


@dataclass(frozen=True)
class Hypotheses:
    """Pronunciations of B words, as the labels of their letters, most probable first.

    Attributes:
        labels: [B, K, L] ids of graphones.
        probabilities: [B, K] P(phones | letters) among the hypotheses of the beam; 0: none.
    """

    labels: np.ndarray
    probabilities: np.ndarray


class GraphoneModel:
    """An n-gram of graphones as a prefix tree; a state is the node of the longest known context.

    Attributes:
        letters: that graphones have.
        phones: G phones of the graphones' labels.
    """

    def __init__(
        self,
        graphones: list[str],
        children: np.ndarray,
        last: np.ndarray,
        cost: np.ndarray,
        backoff: np.ndarray,
    ) -> None:
        """
        Args:
            graphones: G of them, such as `x:K+S`; START and END are among them.
            children: [N] number of children of a node, the root first.
            last: [N-1] last graphone of the nodes after the root.
            cost, backoff: [N-1] −log P and −log of the back-off weight, each as one byte.
        """
        split = [graphone.partition(":") for graphone in graphones]
        self.phones = [tuple(label.split("+")) if label else () for _, _, label in split]
        self.letters = sorted({letter for letter, colon, _ in split if colon})
        self._letter_of = [letter if colon else "" for letter, colon, _ in split]
        self._start, self._end = graphones.index(START), graphones.index(END)
        self._size = len(graphones)
        parents = np.repeat(np.arange(len(children)), children)
        self._keys = parents * self._size + last
        self._hashed = np.zeros(1 << _HASH_BITS, bool)
        self._hashed[_hashed(self._keys)] = True
        self._cost, self._backoff = _costs(cost), _costs(backoff)
        self._link(children, parents, last.astype(np.int64))

    def _link(self, children: np.ndarray, parents: np.ndarray, last: np.ndarray) -> None:
        """Set, for each node, the state that follows it and the state that it backs off to."""
        nodes = len(children)
        self._state, self._shorter = np.zeros(nodes, np.int64), np.zeros(nodes, np.int64)
        begin, end = 1, 1 + int(children[0])
        self._state[begin:end] = np.where(children[begin:end], np.arange(begin, end), 0)
        while end < nodes:
            begin, end = end, end + int(children[begin:end].sum())
            # The suffix of an n-gram is the last graphone after the suffix of its parent.
            above = self._shorter[parents[begin - 1 : end - 1]]
            suffix = self._longest(above, last[begin - 1 : end - 1])[0]
            self._shorter[begin:end] = self._state[suffix]
            self._state[begin:end] = np.where(
                children[begin:end], np.arange(begin, end), self._state[suffix]
            )

    def _child(self, states: np.ndarray, graphones: np.ndarray) -> np.ndarray:
        """[M] nodes; 0 where the state has no such child."""
        wanted = states * self._size + graphones
        nodes = np.zeros(len(wanted), np.int64)
        # Most keys do not exist. A table of hashes finds that out faster than a binary search.
        possible = np.flatnonzero(self._hashed[_hashed(wanted)])
        place = np.searchsorted(self._keys, wanted[possible])
        found = self._keys[np.minimum(place, len(self._keys) - 1)] == wanted[possible]
        nodes[possible[found]] = place[found] + 1
        return nodes

    def _longest(self, states: np.ndarray, graphones: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[M] nodes of the longest known n-grams with these last graphones, [M] back-off costs."""
        nodes = self._child(states, graphones)
        costs = np.zeros(len(states), np.float32)
        missing = np.flatnonzero(nodes == 0)
        states = states[missing]
        while len(missing):
            costs[missing] += self._backoff[states]
            states = self._shorter[states]
            found = self._child(states, graphones[missing])
            nodes[missing] = found
            missing, states = missing[found == 0], states[found == 0]
        return nodes, costs

    def _advance(self, states: np.ndarray, graphones: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[M] −log P(graphone | state), [M] next states."""
        nodes, costs = self._longest(states, graphones)
        return costs + self._cost[nodes], self._state[nodes]

    @cached_property
    def _candidates(self) -> np.ndarray:
        """[letters, C] graphones of a letter, the most frequent first; the first one pads."""
        by_letter: list[list[int]] = [[] for _ in self.letters]
        for graphone in np.argsort(self._cost[1 : 1 + self._size], kind="stable"):
            if letter := self._letter_of[graphone]:
                by_letter[self.letters.index(letter)].append(int(graphone))
        longest = max(map(len, by_letter))
        return np.array([row + [-1] * (longest - len(row)) for row in by_letter])

    @cached_property
    def _hashes(self) -> tuple[np.ndarray, np.ndarray]:
        """[G] factor and [G] summand that a label brings to the hash of a phone string."""
        names = sorted({phone for label in self.phones for phone in label})
        factors, summands = [], []
        for label in self.phones:
            code = 0
            for phone in label:
                code = code * _HASH_BASE + names.index(phone) + 1
            summands.append(code % 2**64)
            factors.append(pow(_HASH_BASE, len(label), 2**64))
        return np.array(factors, np.uint64), np.array(summands, np.uint64)

    def search(self, words: np.ndarray, beam: int) -> Hypotheses:
        """The most probable pronunciations of B words of one length, by beam search.

        Args:
            words: [B, L] ids of letters, places in `letters`.
            beam: hypotheses that are kept, K.
        """
        rows = np.arange(len(words))[:, None]
        states = np.full((len(words), 1), self._state[1 + self._start])
        costs = np.zeros((len(words), 1), np.float32)
        steps = []
        for letter in range(words.shape[1]):
            graphones = self._candidates[words[:, letter]]  # [B, C]
            size = graphones.shape[1]
            chosen = np.broadcast_to(graphones[:, None], (*states.shape, size))
            asked = np.flatnonzero(chosen >= 0)
            hypothesis = asked // size  # among all B · K
            step_costs, next_states = self._advance(
                states.ravel()[hypothesis], chosen.ravel()[asked]
            )
            total = np.full((len(words), states.shape[1] * size), np.inf, np.float32)
            total.ravel()[asked] = costs.ravel()[hypothesis] + step_costs
            after = np.zeros(total.shape, np.int64)
            after.ravel()[asked] = next_states
            best = _least(total, beam)
            costs = total[rows, best]
            states = after[rows, best]
            steps.append((best // size, chosen.reshape(total.shape)[rows, best]))
        final, _ = self._advance(states.ravel(), np.full(states.size, self._end))
        return self._merged(steps, costs + final.reshape(costs.shape))

    def _merged(self, steps: list[tuple[np.ndarray, np.ndarray]], costs: np.ndarray) -> Hypotheses:
        """The hypotheses of the last step; those of the same phones are added up."""
        rows = np.arange(len(costs))[:, None]
        labels = np.empty((*costs.shape, len(steps)), np.int64)
        places = np.broadcast_to(np.arange(costs.shape[1]), costs.shape)
        for at in reversed(range(len(steps))):
            parents, chosen = steps[at]
            labels[:, :, at] = chosen[rows, places]
            places = parents[rows, places]
        factors, summands = self._hashes
        hashes = np.zeros(costs.shape, np.uint64)
        for at in range(len(steps)):
            hashes = hashes * factors[labels[:, :, at]] + summands[labels[:, :, at]]
        heard = hashes != 0  # a word without phones is none
        weights = np.where(heard, np.exp(costs.min(1, keepdims=True) - costs), 0)
        weights = weights / np.maximum(weights.sum(1, keepdims=True), 1e-30)
        equal = hashes[:, :, None] == hashes[:, None]
        first = np.arange(costs.shape[1]) == equal.argmax(2)
        weights = np.where(first, (equal * weights[:, None]).sum(2), 0)
        order = np.argsort(-weights, 1, kind="stable")
        return Hypotheses(labels[rows, order], weights[rows, order])


def _hashed(keys: np.ndarray) -> np.ndarray:
    """[M] places of keys in the table of hashes."""
    return np.asarray((keys.astype(np.uint64) * _HASH_FACTOR) >> np.uint64(64 - _HASH_BITS))


def _least(costs: np.ndarray, count: int) -> np.ndarray:
    """[B, ≤ count] places of the least costs of a row, least first."""
    if count < costs.shape[1]:
        found = np.argpartition(costs, count, 1)[:, :count]
    else:
        found = np.broadcast_to(np.arange(costs.shape[1]), costs.shape)
    order = np.argsort(np.take_along_axis(costs, found, 1), 1, kind="stable")
    return np.take_along_axis(found, order, 1)


def _costs(squeezed: np.ndarray) -> np.ndarray:
    """[N] costs in nats, of which the square roots were rounded to bytes; the root's is 0."""
    costs = np.square(squeezed.astype(np.float32) / 255) * _GREATEST_COST
    return np.concatenate([np.zeros(1, np.float32), costs])


def load_graphones(file: IO[bytes]) -> GraphoneModel:
    """Read what `recipes/g2p/pack.py` wrote."""
    with np.load(file, allow_pickle=False) as content:
        names = ("children", "last", "cost", "backoff")
        return GraphoneModel(content["graphones"].tolist(), *(content[name] for name in names))
