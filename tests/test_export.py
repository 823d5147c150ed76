"""Checkpoints of all tasks as ONNX: the same numbers without torch."""

import json
from pathlib import Path

import numpy as np
import pytest

from nevus.errors import CheckpointError, UsageError
from nevus.imaging.preparation import Preparation
from nevus.imaging.reading import read_image
from nevus.inference.attributor import load_attributor
from nevus.inference.diagnoser import load_diagnoser
from nevus.inference.network import load_network
from nevus.recipe import read_recipe
from nevus.training.train import TrainOptions, train

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

# The exporter of torch warns of its own inner workings.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def exported(
    drawn: Path,
    drawn_attributes: Path,
    drawn_cases: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[Path, Path]]:
    """Checkpoint and ONNX file of each task."""
    from nevus.export import export_checkpoint

    data = {"segmentation": drawn, "attributes": drawn_attributes, "diagnosis": drawn_cases}
    made = {}
    for task, root in data.items():
        out = tmp_path_factory.mktemp(task)
        options = ["training.epochs=1", "training.batch_size=6"]
        train(read_recipe(f"{task}-tiny", options), TrainOptions(data=root, out=out, fold=(0, 4)))
        done = export_checkpoint(out / "last.safetensors", out / "model.onnx")
        assert done.difference <= 1e-4
        made[task] = (out / "last.safetensors", done.path)
    return made


def run(path: Path, image: Path) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    manifest = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    small = Preparation(**manifest["preparation"]).apply(read_image(image).pixels)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(None, {"image": np.ascontiguousarray(small)[None]})
    return dict(zip(manifest["outputs"], found, strict=True)), manifest


def test_segmentation(exported: dict[str, tuple[Path, Path]], drawn: Path) -> None:
    checkpoint, path = exported["segmentation"]
    image = sorted((drawn / "images").iterdir())[0]
    found, manifest = run(path, image)
    wanted = load_network(checkpoint, flips=False).small_probability(read_image(image).pixels)
    assert np.abs(found["probability"][0, 0] - wanted).max() <= 1e-4
    assert "Research use only" in manifest["notice"]


def test_attributes(exported: dict[str, tuple[Path, Path]], drawn_attributes: Path) -> None:
    checkpoint, path = exported["attributes"]
    image = sorted((drawn_attributes / "images").iterdir())[0]
    found, manifest = run(path, image)
    network = load_attributor(checkpoint, flips=False)
    wanted = network.detect(read_image(image).pixels)
    assert found["maps"].shape == (1, 5, 48, 64)
    assert np.abs(found["presences"][0] - wanted.presences).max() <= 1e-4
    assert set(manifest["fitted"]["rules"]) >= {"pooled", "each"}


def test_diagnosis(exported: dict[str, tuple[Path, Path]], drawn_cases: Path) -> None:
    checkpoint, path = exported["diagnosis"]
    image = sorted((drawn_cases / "ISIC2018_Task3_Training_Input").iterdir())[0]
    found, manifest = run(path, image)
    network = load_diagnoser(checkpoint, flips=False)
    similar = network.diagnose(read_image(image).pixels).similar
    assert found["distances"].min() == pytest.approx(similar[0].distance, abs=1e-4)
    place = int(found["distances"].argmin())
    assert manifest["gallery"]["image_ids"][place] == similar[0].image_id
    assert found["logits"].shape == (1, 7)


def test_refusals(exported: dict[str, tuple[Path, Path]], tmp_path: Path) -> None:
    from nevus.export import export_checkpoint

    checkpoint = exported["segmentation"][0]
    with pytest.raises(UsageError, match=r"does not end in \.onnx"):
        export_checkpoint(checkpoint, tmp_path / "model.pt")
    with pytest.raises(CheckpointError):
        export_checkpoint(tmp_path / "none.safetensors", tmp_path / "model.onnx")
