"""A LightRNN as one ONNX file, which onnxruntime runs where there is no torch; and the same with
int8 numbers.

What the graph takes and gives stands in onnx_scorer.py. The network is the model's own forward
pass, traced.

Shapes: T words, U histories side by side, R rows, C columns, L layers, D width.
"""

from __future__ import annotations

import bz2
import copy
import hashlib
import inspect
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rescorer.errors import InputError
from rescorer.files import whole_path
from rescorer.models.lightrnn.network import LightRNNState
from rescorer.models.lightrnn.scoring import LightRNN
from rescorer.models.onnx_scorer import FILE_KIND, FILE_VERSION, OnnxScorer, log_probs_by_sentence
from rescorer.models.running_text import perplexity
from rescorer.models.vocabulary import SENTENCE_END
from rescorer.work_folders import temporary_folder

PARITY = 1e-4  # nats a word that the float32 file may be off

_DRAWN = 64  # sentences, of 0, 1, 2 … words
_OPSET = 17  # the newest that torch 1.13 writes
_INPUTS, _OUTPUTS = ("words", "hidden", "cell"), ("log_probs", "next_hidden", "next_cell")
_HISTORIES = {1: "histories"}
_DYNAMIC = {
    name: {0: "words", **_HISTORIES} if name in ("words", "log_probs") else _HISTORIES
    for name in (*_INPUTS, *_OUTPUTS)
}
# of a byte, as numpy packs them
_BITS = torch.tensor([128, 64, 32, 16, 8, 4, 2, 1], dtype=torch.int32)


