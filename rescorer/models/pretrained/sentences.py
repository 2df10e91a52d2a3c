"""Sentences of a recogniser as the text that a pretrained model reads."""

from __future__ import annotations

from collections.abc import Sequence

from rescorer.models.pretrained.settings import PretrainedSettings

_MARKS = ".?!…。？！"  # that end a sentence


def written(words: Sequence[str], settings: PretrainedSettings) -> str:
    """The text of a sentence, with what ends it; an end-of-text is a token, and not in it."""
    text = _in_case(" ".join(words), settings.hf_case)
    if settings.hf_end == "stop" and not text.endswith(tuple(_MARKS)):
        return f"{text}."
    return f"{text}\n" if settings.hf_end == "newline" else text


def _in_case(text: str, case: str) -> str:
    if case == "keep" or (case == "auto" and not text.isupper()):
        return text
    lower = text.lower()
    return lower[:1].upper() + lower[1:] if case == "sentence" else lower
