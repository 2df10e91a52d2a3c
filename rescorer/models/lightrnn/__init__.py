"""LightRNN: a language model that predicts a word as a row, then a column, of a table of words.

settings.py       the settings of the network
state.py          the LSTM's state after a history
parameters.py     layers, parameters, and the buffers of the table
network.py        forward pass and training loss
softmax.py        the softmax over rows: full, exact at given rows, sampled
lookups.py        the embeddings of a training step, each looked up once
autograd.py       the type of torch's autograd context
lstm.py           torch's LSTM with DropConnect
initial_biases.py biases of an untrained network
scoring.py        LightRNN: the network as a LanguageModel
prefix_search.py  the best words that begin with a prefix
checkpoint.py     lightrnn.pt files
old_keys.py       the keys of lightrnn.pt files of version 1
onnx_export.py    ONNX files
onnx_graph.py     changes of their graphs
reference.py      the equations, for tests and readers
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rescorer.models.lightrnn.scoring import LightRNN as LightRNN
    from rescorer.models.lightrnn.settings import LightRNNSettings as LightRNNSettings
    from rescorer.models.lightrnn.state import LightRNNState as LightRNNState

_MODULES = {"LightRNN": "scoring", "LightRNNSettings": "settings", "LightRNNState": "state"}

__all__ = ["LightRNN", "LightRNNSettings", "LightRNNState"]


def __getattr__(name: str) -> object:
    # The command line reads the settings alone, without torch.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
