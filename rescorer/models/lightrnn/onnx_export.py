"""Exports a LightRNN as one ONNX file, in float32 or int8, which onnxruntime runs without torch.

The graph is the traced forward pass of the model. `onnx_scorer.py` describes its inputs and
outputs.

Shapes: T words, U histories side by side, R rows, C columns, L layers, D width.
"""

from __future__ import annotations

import bz2
import copy
import inspect
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from rescorer.errors import InputError
from rescorer.files import whole_path
from rescorer.models.lightrnn.onnx_graph import (
    import_onnx,
    look_up_multiplied,
    store_each,
    store_once,
)
from rescorer.models.lightrnn.scoring import LightRNN
from rescorer.models.lightrnn.state import LightRNNState
from rescorer.models.onnx_scorer import FILE_KIND, FILE_VERSION, OnnxScorer, log_probs_by_sentence
from rescorer.models.running_text import perplexity
from rescorer.models.vocabulary import SENTENCE_END
from rescorer.work_folders import temporary_folder

PARITY = 1e-4  # largest difference of the float32 file from torch, in nats a word

_RANDOM_SENTENCES = 64  # of 0, 1, 2 … words
_OPSET = 17  # the latest version that torch 1.13 writes
_INPUTS, _OUTPUTS = ("words", "hidden", "cell"), ("log_probs", "next_hidden", "next_cell")
_HISTORIES = {1: "histories"}
_DYNAMIC = {
    name: {0: "words", **_HISTORIES} if name in ("words", "log_probs") else _HISTORIES
    for name in (*_INPUTS, *_OUTPUTS)
}
# The bits of a byte in the order of numpy.packbits.
_BITS = torch.tensor([128, 64, 32, 16, 8, 4, 2, 1], dtype=torch.int32)


class _RowOfCell:
    """Replaces the table's `row_of` if the ids of words are their cells; it stores no numbers."""

    def __init__(self, columns: int) -> None:
        self.columns = columns

    def __getitem__(self, cells: Tensor) -> Tensor:
        return torch.div(cells, self.columns, rounding_mode="trunc")


class _ColumnOfCell(_RowOfCell):
    """Replaces the table's `column_of` likewise."""

    def __getitem__(self, cells: Tensor) -> Tensor:
        return cells % self.columns


class _FreeCells:
    """Replaces the table's `free` [R, C] with one bit a cell; bytes would need as much space as all
    cell biases in int8.
    """

    def __init__(self, free: Tensor) -> None:
        self.columns = free.shape[1]
        self.packed = torch.from_numpy(np.packbits(free.numpy(), 1))  # [R, C / 8]

    def __getitem__(self, rows: Tensor) -> Tensor:
        # [..., C / 8, 8]
        bits = torch.div(self.packed[rows].int()[..., None], _BITS, rounding_mode="trunc") % 2
        return bits.flatten(-2)[..., : self.columns].bool()


