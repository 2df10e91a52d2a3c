import numpy as np
import pytest

from rescorer.errors import InputError
from rescorer.pronunciation.edit_costs import EditCosts


def test_costs_become_float32():
    costs = EditCosts(np.eye(2), np.ones(2), [1, np.inf], merge=np.full((2, 2, 2), np.inf))
    assert costs.phones == 2
    assert costs.substitution.dtype == costs.insertion.dtype == costs.merge.dtype == np.float32
    assert costs.split is None


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"substitution": np.ones((2, 3))}, r"substitution costs of shape \(2, 3\)"),
        ({"insertion": np.ones(3)}, r"insertion costs of shape \(3,\)"),
        ({"split": np.ones((2, 2))}, "split costs of shape"),
        ({"deletion": [1, -0.5]}, "deletion costs below 0"),
        ({"insertion": [1, np.nan]}, "insertion costs below 0, or not a number"),
    ],
)
def test_faulty_costs_are_refused(arrays, message):
    good = {"substitution": np.ones((2, 2)), "deletion": np.ones(2), "insertion": np.ones(2)}
    with pytest.raises(InputError, match=message):
        EditCosts(**{**good, **arrays})
