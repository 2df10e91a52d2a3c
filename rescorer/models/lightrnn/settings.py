"""Settings of the network; the WordTable has the shape of the table."""

from __future__ import annotations

from dataclasses import dataclass

from rescorer.settings import check, setting

_NETWORK, _REGULARISATION = "Network", "Regularisation"


@dataclass(frozen=True)
class LightRNNSettings:
    """The network of a LightRNN.

    The help of each field describes it. Letters of the shapes: D hidden_dim, L num_layers,
    E residual_dim, K residual_columns (at most the columns of the table).
    """

    hidden_dim: int = setting(
        256, "Width of the embeddings and of the LSTM.", minimum=1, group=_NETWORK
    )
    num_layers: int = setting(1, "Layers of the LSTM.", minimum=1, group=_NETWORK)
    dropout: float = setting(
        0.0,
        "Dropout of inputs, of outputs and between layers.",
        minimum=0,
        below=1,
        group=_REGULARISATION,
    )
    weight_dropout: float = setting(
        0.0,
        "Dropout of the LSTM's recurrent weights, once a step (AWD-LSTM).",
        minimum=0,
        below=1,
        group=_REGULARISATION,
    )
    tied: bool = setting(True, "Tie input and output embeddings; the paper does not.")
    residual_dim: int = setting(
        48,
        "Width of the residual embeddings of frequent words; 0, as in the paper: none.",
        minimum=0,
    )
    residual_columns: int = setting(
        7, "Table columns, from the first, whose words have residual embeddings.", minimum=1
    )
    residual_row_score: bool = setting(
        True, "The residual embedding of a row's most frequent word adds to the row's score."
    )
    cell_bias: bool = setting(
        True, "One bias a cell, added to its column's score; the paper: none."
    )
    two_step: bool = setting(
        False,
        "The LSTM reads a word's row, then its column, as in the paper; otherwise both at once.",
        off="--one-step",
    )
    sampled_softmax_size: int | None = setting(
        None,
        "Rows sampled for the softmax of a training step; 0: all rows. "
        "[default: 500 with 30,000 words or more, otherwise 0]",
        minimum=0,
    )

    def __post_init__(self) -> None:
        check(self)

    @property
    def has_residual_row_score(self) -> bool:
        """Whether residual embeddings score rows, too."""
        return self.residual_row_score and self.residual_dim > 0
