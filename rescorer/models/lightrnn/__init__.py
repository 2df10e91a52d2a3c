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

from rescorer.models.lightrnn.scoring import LightRNN
from rescorer.models.lightrnn.settings import LightRNNSettings
from rescorer.models.lightrnn.state import LightRNNState

__all__ = ["LightRNN", "LightRNNSettings", "LightRNNState"]
