import pytest

from rescorer.errors import InputError
from rescorer.pronunciation.phones import ARPABET, PhoneSet, without_stress


def test_ids_are_places_in_the_set():
    assert ARPABET.ids(["HH", "EH", "L", "OW"]).tolist() == [
        ARPABET.symbols.index(phone) for phone in ("HH", "EH", "L", "OW")
    ]
    assert len(ARPABET) == 39


def test_an_unknown_phone_is_named():
    with pytest.raises(InputError, match="unknown phone 'QQ'"):
        ARPABET.ids(["AA", "QQ"])


@pytest.mark.parametrize("symbols", [[], ["A", "A"], ["A B"], [""]])
def test_a_phone_set_has_distinct_symbols(symbols):
    with pytest.raises(InputError, match="phone"):
        PhoneSet(symbols)


def test_stress_digits_are_taken_off():
    assert [without_stress(phone) for phone in ("AH0", "EY1", "B", "ɔ")] == ["AH", "EY", "B", "ɔ"]
