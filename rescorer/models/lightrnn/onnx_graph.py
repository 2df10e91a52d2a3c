"""Changes of an ONNX graph: which tensors it stores, and which of them look-ups read.

Shapes: R rows, D width.
"""

from __future__ import annotations

import hashlib
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from rescorer.errors import InputError

if TYPE_CHECKING:
    import onnx

_Key = tuple[np.dtype, tuple[int, ...], bytes]  # equal for tensors of the same content


def import_onnx() -> ModuleType:
    """The package onnx. Raises InputError if it, or onnxruntime, is not installed."""
    try:
        import onnx
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"{error.name} is not installed", remedy="pip install onnx onnxruntime"
        ) from None
    return onnx


def store_once(graph: onnx.GraphProto) -> None:
    """Store only one of two matrices that are transposes or reshapes of each other.

    Tied embeddings are such matrices. The graph makes the other one when it is loaded.
    """
    onnx = import_onnx()
    names: dict[_Key, str] = {}
    for tensor in [each for each in graph.initializer if len(each.dims) == 2]:
        matrix = onnx.numpy_helper.to_array(tensor)
        if name := names.get(_content(matrix.T)):
            node = onnx.helper.make_node("Transpose", [name], [tensor.name], perm=[1, 0])
        elif name := names.get(_content(matrix.ravel())):
            shape = onnx.numpy_helper.from_array(np.array(matrix.shape), f"{tensor.name}_shape")
            graph.initializer.append(shape)
            node = onnx.helper.make_node("Reshape", [name, shape.name], [tensor.name])
        else:
            names[_content(matrix)] = names[_content(matrix.ravel())] = tensor.name
            continue
        graph.initializer.remove(tensor)
        graph.node.insert(0, node)


def _content(numbers: np.ndarray) -> _Key:
    return numbers.dtype, numbers.shape, hashlib.sha256(numbers.tobytes()).digest()


def store_each(graph: onnx.GraphProto) -> None:
    """Undo `store_once`, because only stored matrices are quantised, the two differently."""
    onnx = import_onnx()
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    derived = [
        node
        for node in graph.node
        if node.op_type in ("Transpose", "Reshape") and stored.keys() >= {*node.input}
    ]
    for node in derived:
        if node.op_type == "Transpose":
            matrix = stored[node.input[0]].T
        else:
            matrix = stored[node.input[0]].reshape(stored[node.input[1]])
        graph.initializer.append(
            onnx.numpy_helper.from_array(np.ascontiguousarray(matrix), node.output[0])
        )
        graph.node.remove(node)


def look_up_multiplied(graph: onnx.GraphProto) -> None:
    """Let look-ups of tied rows read the int8 matrix of the products.

    Quantisation makes two int8 matrices of tied rows: one for look-ups with a single scale, one for
    products with a scale for each row, which is more precise. The transpose that is added here is
    removed by `store_once`.
    """
    onnx = import_onnx()
    stored = {tensor.name: tensor for tensor in graph.initializer}
    look_ups = [node for node in graph.node if node.op_type == "Gather"]
    for name in dict.fromkeys(node.input[0].removesuffix("_quantized") for node in look_ups):
        multiplied = stored.get(f"{name}_Transposed_quantized")  # a name that onnxruntime makes
        if multiplied is None:
            continue
        rows = np.ascontiguousarray(onnx.numpy_helper.to_array(multiplied).T)  # [R, D]
        graph.initializer.append(onnx.numpy_helper.from_array(rows, f"{name}_rows"))
        graph.initializer.append(onnx.numpy_helper.from_array(np.array([-1]), f"{name}_last"))
        for node in [node for node in look_ups if node.input[0] == f"{name}_quantized"]:
            _take_scaled(graph, node, name)
        graph.initializer.remove(stored[f"{name}_quantized"])


def _take_scaled(graph: onnx.GraphProto, look_up: onnx.NodeProto, name: str) -> None:
    """Replace a look-up in NAME_quantized (one scale) by one in NAME_rows (a scale a row)."""
    onnx = import_onnx()
    (to_float,) = (node for node in graph.node if look_up.output[0] in node.input)
    rows, found = look_up.input[1], to_float.output[0]
    make, place = onnx.helper.make_node, list(graph.node).index(look_up)
    for node in (
        make("Mul", [f"{found}_unscaled", f"{found}_scales"], [found]),
        make("Unsqueeze", [f"{found}_scale", f"{name}_last"], [f"{found}_scales"]),
        make("Gather", [f"{name}_Transposed_scale", rows], [f"{found}_scale"]),
        make("Cast", [f"{found}_int8"], [f"{found}_unscaled"], to=onnx.TensorProto.FLOAT),
        make("Gather", [f"{name}_rows", rows], [f"{found}_int8"]),
    ):
        graph.node.insert(place, node)  # each before those inserted already
    graph.node.remove(look_up)
    graph.node.remove(to_float)
