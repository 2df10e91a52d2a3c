import json
from pathlib import Path

import numpy as np
import pytest

from rescorer.errors import InputError
from rescorer.pronunciation.confusions import Confusions, class_confusions, uniform_confusions
from rescorer.pronunciation.confusions_file import (
    SHIPPED,
    default_confusions,
    load_confusions,
    save_confusions,
)
from rescorer.pronunciation.phones import ARPABET, PhoneSet

PHONES = PhoneSet(["a", "ə"])
CONTENT = {
    "format": "phone confusions",
    "version": 1,
    "phones": ["a", "ə"],
    "learnt": {"words": 7},
    "insertion": {"a": 0.01},
    "spoken": {
        "a": {
            "substitution": {"a": 0.8, "ə": 0.1},
            "deletion": 0.01,
            "merge": {"ə": {"a": 0.03}},
            "split": {"a": {"ə": 0.04}},
        },
        "ə": {"substitution": {"ə": 1.0}, "deletion": 0.0},
    },
}


def changed(**members: object) -> str:
    return json.dumps({**CONTENT, **members})


def changed_phone(**members: object) -> str:
    spoken = {**CONTENT["spoken"], "a": {**CONTENT["spoken"]["a"], **members}}
    return changed(spoken=spoken)


def read(folder: Path, text: str, phones: PhoneSet | None = None) -> Confusions:
    (folder / "confusions.json").write_text(text, encoding="utf-8")
    return load_confusions(folder / "confusions.json", phones)


def test_a_file_is_read(tmp_path):
    confusions = read(tmp_path, changed(), PHONES)
    table = confusions.probabilities
    np.testing.assert_allclose(table.substitution, [[0.8, 0.1], [0, 1]])
    np.testing.assert_allclose(table.deletion, [0.01, 0])
    np.testing.assert_allclose(table.insertion, [0.01, 0])
    # What is left, 0.02, is shared by the three merges and the three splits that are not listed.
    share = 0.02 / 6
    np.testing.assert_allclose(table.merge[0], [[share, share], [0.03, share]])
    np.testing.assert_allclose(table.split[0], [[share, 0.04], [share, share]])
    assert not table.merge[1].any() and not table.split[1].any()
    assert confusions.learnt == {"words": 7}


@pytest.mark.parametrize("model", [uniform_confusions, class_confusions])
def test_what_is_written_is_read(tmp_path, model):
    confusions = Confusions(ARPABET, model(ARPABET).probabilities, {"words": 3, "strength": 0.5})
    save_confusions(confusions, tmp_path / "confusions.json")
    again = load_confusions(tmp_path / "confusions.json", ARPABET)
    assert again.learnt == confusions.learnt
    for mine, theirs in zip(
        again.probabilities.arrays(), confusions.probabilities.arrays(), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "the file is []"),
        ('{"a": 1, "a": 2}', "comes twice"),
        (changed(format="weights"), "format 'weights'"),
        (changed(version=2), "version 2"),
        (changed(phones="ab"), "no list of phones"),
        (changed(phones=["a", "a"]), "'a' in a phone set"),
        (changed(phones=["a"]), "spoken: phone 'ə'"),
        (changed(learnt={"words": "many"}), "learnt: words is 'many'"),
        (changed(insertion={"a": 1.0}), "insertions sum to 1"),
        (changed(insertion={"b": 0.1}), "insertion: unknown phone 'b'"),
        (changed(insertion=None), "insertion is None"),
        (changed(spoken={"a": CONTENT["spoken"]["a"]}), "spoken: phone 'ə'"),
        (changed_phone(deletion=-0.1), "a: deletion is -0.1"),
        (changed_phone(deletion=1.5), "a: deletion is 1.5"),
        (changed_phone(deletion=float("nan")), "a: deletion is nan"),
        (changed_phone(deletion=True), "a: deletion is True"),
        (changed_phone(deletion=None), "a: deletion is None"),
        (changed_phone(deletion=0.5), "a: probabilities sum to 1.47"),
        (changed_phone(substitution={"a": "much"}), "a: substitution: a is 'much'"),
        (changed_phone(merge={"b": {"a": 0.1}}), "a: merge: b: unknown phone 'b'"),
        (changed_phone(split={"a": 0.1}), "a: split: a is 0.1"),
    ],
)
def test_damaged_files_are_refused(tmp_path, text, expected):
    with pytest.raises(InputError) as raised:
        read(tmp_path, text)
    assert expected in str(raised.value)
    assert str(raised.value).startswith(f"{tmp_path / 'confusions.json'}")
    assert "remedy: " in str(raised.value)


def test_every_cut_is_refused(tmp_path):
    text = changed()
    for length in range(0, len(text), 7):
        with pytest.raises(InputError):
            read(tmp_path, text[:length])


def test_another_phone_set_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"its 2 phones are a ə; expected the 39 phones AA"):
        read(tmp_path, changed(), ARPABET)


def test_the_packages_table():
    confusions = default_confusions()
    table = confusions.probabilities
    t, d, iy, ih, aa = ARPABET.ids(["T", "D", "IY", "IH", "AA"])
    assert SHIPPED.stat().st_size <= 100_000
    assert np.all(np.diag(table.substitution) > 0.8)
    assert table.substitution[t, d] > table.substitution[t, aa]
    assert table.substitution[iy, ih] > table.substitution[iy, t]
    assert np.isfinite(confusions.costs().substitution).all()


def test_defaults_of_other_phone_sets():
    some = PhoneSet(["T", "D"])
    assert default_confusions(some).phones == some
    ipa = PhoneSet(["t", "ə"])
    assert default_confusions(ipa).phones == ipa
