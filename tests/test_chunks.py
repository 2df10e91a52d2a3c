"""Slices that cover a length."""

from rescorer.chunks import chunks


def test_slices_cover_the_length() -> None:
    assert list(chunks(7, 3)) == [slice(0, 3), slice(3, 6), slice(6, 7)]
    assert list(chunks(6, 3)) == [slice(0, 3), slice(3, 6)]
    assert list(chunks(0, 3)) == []
