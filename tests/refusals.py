"""What every refusal of an input must be: one line with the place, what is expected, the remedy."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rescorer.errors import InputError


def refusal(call: Callable[[], object], *parts: str) -> str:
    """The message with which a call refuses its input, which holds all parts."""
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert len(message.splitlines()) == 1 and "remedy: " in message
    assert all(part in message for part in parts), message
    return message
