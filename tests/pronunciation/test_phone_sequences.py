import numpy as np
import pytest

from rescorer.errors import InputError
from rescorer.pronunciation.phone_sequences import PhoneSequences


def test_sequences_are_packed_in_their_order():
    packed = PhoneSequences.pack([[3, 1], [], [2]])
    assert packed.phones.tolist() == [3, 1, 2]
    assert packed.offsets.tolist() == [0, 2, 2, 3]
    assert packed.lengths.tolist() == [2, 0, 1]
    assert [packed[number].tolist() for number in range(len(packed))] == [[3, 1], [], [2]]


def test_some_sequences_can_be_taken():
    taken = PhoneSequences.pack([[3, 1], [], [2]]).take(np.array([2, 1, 0, 0]))
    assert [taken[number].tolist() for number in range(len(taken))] == [[2], [], [3, 1], [3, 1]]


def test_positions_count_from_either_end():
    packed, numbers = PhoneSequences.pack([[3, 1], [4], [5, 6, 7]]), np.array([0, 2])
    assert packed.at(numbers, 1).tolist() == [1, 6]
    assert packed.at(numbers, 0, backward=True).tolist() == [1, 7]


@pytest.mark.parametrize("offsets", [[], [0], [1, 3], [0, 2], [0, 4], [0, 2, 1, 3]])
def test_offsets_cut_the_phones_into_sequences(offsets):
    with pytest.raises(InputError, match="offsets that do not cut 3 phones"):
        PhoneSequences(np.arange(3), np.array(offsets))


@pytest.mark.parametrize("phones", [[0.5], [-1]])
def test_phones_are_ids(phones):
    with pytest.raises(InputError, match="phones that are not ids"):
        PhoneSequences(np.array(phones), np.array([0, 1]))
