"""Smaller files: weights stored as 16-bit floats or 8-bit integers, computed with as 32-bit floats.

The casts stand at the roots of the graph, so that onnxruntime does them once, when it loads the
model; after that nothing is slower than with 32-bit weights, and nothing faster.
"""

from collections.abc import Iterator

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Floats = NDArray[np.float32]
SMALLEST = 256
"""Tensors of fewer values stay as they are: biases and scales, which cost nothing."""
STORED = "_stored"
LARGEST_CODE = 127


def compress_weights(data: bytes, kind: str) -> bytes:
    """Return an ONNX model whose large weights are stored in another format.

    Args:
        data: A model with 32-bit weights.
        kind: ``float32`` (nothing is done), ``float16``, or ``int8``: one scale for each output
            channel of convolutions and matrices; other large tensors, and convolutions of single
        channels, become 16-bit floats.
    """
    if kind == "float32":
        return data
    model = onnx.load_from_string(data)
    graph = model.graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    found = _find_channels(graph) if kind == "int8" else ()
    axes = {name: axis for name, axis in found if _is_coarse(shapes.get(name, ()))}
    nodes: list[onnx.NodeProto] = []
    kept: list[onnx.TensorProto] = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < SMALLEST:
            kept.append(tensor)
        elif tensor.name in axes:
            nodes += _store_int8(tensor.name, values, axes[tensor.name], kept)
        else:
            nodes += _store_float16(tensor.name, values, kept)
    rest = list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes + rest)
    onnx.checker.check_model(model)
    packed: bytes = model.SerializeToString()
    return packed


def strip_origins(data: bytes) -> bytes:
    """Return an ONNX model without what the exporter notes of the machine it ran on.

    Its stack traces hold the paths of source files: of no use to anyone who runs the model, and
    nobody else's business.
    """
    model = onnx.load_from_string(data)
    graphs = [model.graph, *model.functions]
    for noted in (model, *graphs, *(node for graph in graphs for node in graph.node)):
        del noted.metadata_props[:]
        noted.doc_string = ""
    graph = model.graph
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del value.metadata_props[:]
        value.doc_string = ""
    stripped: bytes = model.SerializeToString()
    return stripped


def quantize(
    values: NDArray[np.float32], axis: int
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return codes in [-127, 127] and the scale of each index along `axis`, shaped to multiply.

    codes * scale is within half a scale of `values`.
    """
    others = tuple(place for place in range(values.ndim) if place != axis)
    largest = np.abs(values).max(axis=others, keepdims=True)
    scale = np.where(largest > 0, largest / LARGEST_CODE, 1).astype(np.float32)
    return np.rint(values / scale).astype(np.int8), scale


def _store_float16(name: str, values: Floats, kept: list[onnx.TensorProto]) -> list[onnx.NodeProto]:
    stored = values.astype(np.float16)
    if not np.isfinite(stored).all():
        kept.append(numpy_helper.from_array(values, name))
        return []
    kept.append(numpy_helper.from_array(stored, name + STORED))
    return [helper.make_node("Cast", [name + STORED], [name], to=onnx.TensorProto.FLOAT)]


def _store_int8(
    name: str, values: Floats, axis: int, kept: list[onnx.TensorProto]
) -> list[onnx.NodeProto]:
    codes, scale = quantize(values, axis)
    kept.append(numpy_helper.from_array(codes, name + STORED))
    kept.append(numpy_helper.from_array(scale, f"{name}_scale"))
    # Not DequantizeLinear: onnxruntime leaves that in the graph and does it for each photograph.
    return [
        helper.make_node("Cast", [name + STORED], [f"{name}_codes"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}_codes", f"{name}_scale"], [name]),
    ]


def _is_coarse(shape: tuple[int, ...]) -> bool:
    """Return whether 8 bits are enough for a weight of this shape.

    A filter of a single channel is a few values, and few of the file's; at 8 bits they alone
    caused half of the whole difference.
    """
    return bool(shape) and (len(shape) < 4 or shape[1] > 1)


def _find_channels(graph: onnx.GraphProto) -> Iterator[tuple[str, int]]:
    """Yield each weight with the axis of its output channels."""
    for node in graph.node:
        if node.op_type == "Conv":
            yield node.input[1], 0
        elif node.op_type == "ConvTranspose":
            yield node.input[1], 1
        elif node.op_type == "Gemm":
            turned = {one.name: one.i for one in node.attribute}.get("transB", 0)
            yield node.input[1], 0 if turned else 1
