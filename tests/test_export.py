"""Checkpoints of all tasks as ONNX: the same numbers without torch."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nevus.errors import CheckpointError, UsageError
from nevus.imaging.preparation import Preparation
from nevus.imaging.reading import read_image
from nevus.inference.attributor import load_attributor
from nevus.inference.diagnoser import load_diagnoser
from nevus.inference.network import load_network
from nevus.models.checkpoint import read_checkpoint, write_checkpoint
from nevus.recipe import read_recipe
from nevus.training.refit import refit
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
    wanted_lesion = "lesion" in manifest["outputs"]
    assert (wanted.lesion is not None) == wanted_lesion
    assert ("segmentation" in manifest["serves"]) == wanted_lesion
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


def test_a_run_brings_its_calibration(
    exported: dict[str, tuple[Path, Path]],
    drawn_cases: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from nevus.export import ExportOptions, export_checkpoint, exporting
    from nevus.runtime.zoo import read_zoo

    checkpoint, model = exported["diagnosis"]
    # Seconds each, and the same graph every time.
    monkeypatch.setattr(exporting, "convert", lambda *_: model.read_bytes())
    options = ExportOptions(weights="float16", flips=False, rotations=False, by="both")
    done = export_checkpoint(checkpoint, tmp_path / "small.onnx", options=options)
    card = read_zoo(tmp_path).cards["diagnosis"]
    calibration = card.calibration()
    assert calibration is not None
    split = json.loads((checkpoint.parent / "split.json").read_text(encoding="utf-8"))
    assert calibration["n"] == len(split["validation"])
    assert sum(map(len, calibration["scores"].values())) == calibration["n"]
    assert list(card.fitted["calibration"]) == ["one"]
    assert card.weights == "float16"
    assert card.difference == done.differences
    # Of views that were never looked at nothing is known, until the run is fitted for them.
    options = ExportOptions(flips=True, rotations=True)
    export_checkpoint(checkpoint, tmp_path / "small.onnx", options=options)
    assert read_zoo(tmp_path).cards["diagnosis"].calibration() is None
    run = Path(shutil.copytree(checkpoint.parent, tmp_path / "run"))
    refit(run, drawn_cases, views="all", device="cpu")
    fitted = read_checkpoint(run / "last.safetensors").fitted["calibration"]
    assert sorted(fitted) == ["all", "flips", "one", "turns"]
    before = read_checkpoint(checkpoint).fitted["calibration"]
    assert fitted["one"]["both"]["scores"] == before["one"]["both"]["scores"]
    with pytest.raises(UsageError, match="views 'some' is none of"):
        refit(run, drawn_cases, views="some")


def test_quarter_turns_need_a_square(
    exported: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    from nevus.export import ExportOptions, export_checkpoint

    options = ExportOptions(rotations=True)
    with pytest.raises(CheckpointError, match="quarter turns of 48 x 64"):
        export_checkpoint(exported["segmentation"][0], tmp_path / "m.onnx", options=options)


def test_a_recipe_s_quarter_turns_are_left_out_where_they_do_not_fit_and_that_is_said(
    exported: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    from nevus.export import ExportOptions, export_checkpoint

    checkpoint = read_checkpoint(exported["segmentation"][0])
    turned = checkpoint.prediction.model_copy(update={"flips": True, "rotations": True})
    write_checkpoint(tmp_path / "c.safetensors", replace(checkpoint, prediction=turned))
    done = export_checkpoint(tmp_path / "c.safetensors", tmp_path / "m.onnx")
    assert "48 x 64" in done.remarks[0]
    said = json.loads((tmp_path / "m.json").read_text())["prediction"]
    assert (said["flips"], said["rotations"]) == (True, False)
    asked = ExportOptions(rotations=False)
    again = export_checkpoint(tmp_path / "c.safetensors", tmp_path / "n.onnx", options=asked)
    assert not again.remarks


def test_weights_are_stored_within_their_precision(
    exported: dict[str, tuple[Path, Path]],
) -> None:
    from nevus.export.weights import compress_weights, quantize

    values = np.random.default_rng(0).normal(size=(6, 4, 3, 3)).astype(np.float32)
    values[2] *= 1000
    values[3] = 0
    codes, scale = quantize(values, 0)
    assert codes.dtype == np.int8
    assert scale.shape == (6, 1, 1, 1)
    assert (np.abs(codes * scale - values) <= scale * 0.5001).all()
    data = exported["diagnosis"][1].read_bytes()
    image = np.random.default_rng(1).integers(0, 256, (2, 48, 48, 3), np.uint8)

    def logits(model: bytes) -> np.ndarray:
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        return np.asarray(session.run(["logits"], {"image": image})[0])

    apart = {
        kind: float(np.abs(logits(compress_weights(data, kind)) - logits(data)).max())
        for kind in ("float32", "float16", "int8")
    }
    assert apart["float32"] == 0
    assert 0 < apart["float16"] < apart["int8"] < 1
    sizes = [len(compress_weights(data, kind)) for kind in ("int8", "float16", "float32")]
    assert sizes == sorted(sizes)


def test_refusals(exported: dict[str, tuple[Path, Path]], tmp_path: Path) -> None:
    from nevus.export import ExportOptions, export_checkpoint

    checkpoint = exported["segmentation"][0]
    with pytest.raises(UsageError, match=r"does not end in \.onnx"):
        export_checkpoint(checkpoint, tmp_path / "model.pt")
    with pytest.raises(UsageError, match="float32, float16, int8"):
        export_checkpoint(
            checkpoint, tmp_path / "model.onnx", options=ExportOptions(weights="int4")
        )
    with pytest.raises(CheckpointError):
        export_checkpoint(tmp_path / "none.safetensors", tmp_path / "model.onnx")
