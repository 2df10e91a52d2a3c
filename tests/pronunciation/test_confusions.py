import numpy as np
import pytest

from rescorer.errors import InputError
from rescorer.pronunciation.confusions import (
    EditRates,
    class_confusions,
    uniform_confusions,
)
from rescorer.pronunciation.phones import ARPABET, PhoneSet

RATES = EditRates(substituted=0.1, deleted=0.05, inserted=0.02, merged=0.03, split=0.04)


@pytest.mark.parametrize("model", [uniform_confusions, class_confusions])
def test_rates_are_those_that_were_asked_for(model):
    table = model(ARPABET, RATES).probabilities
    np.testing.assert_allclose(table.by_spoken_phone(), 1)
    np.testing.assert_allclose(np.diag(table.substitution), 0.78)
    np.testing.assert_allclose(table.substitution.sum(1), 0.88)
    np.testing.assert_allclose(table.deletion, 0.05)
    assert table.insertion.sum() == pytest.approx(0.02)
    np.testing.assert_allclose(table.merge.sum((1, 2)), 0.03)
    np.testing.assert_allclose(table.split.sum((1, 2)), 0.04)


def test_phones_of_the_same_classes_are_confused_more():
    table = class_confusions(ARPABET).probabilities
    t, d, iy, s, n = ARPABET.ids(["T", "D", "IY", "S", "N"])
    assert table.substitution[t, d] > 5 * table.substitution[t, iy]
    assert table.merge[s, t, s] > 5 * table.merge[s, t, n]
    assert table.split[n, n, d] > 5 * table.split[n, s, iy]


def test_classes_ignore_stress_and_position():
    table = class_confusions(PhoneSet(["T_B", "D_B", "AH0_E", "AH1_E"])).probabilities
    assert table.substitution[0, 1] > 5 * table.substitution[0, 2]
    assert table.substitution[2, 3] > 5 * table.substitution[2, 0]


def test_other_phone_sets_are_uniform():
    table = class_confusions(PhoneSet(["t", "d", "ə"]), RATES).probabilities
    np.testing.assert_allclose(table.substitution[0, 1:], 0.05)


def test_a_set_of_one_phone():
    table = class_confusions(PhoneSet(["ə"])).probabilities
    np.testing.assert_allclose(table.by_spoken_phone(), 1)


def test_costs_are_minus_logs_with_the_end_of_insertions():
    confusions = uniform_confusions(PhoneSet("ab"), RATES)
    costs, table = confusions.costs(), confusions.probabilities
    for cost, probability in (
        (costs.substitution, table.substitution),
        (costs.deletion, table.deletion),
        (costs.merge, table.merge),
        (costs.split, table.split),
    ):
        np.testing.assert_allclose(cost, -np.log(0.98 * probability), rtol=1e-6)
    np.testing.assert_allclose(costs.insertion, -np.log(table.insertion), rtol=1e-6)


def test_what_cannot_be_costs_infinity():
    rates = EditRates(substituted=0.1, deleted=0.1, inserted=0.1, merged=0, split=0)
    costs = uniform_confusions(PhoneSet("ab"), rates).costs()
    assert np.all(np.isinf(costs.merge)) and np.all(np.isinf(costs.split))


def test_confusions_of_some_phones():
    confusions = class_confusions(ARPABET, RATES)
    some = confusions.of_phones(PhoneSet(["T", "AH", "D"]))
    np.testing.assert_allclose(some.probabilities.by_spoken_phone(), 1)
    t, ah, d = ARPABET.ids(["T", "AH", "D"])
    whole = confusions.probabilities.substitution
    found = some.probabilities.substitution
    assert found[0, 2] / found[0, 1] == pytest.approx(whole[t, d] / whole[t, ah])
    assert 0 < some.probabilities.insertion.sum() < confusions.probabilities.insertion.sum()


def test_confusions_lack_other_phones():
    with pytest.raises(InputError, match="unknown phone 'ə'"):
        class_confusions(ARPABET).of_phones(PhoneSet(["T", "ə"]))
