import numpy as np
import pytest

from rescorer.errors import InputError
from rescorer.pronunciation.array_file import read_arrays, write_arrays


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "arrays"
    arrays = {"a": np.arange(100, dtype=np.uint32), "b": np.empty(0), "c": np.ones(3, np.int8)}
    write_arrays(path, "numbers", 1, {"of": ["é", "ß"]}, arrays)
    return path


def test_arrays_come_back_as_they_were(path):
    about, arrays = read_arrays(path, "numbers", 1)
    assert about == {"of": ["é", "ß"]}
    assert list(arrays) == ["a", "b", "c"]
    assert arrays["a"].dtype == np.uint32
    assert arrays["a"].tolist() == list(range(100))
    assert arrays["b"].shape == (0,)
    assert arrays["c"].tolist() == [1, 1, 1]
    assert all(array.ctypes.data % 64 == 0 for array in arrays.values() if array.size)
    with pytest.raises(ValueError, match="read-only"):
        arrays["a"][0] = 1


def test_damaged_bytes_are_found_everywhere(path):
    whole = path.read_bytes()
    for place in [*range(0, len(whole), 9), len(whole) - 1]:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(InputError, match="is no numbers, or is damaged"):
            read_arrays(path, "numbers", 1)


@pytest.mark.parametrize("size", [0, 5, 8, 100, -1])
def test_a_file_that_is_cut_short_is_refused(path, size):
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match="arrays: is no numbers, or is damaged"):
        read_arrays(path, "numbers", 1)


@pytest.mark.parametrize(("kind", "version"), [("letters", 1), ("numbers", 2)])
def test_another_kind_or_version_is_refused(path, kind, version):
    with pytest.raises(InputError, match="is a file of kind 'numbers', version 1; expected"):
        read_arrays(path, kind, version)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="nothing: cannot be read: No such file"):
        read_arrays(tmp_path / "nothing", "numbers", 1)