class _CellNetwork(nn.Module):
    """The network of a model, with cells as the ids of words."""

    def __init__(self, model: LightRNN) -> None:
        super().__init__()
        self.model = copy.copy(model)
        # The dictionary of an instance takes precedence over its buffers.
        vars(self.model).update(
            row_of=_RowOfCell(model.table.columns),
            column_of=_ColumnOfCell(model.table.columns),
            free=_FreeCells(model.free.cpu()),
        )

    def forward(self, words: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        log_probs, state = self.model(words, LightRNNState(hidden, cell))
        return log_probs, state.hidden, state.cell


def export(
    model: LightRNN, output: Path, *, int8: bool = False, sentences: Sequence[Sequence[str]] = ()
) -> list[str]:
    """Write an ONNX file, and report its size and how its scores differ from torch's.

    Args:
        sentences: the sentences of the comparison; if empty, random words of the vocabulary.

    Returns:
        The lines of the report.

    Raises:
        InputError: a package is missing, ONNX cannot express the network, onnxruntime gives other
            log-probabilities in float32, or the file cannot be written. No file is left then.
    """
    content = as_onnx(model)
    compared = sentences or _random_sentences(model)
    with _evaluated(model):
        expected = np.concatenate(log_probs_of_sentences(model, compared))
    found = _scores(content, compared)
    difference = np.abs(found - expected).max()
    if not difference <= PARITY:  # NaN, too
        raise InputError(
            f"onnxruntime's log-probabilities are {difference:.2g} nats a word off torch's",
            expected=f"at most {PARITY:g}",
            remedy="try another release of onnxruntime or torch",
        )
    lines = [
        f"float32: {len(content):,} bytes; over {len(expected):,} words and </s>, "
        f"at most {difference:.1e} nats a word off torch"
    ]
    if int8:
        whole, content = content, as_int8(content)
        rounded = _scores(content, compared)
        share = len(content) / len(whole)
        lines.append(
            f"int8: {len(content):,} bytes, {share:.1%} of float32; {_off(rounded, found)}"
        )
        if sentences:
            before, after = perplexity(found), perplexity(rounded)
            lines.append(
                f"perplexity: float32 {before:.2f}, int8 {after:.2f}, {after / before - 1:+.2%}"
            )
    with whole_path(output) as work:
        work.write_bytes(content)
    return lines


def _off(rounded: np.ndarray, found: np.ndarray) -> str:
    differences = np.abs(rounded - found)
    return (
        f"at most {differences.max():.2g} nats a word off float32, "
        f"{differences.mean():.2g} on average"
    )


def as_onnx(model: LightRNN) -> bytes:
    """The content of a model's float32 file.

    Raises:
        InputError: a package is missing, or ONNX cannot express the network.
    """
    onnx = import_onnx()
    try:
        graph = onnx.load_from_string(_traced(model))
    except torch.onnx.errors.OnnxExporterError as error:
        raise _inexpressible(model, error) from None
    store_once(graph.graph)
    for key, value in {
        "kind": FILE_KIND,
        "version": FILE_VERSION,
        "case": model.vocabulary.case,
    }.items():
        graph.metadata_props.add(key=key, value=value)
    words = np.frombuffer(packed_words(model), dtype=np.uint8)
    graph.graph.initializer.append(onnx.numpy_helper.from_array(words, "packed_words"))
    graph.graph.node.append(onnx.helper.make_node("Identity", ["packed_words"], ["vocabulary"]))
    graph.graph.output.append(
        onnx.helper.make_tensor_value_info("vocabulary", onnx.TensorProto.UINT8, [len(words)])
    )
    return graph.SerializeToString()  # type: ignore[no-any-return]


def as_int8(content: bytes) -> bytes:
    """The same file with int8 embeddings, matrices and cell biases.

    Seven of the eight bits are used. With all eight, the sum of two products overflows on x86
    processors without VNNI.

    Raises:
        InputError: a package is missing.
    """
    onnx = import_onnx()
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    graph = onnx.load_from_string(content)
    store_each(graph.graph)
    # This prevents a warning about shapes, which are not needed here.
    add_pre_process_metadata(graph)
    with temporary_folder() as folder:
        path = folder / "int8.onnx"
        quantize_dynamic(
            graph,
            path,
            op_types_to_quantize=["Gather", "MatMul", "LSTM"],
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )
        rounded = onnx.load(path)
    look_up_multiplied(rounded.graph)
    store_once(rounded.graph)
    return rounded.SerializeToString()  # type: ignore[no-any-return]


def log_probs_of_sentences(model: LightRNN, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
    """The same as `OnnxScorer.log_probs`, computed by torch."""

    @torch.no_grad()
    def advance(ids: np.ndarray, state: LightRNNState) -> tuple[np.ndarray, LightRNNState]:
        log_probs, state = model(torch.as_tensor(ids, device=model.device), state)
        return log_probs.cpu().numpy(), state

    ids = [model.vocabulary.encode([*sentence, SENTENCE_END]) for sentence in sentences]
    return log_probs_by_sentence(ids, lambda size: model.start_states(size).detach(), advance)


def _scores(content: bytes, sentences: Sequence[Sequence[str]]) -> np.ndarray:
    return np.concatenate(OnnxScorer(content).log_probs(sentences))


def _random_sentences(model: LightRNN) -> list[list[str]]:
    draw = np.random.default_rng(0)
    words = model.vocabulary.words
    return [
        [words[word] for word in draw.integers(len(words), size=length)]
        for length in range(_RANDOM_SENTENCES)
    ]


def _traced(model: LightRNN) -> bytes:
    """The graph of torch's exporter.

    The exporter traces (`dynamo=False`). With two-step reading the newer exporter of torch 2.13
    fixes the number of words, and its log-probabilities are wrong.

    Raises:
        OnnxExporterError: ONNX cannot express the network.
    """
    example = (
        torch.zeros(2, 3, dtype=torch.int64),
        *torch.zeros(2, model.settings.num_layers, 3, model.settings.hidden_dim),
    )
    has_dynamo = "dynamo" in inspect.signature(torch.onnx.export).parameters  # not in torch 1.13
    write = partial(torch.onnx.export, dynamo=False) if has_dynamo else torch.onnx.export
    with (
        temporary_folder() as folder,
        warnings.catch_warnings(),
        torch.no_grad(),
        _evaluated(model),
    ):
        # That the exporter is old, and that an LSTM is traced with one batch size.
        warnings.simplefilter("ignore")
        path = folder / "float32.onnx"
        write(
            _CellNetwork(model).eval(),
            example,
            str(path),
            input_names=_INPUTS,
            output_names=_OUTPUTS,
            dynamic_axes=_DYNAMIC,
            opset_version=_OPSET,
        )
        return path.read_bytes()


@contextmanager
def _evaluated(model: nn.Module) -> Iterator[None]:
    """Use evaluation mode, then restore each module's mode, which torch's exporter does not."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _inexpressible(model: LightRNN, error: Exception) -> InputError:
    reason = str(error).strip().splitlines()[0]
    settings, others = asdict(model.settings), _others_expressible(model)
    at_fault = " with ".join(f"{name} {settings[name]}" for name in others)
    listed = ", ".join(f"{name} {value}" for name, value in settings.items())
    return InputError(
        f"ONNX cannot express {at_fault or f'this network ({listed})'}: {reason}",
        remedy=" or ".join(f"train with {name} {other}" for name, other in others.items())
        or "try another release of torch",
    )


def _others_expressible(model: LightRNN) -> dict[str, object]:
    """Values of single settings, each of which would let ONNX express the network."""
    found: dict[str, object] = {}
    for field in fields(model.settings):
        value = getattr(model.settings, field.name)
        other: object = not value if isinstance(value, bool) else field.default
        settings = replace(model.settings, **{field.name: other})  # type: ignore[arg-type]
        if other != value and _can_express(
            type(model)(settings, model.vocabulary, model.table).eval()
        ):
            found[field.name] = other
    return found


def _can_express(model: LightRNN) -> bool:
    try:
        _traced(model)
    except torch.onnx.errors.OnnxExporterError:
        return False
    return True


def packed_words(model: LightRNN) -> bytes:
    """The output `vocabulary` of the graph: the words of all cells, compressed."""
    words = ("", *model.vocabulary.words)
    return bz2.compress(
        "\n".join(words[word] for word in (model.table.words.ravel() + 1).tolist()).encode()
    )
