"""NeMo's manifest: `{"audio_filepath": …, "text": …}` a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rescorer.recognition.formats import json_values as js
from rescorer.recognition.formats import nemo_manifest
from rescorer.recognition.references.reference_format import Reference, ReferenceFormat


def read(path: Path) -> Iterator[Reference]:
    """The references of a manifest. Raises InputError for a line without a text."""
    for place, utterance, members in nemo_manifest.entries(path):
        js.need(members, ("text",), place)
        yield Reference(place, utterance, js.as_words(members["text"], "text", place))


FORMAT = ReferenceFormat("nemo", read, nemo_manifest.matches)
