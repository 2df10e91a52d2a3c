"""LightRNN rescoring of speech recognisers' n-best lists and lattices.

    import rescorer

    lm = rescorer.load("lightrnn.pt")  # without a path: the English model of the package
    lm.logprob(["new", "york"])
    lm.next_words(["new"], k=5, prefix="yo")
    rescorer.rescore({"utterance": [("new yolk", -1.0), ("new york", -1.2)]}, lm)
    rescorer.rescore_with_names({"utterance": [("call marry ann", -1.0)]}, lm, ["mary ann"])
    for lattice in rescorer.rescore_lattices(rescorer.read_lattices("lat.1.gz", "words.txt"), lm):
        lattice.best(), lattice.n_best(10), lattice.posteriors(), lattice.minimum_bayes_risk()

Names are imported when they are first used, so that `import rescorer` does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from rescorer.version import __version__

if TYPE_CHECKING:
    from rescorer.models.loading import load as load
    from rescorer.models.open_vocabulary import open_vocabulary as open_vocabulary
    from rescorer.recognition.formats import read_lattices as read_lattices
    from rescorer.recognition.formats import read_nbest as read_nbest
    from rescorer.recognition.formats import write_lattices as write_lattices
    from rescorer.recognition.formats import write_nbest as write_nbest
    from rescorer.rescoring.bias import biased_lattices as biased_lattices
    from rescorer.rescoring.lattice import rescore_lattices as rescore_lattices
    from rescorer.rescoring.nbest import rescore as rescore
    from rescorer.rescoring.nbest import score_lists as score_lists
    from rescorer.rescoring.nbest import tune_lists as tune
    from rescorer.rescoring.with_names import rescore_with_names as rescore_with_names
    from rescorer.rescoring.with_names import with_names as with_names
    from rescorer.training.new_words.add_words import add_words as add_words

__all__ = [
    "__version__",
    "add_words",
    "biased_lattices",
    "load",
    "open_vocabulary",
    "read_lattices",
    "read_nbest",
    "rescore",
    "rescore_lattices",
    "rescore_with_names",
    "score_lists",
    "tune",
    "with_names",
    "write_lattices",
    "write_nbest",
]

# The module and the name of each function.
_SOURCES = {
    "add_words": ("rescorer.training.new_words.add_words", "add_words"),
    "biased_lattices": ("rescorer.rescoring.bias", "biased_lattices"),
    "load": ("rescorer.models.loading", "load"),
    "open_vocabulary": ("rescorer.models.open_vocabulary", "open_vocabulary"),
    "read_lattices": ("rescorer.recognition.formats", "read_lattices"),
    "read_nbest": ("rescorer.recognition.formats", "read_nbest"),
    "rescore": ("rescorer.rescoring.nbest", "rescore"),
    "rescore_lattices": ("rescorer.rescoring.lattice", "rescore_lattices"),
    "rescore_with_names": ("rescorer.rescoring.with_names", "rescore_with_names"),
    "score_lists": ("rescorer.rescoring.nbest", "score_lists"),
    "tune": ("rescorer.rescoring.nbest", "tune_lists"),
    "with_names": ("rescorer.rescoring.with_names", "with_names"),
    "write_lattices": ("rescorer.recognition.formats", "write_lattices"),
    "write_nbest": ("rescorer.recognition.formats", "write_nbest"),
}


def __getattr__(name: str) -> object:
    if name not in _SOURCES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, function = _SOURCES[name]
    return getattr(importlib.import_module(module), function)
