import numpy as np

from rescorer.pronunciation.ranges import joined_ranges


def test_ranges_follow_each_other():
    numbers, owners = joined_ranges(np.array([5, 0, 9, 5]), np.array([2, 3, 0, 1]))
    assert numbers.tolist() == [5, 6, 0, 1, 2, 5]
    assert owners.tolist() == [0, 0, 1, 1, 1, 3]


def test_no_ranges_have_no_numbers():
    numbers, owners = joined_ranges(np.empty(0, np.int64), np.empty(0, np.int64))
    assert len(numbers) == len(owners) == 0
