"""A trie of phone sequences in arrays.

Nodes are numbered by depth, and within a depth by parent and phone: the children of a node are
consecutive numbers, so that one array of first children holds all links.

Shapes: V nodes, E sequences.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rescorer.pronunciation.phone_sequences import PhoneSequences
from rescorer.pronunciation.ranges import joined_ranges

MAX_REST = 255  # a rest of this many phones stands for any longer one, too


@dataclass(frozen=True, eq=False)
class SoundTrie:
    """A trie; node 0 is the root.

    Attributes:
        phones: uint8 or uint16[V] the phone that leads to each node; 0 at the root.
        first_children: uint32[V + 1] the first child of each node; its last child is the one
            before the first child of the next node.
        sequences: int32[V] the number of the sequence that ends at each node, else -1.
        shortest_rests: uint8[V] phones from each node to the nearest end of a sequence.
        longest_rests: uint8[V] phones to the farthest end; MAX_REST where there are more.
    """

    phones: np.ndarray
    first_children: np.ndarray
    sequences: np.ndarray
    shortest_rests: np.ndarray
    longest_rests: np.ndarray

    @classmethod
    def build(
        cls, sequences: PhoneSequences, *, backward: bool = False
    ) -> tuple[SoundTrie, np.ndarray]:
        """The trie, and int32[E] the node at which each sequence ends.

        Of equal sequences, the trie holds the number of the last one. Time O(T log E) for T phones.

        Args:
            backward: read the sequences from their ends.
        """
        levels, ends = _levels(sequences, backward)
        size = sum(len(parents) for parents, _ in levels)
        parents = np.concatenate([parents for parents, _ in levels])
        counts = np.bincount(parents[1:], minlength=size)
        ended = np.full(size, -1, np.int32)
        ended[ends] = np.arange(len(sequences))
        shortest, longest = _rests(levels, ended >= 0)
        trie = cls(
            np.concatenate([phones for _, phones in levels]),
            np.concatenate([[1], 1 + np.cumsum(counts)]).astype(np.uint32),
            ended,
            shortest,
            longest,
        )
        return trie, ends

    def __len__(self) -> int:
        return len(self.phones)

    def children(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All children of nodes, and the place of the parent of each among the nodes."""
        first = self.first_children[nodes].astype(np.int64)
        return joined_ranges(first, self.child_counts(nodes))

    def child_counts(self, nodes: np.ndarray) -> np.ndarray:
        """int64 number of children of each of the nodes."""
        after = self.first_children[nodes + 1].astype(np.int64)
        return np.asarray(after - self.first_children[nodes])


_Level = tuple[np.ndarray, np.ndarray]  # parent and phone of each node of a depth


def _levels(sequences: PhoneSequences, backward: bool) -> tuple[list[_Level], np.ndarray]:
    """Nodes by depth, and the node at which each sequence ends."""
    number_of_phones = int(sequences.phones.max(initial=0)) + 1
    phone_type = np.uint8 if number_of_phones <= 256 else np.uint16
    lengths = sequences.lengths
    ends = np.zeros(len(sequences), np.int32)
    left = np.flatnonzero(lengths > 0)  # sequences that go on, and the nodes they have reached
    nodes = np.zeros(len(left), np.int64)
    levels = [(np.zeros(1, np.int32), np.zeros(1, phone_type))]
    size = 1
    while len(left):
        phones = sequences.at(left, len(levels) - 1, backward=backward)
        keys, places = np.unique(nodes * number_of_phones + phones, return_inverse=True)
        parents, phones = np.divmod(keys, number_of_phones)
        nodes = size + places
        ends[left] = nodes
        size += len(keys)
        levels.append((parents.astype(np.int32), phones.astype(phone_type)))
        longer = lengths[left] >= len(levels)
        left, nodes = left[longer], nodes[longer]
    return levels, ends


def _rests(levels: list[_Level], is_end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Phones from each node to the nearest and to the farthest end of a sequence."""
    shortest = np.where(is_end, 0, MAX_REST).astype(np.uint8)
    longest = np.zeros(len(is_end), np.uint8)
    after = len(is_end)
    for parents, _ in levels[:0:-1]:
        first = after - len(parents)
        is_first = np.diff(parents, prepend=-1) != 0
        starts, parents = np.flatnonzero(is_first), parents[is_first]
        nearest = np.minimum.reduceat(shortest[first:after], starts)
        farthest = np.maximum.reduceat(longest[first:after], starts)
        nearest, farthest = (np.minimum(rest, MAX_REST - 1) + 1 for rest in (nearest, farthest))
        shortest[parents] = np.minimum(shortest[parents], nearest)
        longest[parents] = farthest
        after = first
    return shortest, longest
