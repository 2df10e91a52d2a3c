"""LightRNN rescoring of speech recognisers' n-best lists and lattices.

import rescorer

lm = rescorer.load("lightrnn.pt")  # without a path: the English model of the package
lm.logprob(["new", "york"])
lm.next_words(["new"], k=5, prefix="yo")
rescorer.rescore({"utterance": [("new yolk", -1.0), ("new york", -1.2)]},
rescorer.open_vocabulary([lm]),
                 bias={"york"})  # words that are expected
lattices = rescorer.biased_lattices(rescorer.read_lattices("lat.1.gz", "words.txt"), {"york"})
for each in rescorer.rescore_lattices(lattices, lm):
    each.best(), each.n_best(10), each.posteriors(), each.minimum_bayes_risk()
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rescorer.models.loading import load as load
    from rescorer.models.open_vocabulary import open_vocabulary as open_vocabulary
    from rescorer.recognition.formats import read_lattices as read_lattices
    from rescorer.recognition.formats import write_lattices as write_lattices
    from rescorer.rescoring.bias import biased_lattices as biased_lattices
    from rescorer.rescoring.lattice import rescore_lattices as rescore_lattices
    from rescorer.rescoring.nbest import rescore as rescore

__all__ = [
    "biased_lattices",
    "load",
    "open_vocabulary",
    "read_lattices",
    "rescore",
    "rescore_lattices",
    "write_lattices",
]

_HOMES = {
    "biased_lattices": "rescorer.rescoring.bias",
    "load": "rescorer.models.loading",
    "open_vocabulary": "rescorer.models.open_vocabulary",
    "read_lattices": "rescorer.recognition.formats",
    "rescore": "rescorer.rescoring.nbest",
    "rescore_lattices": "rescorer.rescoring.lattice",
    "write_lattices": "rescorer.recognition.formats",
}


def __getattr__(name: str) -> Any:
    # torch is imported when a model is asked for, not before: `--help` stays instant.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
