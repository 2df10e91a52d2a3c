"""LightRNN rescoring of speech recognisers' n-best lists.

    import rescorer

    lm = rescorer.load("lightrnn.pt")
    lm.logprob(["new", "york"])
    lm.next_words(["new"], k=5)
    rescorer.rescore({"utterance": [("new yolk", -1.0), ("new york", -1.2)]}, lm)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rescorer.models.loading import load as load
    from rescorer.rescoring.nbest import rescore as rescore

__all__ = ["load", "rescore"]

_HOMES = {"load": "rescorer.models.loading", "rescore": "rescorer.rescoring.nbest"}


def __getattr__(name: str) -> Any:
    # torch is imported when a model is asked for, not before: `--help` stays instant.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