class _RowOfCell:
    """Stands for the table's `row_of` where words are numbered by their cells: no numbers to
    store.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns

    def __getitem__(self, cells: Tensor) -> Tensor:
        return torch.div(cells, self.columns, rounding_mode="trunc")


class _ColumnOfCell(_RowOfCell):
    def __getitem__(self, cells: Tensor) -> Tensor:
        return cells % self.columns


class _FreeCells:
    """Stands for the table's `free` [R, C] at a bit a cell: bytes would be as many as all the
    biases in int8.
    """

    def __init__(self, free: Tensor) -> None:
        self.columns = free.shape[1]
        self.packed = torch.from_numpy(np.packbits(free.numpy(), 1))  # [R, C / 8]

    def __getitem__(self, rows: Tensor) -> Tensor:
        # [..., C / 8, 8]
        bits = torch.div(self.packed[rows].int()[..., None], _BITS, rounding_mode="trunc") % 2
        return bits.flatten(-2)[..., : self.columns].bool()


class _CellNetwork(nn.Module):
    """The network of a model, its words numbered by their cells."""

    def __init__(self, model: LightRNN) -> None:
        super().__init__()
        self.model = copy.copy(model)
        # What stands in an instance's own dictionary goes before its buffers.
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
    """What `lightrnn export` does: write the file; the lines tell how large it is and how it
    scores.

    Args:
        sentences: on which the two are compared; drawn from the vocabulary by chance where there
            are none.

    Raises:
        InputError: a package is missing, ONNX cannot express the network, onnxruntime gives other
            log-probabilities in float32, or the file cannot be written; then nothing was written.
    """
    content = as_onnx(model)
    compared = sentences or _random_sentences(model)
    with _evaluated(model):
        given = np.concatenate(log_probs_of_sentences(model, compared))
    found = _scores(content, compared)
    off = np.abs(found - given).max()
    if not off <= PARITY:  # NaN, too
        raise InputError(
            f"onnxruntime's log-probabilities are {off:.2g} nats a word off torch's",
            expected=f"at most {PARITY:g}",
            remedy="try another release of onnxruntime or torch",
        )
    lines = [
        f"float32: {len(content):,} bytes; over {len(given):,} words and </s>, at most {off:.1e} nats a word off "
        "torch"
    ]
    if int8:
        whole, content = content, as_int8(content)
        rounded = _scores(content, compared)
        off = np.abs(rounded - found)
        lines.append(
            f"int8: {len(content):,} bytes, {len(content) / len(whole):.1%} of float32; at most "
            f"{off.max():.2g} nats a word off float32, {off.mean():.2g} on average"
        )
        if sentences:
            before, after = perplexity(found), perplexity(rounded)
            lines.append(
                f"perplexity: float32 {before:.2f}, int8 {after:.2f}, {after / before - 1:+.2%}"
            )
    with whole_path(output) as work:
        work.write_bytes(content)
    return lines


def as_onnx(model: LightRNN) -> bytes:
    """The file of a model in float32.

    Raises:
        InputError: a package is missing, or ONNX cannot express what one of the settings asks for.
    """
    onnx = _onnx()
    try:
        graph = onnx.load_from_string(_traced(model))
    except torch.onnx.errors.OnnxExporterError as error:
        raise _inexpressible(model, error) from None
    _store_once(graph.graph)
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
    """The same file with int8 vectors, matrices and biases of cells, seven bits of them used.

    With all eight, x86 processors without VNNI cut off sums of two products.

    Raises:
        InputError: a package is missing.
    """
    onnx = _onnx()
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    graph = onnx.load_from_string(content)
    _store_each(graph.graph)
    # else a warning: what it warns of, shapes not yet inferred, is not needed here
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
    _look_up_multiplied(rounded.graph)
    _store_once(rounded.graph)
    return rounded.SerializeToString()  # type: ignore[no-any-return]


def log_probs_of_sentences(model: LightRNN, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
    """What `OnnxScorer.log_probs` gives, by torch."""

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
        [words[word] for word in draw.integers(len(words), size=length)] for length in range(_DRAWN)
    ]


def _traced(model: LightRNN) -> bytes:
    """The graph as torch's exporter makes it.

    By tracing, `dynamo=False`: the newer exporter of torch 2.13 fixes the number of words where the
    two vectors of a word follow each other, and gives other log-probabilities.

    Raises:
        OnnxExporterError: ONNX cannot express the network.
    """
    example = (
        torch.zeros(2, 3, dtype=torch.int64),
        *torch.zeros(2, model.settings.num_layers, 3, model.settings.hidden_dim),
    )
    options: Any = (
        {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    )
    with (
        temporary_folder() as folder,
        warnings.catch_warnings(),
        torch.no_grad(),
        _evaluated(model),
    ):
        # of the old exporter, and that an LSTM is traced with one batch size
        warnings.simplefilter("ignore")
        path = folder / "float32.onnx"
        torch.onnx.export(
            _CellNetwork(model).eval(),
            example,
            str(path),
            input_names=_INPUTS,
            output_names=_OUTPUTS,
            dynamic_axes=_DYNAMIC,
            opset_version=_OPSET,
            **options,
        )
        return path.read_bytes()


@contextmanager
def _evaluated(model: nn.Module) -> Iterator[None]:
    """Without dropout, and then as it was: torch's exporter leaves parts that modules share in
    training mode.
    """
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


def _others_expressible(model: LightRNN) -> dict[str, Any]:
    """Other values of single settings, each enough for ONNX to express the network: those settings
    are at fault.
    """
    found = {}
    for field in fields(model.settings):
        value = getattr(model.settings, field.name)
        other: Any = not value if isinstance(value, bool) else field.default
        settings = replace(model.settings, **{field.name: other})
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


def _store_once(graph: Any) -> None:
    """Of matrices that are each other's transposes, or the same in another shape, as tied vectors
    are, only one.

    The other is made at loading.
    """
    onnx = _onnx()
    names: dict[tuple[Any, ...], str] = {}
    for tensor in [each for each in graph.initializer if len(each.dims) == 2]:
        matrix = onnx.numpy_helper.to_array(tensor)
        if name := names.get(_content(matrix.T)):
            made = onnx.helper.make_node("Transpose", [name], [tensor.name], perm=[1, 0])
        elif name := names.get(_content(matrix.ravel())):
            shape = onnx.numpy_helper.from_array(np.array(matrix.shape), f"{tensor.name}_shape")
            graph.initializer.append(shape)
            made = onnx.helper.make_node("Reshape", [name, shape.name], [tensor.name])
        else:
            names[_content(matrix)] = names[_content(matrix.ravel())] = tensor.name
            continue
        graph.initializer.remove(tensor)
        graph.node.insert(0, made)


def _content(numbers: np.ndarray) -> tuple[Any, ...]:
    return numbers.dtype, numbers.shape, hashlib.sha256(numbers.tobytes()).digest()


def _store_each(graph: Any) -> None:
    """Undoes `_store_once`: only a matrix that is stored is rounded, and the two are rounded in
    different ways.
    """
    onnx = _onnx()
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    made = [
        node
        for node in graph.node
        if node.op_type in ("Transpose", "Reshape") and stored.keys() >= {*node.input}
    ]
    for node in made:
        if node.op_type == "Transpose":
            matrix = stored[node.input[0]].T
        else:
            matrix = stored[node.input[0]].reshape(stored[node.input[1]])
        graph.initializer.append(
            onnx.numpy_helper.from_array(np.ascontiguousarray(matrix), node.output[0])
        )
        graph.node.remove(node)


def _look_up_multiplied(graph: Any) -> None:
    """Of tied rows, which are rounded once for look-ups and once for products, takes the latter for
    both.

    Those of products have a scale a row. They are there twice then, each other's transposes: for
    `_store_once`.
    """
    onnx = _onnx()
    stored = {tensor.name: tensor for tensor in graph.initializer}
    look_ups = [node for node in graph.node if node.op_type == "Gather"]
    for name in dict.fromkeys(node.input[0].removesuffix("_quantized") for node in look_ups):
        multiplied = stored.get(f"{name}_Transposed_quantized")  # what onnxruntime calls it
        if multiplied is None:
            continue
        rows = np.ascontiguousarray(onnx.numpy_helper.to_array(multiplied).T)  # [R, D]
        graph.initializer.append(onnx.numpy_helper.from_array(rows, f"{name}_rows"))
        graph.initializer.append(onnx.numpy_helper.from_array(np.array([-1]), f"{name}_last"))
        for node in [node for node in look_ups if node.input[0] == f"{name}_quantized"]:
            _take_scaled(graph, node, name)
        graph.initializer.remove(stored[f"{name}_quantized"])


def _take_scaled(graph: Any, look_up: Any, name: str) -> None:
    """Puts a look-up in NAME_rows, each times its own scale, in the place of one in NAME_quantized
    with one for all.
    """
    onnx = _onnx()
    (made_float,) = (node for node in graph.node if look_up.output[0] in node.input)
    rows, found = look_up.input[1], made_float.output[0]
    make, place = onnx.helper.make_node, list(graph.node).index(look_up)
    for node in (
        make("Mul", [f"{found}_unscaled", f"{found}_scales"], [found]),
        make("Unsqueeze", [f"{found}_scale", f"{name}_last"], [f"{found}_scales"]),
        make("Gather", [f"{name}_Transposed_scale", rows], [f"{found}_scale"]),
        make("Cast", [f"{found}_int8"], [f"{found}_unscaled"], to=onnx.TensorProto.FLOAT),
        make("Gather", [f"{name}_rows", rows], [f"{found}_int8"]),
    ):
        graph.node.insert(place, node)  # the last goes first
    graph.node.remove(look_up)
    graph.node.remove(made_float)


def packed_words(model: LightRNN) -> bytes:
    """The output `vocabulary` of the graph."""
    words = ("", *model.vocabulary.words)
    return bz2.compress(
        "\n".join(words[word] for word in (model.table.words.ravel() + 1).tolist()).encode()
    )


def _onnx() -> Any:
    try:
        import onnx
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"{error.name} is not installed", remedy="pip install onnx onnxruntime"
        ) from None
    return onnx
