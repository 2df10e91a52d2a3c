"""Packages that only some users have."""

from __future__ import annotations

import pytest

from rescorer.errors import InputError
from rescorer.extras import import_extra


def test_a_missing_package_names_its_extra() -> None:
    with pytest.raises(InputError, match=r"pip install 'lightrnn-rescorer\[whisper\]'") as error:
        import_extra("no_such_package.part", "whisper")
    assert str(error.value).startswith("no_such_package is not installed")


def test_a_package_that_is_there() -> None:
    assert import_extra("json.decoder", "whisper").JSONDecoder
