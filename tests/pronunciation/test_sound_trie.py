import numpy as np
import pytest

from rescorer.pronunciation.phone_sequences import PhoneSequences
from rescorer.pronunciation.sound_trie import MAX_REST, SoundTrie


def walked(trie: SoundTrie, node: int = 0, path: tuple[int, ...] = ()) -> dict[tuple, int]:
    """The number at each end, by the phones that lead there."""
    found = {path: int(trie.sequences[node])} if trie.sequences[node] >= 0 else {}
    for child in trie.children(np.array([node]))[0]:
        found |= walked(trie, child, (*path, int(trie.phones[child])))
    return found


@pytest.mark.parametrize("backward", [False, True])
def test_the_trie_holds_all_sequences(backward):
    rng = np.random.default_rng(0)
    sequences = [rng.integers(0, 3, rng.integers(0, 6)).tolist() for _ in range(50)]
    trie, ends = SoundTrie.build(PhoneSequences.pack(sequences), backward=backward)
    expected = {
        tuple(sequence[::-1] if backward else sequence): number
        for number, sequence in enumerate(sequences)
    }
    assert walked(trie) == expected
    assert trie.sequences[ends].tolist() == [
        expected[tuple(sequence[::-1] if backward else sequence)] for sequence in sequences
    ]
    prefixes = {path[:length] for path in expected for length in range(len(path) + 1)}
    assert len(trie) == len(prefixes)


def test_rests_are_the_phones_to_the_nearest_and_the_farthest_end():
    trie, ends = SoundTrie.build(PhoneSequences.pack([[1], [1, 2, 3], [2, 2], [4] * 300]))
    assert trie.shortest_rests[[0, *ends]].tolist() == [1, 0, 0, 0, 0]
    assert trie.longest_rests[[0, *ends]].tolist() == [MAX_REST, 2, 0, 0, 0]
    after_one = ends[0]
    assert trie.children(np.array([after_one, 0]))[1].tolist() == [0, 1, 1, 1]


def test_a_trie_of_nothing_is_a_root():
    trie, ends = SoundTrie.build(PhoneSequences.pack([]))
    assert (len(trie), len(ends)) == (1, 0)
    assert trie.shortest_rests.tolist() == [MAX_REST]
