import pytest

from rescorer.rescoring.letter_case import spelling_of, without_case


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["", "CALL", "ANN", "<unk>"], "MC-COY"),
        (["", "call", "ann", "[NOISE]", "<UNK>"], "mc-coy"),
        (["call", "Ann"], "Mc-Coy"),
        (["", "7"], "Mc-Coy"),  # no letter tells
        (["東京"], "Mc-Coy"),  # a script without case
    ],
)
def test_names_are_spelled_as_the_input(words: list[str], expected: str) -> None:
    assert spelling_of(words)("Mc-Coy") == expected


def test_words_are_compared_in_lower_case() -> None:
    assert without_case(["Mary", "ANN"]) == ("mary", "ann")
