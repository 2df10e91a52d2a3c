"""LightRNN: a language model that predicts a word as a row, then a column, of a table of words.

settings.py       the settings of the network
network.py        the network: parameters, forward pass, training loss
softmax.py        the softmax over rows: full, exact at given rows, sampled
lookups.py        embeddings looked up once for a whole training step
initial_biases.py biases before any training
scoring.py        LightRNN: the network as a LanguageModel
prefix_search.py  the best words that begin with a prefix
checkpoint.py     lightrnn.pt
onnx_export.py    ONNX files
reference.py      the equations, for tests and readers
"""

from rescorer.models.lightrnn.network import LightRNNState
from rescorer.models.lightrnn.scoring import LightRNN
from rescorer.models.lightrnn.settings import LightRNNSettings

__all__ = ["LightRNN", "LightRNNSettings", "LightRNNState"]
