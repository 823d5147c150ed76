"""An encoder's convolutions in 8-bit integers: faster, for a price to measure.

Static quantisation after training: ranges of activations come from photographs (one scale for each
tensor), weights have one scale for each output channel. Left in 32 bits are the first block, which
caused most of the difference (a depthwise convolution of the picture's raw colours has channels of
very unlike ranges), and decoders, which were no faster in 8 bits.

Processors without VNNI add products of neighbouring channels in 16 bits, which can overflow: the
same file then gives other answers on another machine. Scales are chosen so that no pair can
(`find_reach`), which costs less than weights of 7 bits, the usual remedy.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from nevus.errors import CheckpointError
from nevus.runtime.engine import load_quantization

Pixels = NDArray[np.uint8]
FIRST = 3
"""Convolutions between the picture and the first one in 8 bits."""
ENCODER = ("backbone.", "encoder.")
"""One of these is part of the name of each weight of an encoder."""
KINDS = ("Conv", "Clip", "Relu", "Add")
LARGEST_CODE = 127
LARGEST_ACTIVATION = 255
LARGEST_SUM = 2**15 - 1
SMALLEST = 1e-12
"""A scale for channels of zeros."""


def compute_in_int8(data: bytes, pictures: Sequence[Pixels]) -> bytes:
    """Return an ONNX model whose encoder computes in 8-bit integers.

    Args:
        data: A model with 32-bit weights that takes (N, H, W, 3) uint8 named ``image``.
        pictures: (H, W, 3) uint8 of the model's size, to find the ranges of activations with.

    Raises:
        CheckpointError: The model has no encoder with more than `FIRST` convolutions.
    """
    quantization = load_quantization()
    with tempfile.TemporaryDirectory() as folder:
        given, ready, done = (str(Path(folder) / f"{name}.onnx") for name in ("a", "b", "c"))
        Path(given).write_bytes(data)
        quantization.shape_inference.quant_pre_process(given, ready, skip_symbolic_shape=True)
        model = onnx.load(ready)
        chosen = _choose(model.graph)
        if not chosen:
            raise CheckpointError("this network has no encoder that could be computed in 8 bits")
        names = {node.name for node in chosen}
        quantization.quantize_static(
            ready,
            done,
            _Photographs(pictures),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            op_types_to_quantize=list(KINDS),
            nodes_to_exclude=[
                node.name for node in _find_convolutions(model.graph) if node.name not in names
            ],
            extra_options={
                "TensorQuantOverrides": dict(
                    _limit_weights(model, chosen, quantization.QuantType.QInt8)
                )
            },
        )
        return _tidy(Path(done).read_bytes())


def find_reach(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return for each output channel which weight the largest 8-bit code should stand for.

    The largest weight, or more where two neighbours of one sign could otherwise overflow 16 bits:
    onnxruntime multiplies 8-bit activations and weights in pairs of neighbouring input channels
    and, without VNNI, adds each pair with saturation.

    Args:
        weights: (C_out, C_in, h, w).
    """
    # In the order of multiplication: input channels vary fastest.
    rows = weights.transpose(0, 2, 3, 1).reshape(len(weights), -1)
    pairs = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2))).reshape(len(rows), -1, 2)
    same_sign = [np.maximum(sign * pairs, 0).sum(2).max(1) for sign in (1, -1)]
    allowed = LARGEST_SUM // LARGEST_ACTIVATION / LARGEST_CODE
    reach = np.maximum(np.abs(rows).max(1), np.maximum(*same_sign) / allowed)
    positive: NDArray[np.float32] = np.maximum(reach, SMALLEST).astype(np.float32)
    return positive


class _Photographs:
    """What onnxruntime asks for ranges of activations, picture after picture."""

    def __init__(self, pictures: Sequence[Pixels]) -> None:
        self._left = iter(pictures)

    def get_next(self) -> dict[str, Pixels] | None:
        picture = next(self._left, None)
        return None if picture is None else {"image": picture[None]}


def _limit_weights(
    model: onnx.ModelProto, chosen: Sequence[onnx.NodeProto], kind: Any
) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """Yield each weight's name with onnxruntime's description of its scales."""
    values = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in chosen:
        if _count_groups(node) > 1:
            # Depthwise convolutions are not computed in pairs.
            continue
        reach = find_reach(numpy_helper.to_array(values[node.input[1]]))
        yield (
            node.input[1],
            [
                {"axis": 0, "quant_type": kind, "rmin": -float(one), "rmax": float(one)}
                for one in reach
            ],
        )


def _choose(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Return the convolutions to be computed in 8 bits."""
    before = _count_before(graph)
    return [
        node
        for node in _find_convolutions(graph)
        if before[node.name] >= FIRST and any(part in node.input[1] for part in ENCODER)
    ]


def _count_before(graph: onnx.GraphProto) -> dict[str, int]:
    """Return for each convolution how many stand between the picture and it, the shortest way."""
    fewest = {given.name: 0 for given in graph.input}
    before = {}
    for node in graph.node:
        known = [fewest[name] for name in node.input if name in fewest]
        if not known:
            continue
        before[node.name] = min(known)
        passed = min(known) + (node.op_type == "Conv")
        fewest.update(dict.fromkeys(node.output, passed))
    return before


def _find_convolutions(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    return [node for node in graph.node if node.op_type == "Conv"]


def _count_groups(node: onnx.NodeProto) -> int:
    return next((one.i for one in node.attribute if one.name == "group"), 1)


def _tidy(data: bytes) -> bytes:
    """Return the model without what quantisation leaves in it.

    Names become numbers, but for inputs and outputs: six for each weight, each as long as a path,
    were 2 % of the file. Sets of operations that no node is of are not asked for: other runtimes
    do not know onnxruntime's own.
    """
    model = onnx.load_from_string(data)
    graph = model.graph
    kept = {"", *(value.name for value in (*graph.input, *graph.output))}
    short: dict[str, str] = {}

    def shorten(name: str) -> str:
        return name if name in kept else short.setdefault(name, f"_{len(short)}")

    for tensor in graph.initializer:
        tensor.name = shorten(tensor.name)
    for node in graph.node:
        node.name = ""
        node.input[:] = [shorten(name) for name in node.input]
        node.output[:] = [shorten(name) for name in node.output]
    del graph.value_info[:]
    used = {node.domain for node in graph.node}
    needed = [one for one in model.opset_import if one.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(needed)
    onnx.checker.check_model(model)
    packed: bytes = model.SerializeToString()
    return packed
