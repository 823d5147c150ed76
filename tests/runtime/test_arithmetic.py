"""Encoders computed in 8-bit integers: near enough, and the same on every processor."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

onnx = pytest.importorskip("onnx")

from nevus.errors import CheckpointError, UsageError
from nevus.export.arithmetic import LARGEST_CODE, compute_in_int8, find_reach
from nevus.runtime.networks import load_networks
from nevus.runtime.zoo import read_zoo

# onnxruntime's quantiser and torch's exporter warn of their own inner workings.
pytestmark = pytest.mark.filterwarnings("ignore")
TASKS = ("segmentation", "attributes", "diagnosis")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from nevus.data.phantoms import draw_phantom

    folder = tmp_path_factory.mktemp("pictures")
    for index in range(6):
        picture = draw_phantom(1, index, size=(60, 80)).pixels
        Image.fromarray(picture).save(folder / f"ISIC_{index:07d}.png")
    return folder


@pytest.fixture(scope="module")
def quantised(
    checkpoints: dict[str, Path], pictures: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    from nevus.export import ExportOptions, export_checkpoint

    folder = tmp_path_factory.mktemp("quantised")
    options = ExportOptions(
        weights="int8", arithmetic="int8", photographs=tuple(sorted(pictures.iterdir()))
    )
    for task in TASKS:
        export_checkpoint(checkpoints[task], folder / f"{task}.onnx", options=options)
    return folder


def count(path: Path) -> dict[str, int]:
    kinds = [node.op_type for node in onnx.load(path).graph.node]
    return {kind: kinds.count(kind) for kind in set(kinds)}


@pytest.mark.parametrize("task", TASKS)
def test_the_encoder_alone_is_computed_in_8_bits(task: str, quantised: Path) -> None:
    graph = onnx.load(quantised / f"{task}.onnx").graph
    makers = {name: node for node in graph.node for name in node.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    exact = [makers.get(node.input[1]) for node in convolutions]
    in_8_bits = [node is not None and node.op_type == "DequantizeLinear" for node in exact]
    # The first block sees the picture, and what comes after the encoder makes maps.
    assert not any(in_8_bits[:3])
    assert sum(in_8_bits) >= 5
    if task != "diagnosis":
        assert not any(in_8_bits[-4:])


def test_answers_stay_near(quantised: Path, exported: Path, photograph: NDArray[np.uint8]) -> None:
    ours, wanted = (load_networks(folder).examine(photograph) for folder in (quantised, exported))
    assert ours.lesion is not None
    assert wanted.lesion is not None
    assert 0 < np.abs(ours.lesion - wanted.lesion).max() < 0.05
    assert ours.attributes is not None
    assert wanted.attributes is not None
    assert np.abs(ours.attributes.maps - wanted.attributes.maps).max() < 0.05
    assert ours.diagnosis is not None
    assert wanted.diagnosis is not None
    found, expected = ours.diagnosis.probabilities, wanted.diagnosis.probabilities
    assert np.abs(np.asarray(found) - np.asarray(expected)).max() < 0.1


@pytest.mark.parametrize("task", TASKS)
def test_other_runtimes_are_asked_for_standard_operations_alone(task: str, quantised: Path) -> None:
    model = onnx.load(quantised / f"{task}.onnx")
    assert [one.domain for one in model.opset_import] == [""]
    onnx.checker.check_model(model, full_check=True)


def test_the_manifest_tells(quantised: Path, exported: Path) -> None:
    assert {card.arithmetic for card in read_zoo(quantised).models} == {"int8"}
    assert {card.arithmetic for card in read_zoo(exported).models} == {"float32"}


@pytest.mark.parametrize("channels", [1, 3, 8, 17])
def test_no_pair_of_products_overflows_16_bits(channels: int) -> None:
    generator = np.random.default_rng(channels)
    weights = generator.normal(size=(40, channels, 3, 3)).astype(np.float32)
    # Neighbours of one sign and the largest size: the worst there is.
    weights[0] = 2.5
    weights[1] = -2.5
    reach = find_reach(weights)
    codes = np.rint(weights / (reach[:, None, None, None] / LARGEST_CODE)).astype(np.int64)
    assert np.abs(codes).max() <= LARGEST_CODE
    rows = codes.transpose(0, 2, 3, 1).reshape(40, -1)
    pairs = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2))).reshape(40, -1, 2)
    for sign in (1, -1):
        # Activations are 0 to 255; the largest sum has 255 at weights of one sign and 0 elsewhere.
        assert (255 * np.maximum(sign * pairs, 0).sum(2)).max() <= 2**15 - 1


@pytest.mark.parametrize("task", TASKS)
def test_no_stored_weights_overflow_either(task: str, quantised: Path) -> None:
    graph = onnx.load(quantised / f"{task}.onnx").graph
    makers = {name: node for node in graph.node for name in node.output}
    stored = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    looked_at = 0
    for node in graph.node:
        maker = makers.get(node.input[1]) if node.op_type == "Conv" else None
        groups = {one.name: one.i for one in node.attribute}.get("group", 1)
        if maker is None or maker.op_type != "DequantizeLinear" or groups > 1:
            continue
        codes = stored[maker.input[0]].astype(np.int64).transpose(0, 2, 3, 1)
        rows = codes.reshape(len(codes), -1)
        pairs = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2))).reshape(len(rows), -1, 2)
        for sign in (1, -1):
            assert (255 * np.maximum(sign * pairs, 0).sum(2)).max() <= 2**15 - 1
        looked_at += 1
    assert looked_at >= 3


def test_scales_are_no_coarser_than_they_must_be() -> None:
    weights = np.zeros((2, 4, 1, 1), np.float32)
    weights[0, :, 0, 0] = (3.0, -3.0, 1.0, 0.0)
    assert find_reach(weights)[0] == pytest.approx(3.0, rel=0.01)
    assert find_reach(weights)[1] > 0


def test_refusals(
    checkpoints: dict[str, Path], exported: Path, pictures: Path, tmp_path: Path
) -> None:
    from nevus.cli.exporting import choose_pictures
    from nevus.export import ExportOptions, export_checkpoint

    with pytest.raises(UsageError, match="needs photographs"):
        export_checkpoint(
            checkpoints["diagnosis"],
            tmp_path / "m.onnx",
            options=ExportOptions(arithmetic="int8"),
        )
    with pytest.raises(UsageError, match="float32, int8"):
        export_checkpoint(
            checkpoints["diagnosis"],
            tmp_path / "m.onnx",
            options=ExportOptions(arithmetic="int4"),
        )
    with pytest.raises(UsageError, match="are for --arithmetic int8"):
        choose_pictures("float32", [pictures], None)
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"training": ["ISIC_0000004"], "validation": ["ISIC_0000001"]}))
    assert [path.stem for path in choose_pictures("int8", [pictures], split)] == ["ISIC_0000004"]
    split.write_text(json.dumps({"training": ["other"], "validation": ["another"]}))
    with pytest.raises(UsageError, match="trained on none"):
        choose_pictures("int8", [pictures], split)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UsageError, match="no photographs found"):
        choose_pictures("int8", [empty], None)


def test_a_network_without_an_encoder_is_refused() -> None:
    from onnx import TensorProto, helper

    node = helper.make_node("Identity", ["image"], ["probability"])
    value = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 8, 8, 3])
    out = helper.make_tensor_value_info("probability", TensorProto.UINT8, ["n", 8, 8, 3])
    model = helper.make_model(
        helper.make_graph([node], "g", [value], [out]),
        opset_imports=[helper.make_opsetid("", 18)],
    )
    with pytest.raises(CheckpointError, match="no encoder"):
        compute_in_int8(model.SerializeToString(), [np.zeros((8, 8, 3), np.uint8)])
