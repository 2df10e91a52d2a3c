import pytest

from rescorer.reports.error_regions import aligned_regions


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("a b", "a b", ["a > a", "b > b"]),
        ("a b c", "a x c", ["a > a", "b > x", "c > c"]),
        ("philip steels", "fill up steals", ["philip steels > fill up steals"]),
        ("a b c d", "a d", ["a > a", "b c > ", "d > d"]),
        ("a", "a b", ["a > a", " > b"]),
        ("", "", []),
        ("", "a", [" > a"]),
    ],
)
def test_regions(reference: str, hypothesis: str, expected: list[str]) -> None:
    found = aligned_regions(reference.split(), hypothesis.split())
    assert [f"{' '.join(spoken)} > {' '.join(written)}" for spoken, written in found] == expected
