"""Tiny models: checkpoints with random weights, exported once for all runtime tests."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("onnxscript")

from nevus.labels import DIAGNOSES
from nevus.models.build import build_network
from nevus.models.checkpoint import Checkpoint, write_checkpoint
from nevus.options import InputOptions, NetworkOptions, PredictionOptions
from nevus.training.calibration import calibrate

SIZES = {"segmentation": (48, 64), "attributes": (48, 48), "diagnosis": (48, 48)}
STEPS = ({"name": "threshold", "value": 0.5}, {"name": "largest"}, {"name": "fill"})


def make_checkpoint(task: str, *, lesion: bool = True) -> Checkpoint:
    """Return a checkpoint of a tiny network whose weights are drawn."""
    torch.manual_seed(len(task))
    name = {"segmentation": "unet"}.get(task, task)
    network = NetworkOptions(
        name=name,
        encoder="test_efficientnet",
        pretrained=False,
        embedding=16,
        lesion_map=lesion and task == "attributes",
        decoder_channels=() if task == "diagnosis" else (16, 8, 8, 8),
    )
    module = build_network(network, pretrained=False)
    extra, fitted = {}, {}
    if task == "diagnosis":
        extra, fitted = make_gallery()
    if task == "attributes":
        rules = {"thresholds": [0.5] * 5, "areas": [0.0] * 5, "presences": [0.1] * 5}
        fitted = {"rules": {"pooled": rules, "each": rules, "n": 9}}
    return Checkpoint(
        task=task,
        network=network,
        input=InputOptions(size=SIZES[task], fit="crop" if task == "diagnosis" else "stretch"),
        prediction=PredictionOptions(
            flips=True, rotations=task != "segmentation", by="both", steps=STEPS
        ),
        tensors=module.state_dict(),
        extra=extra,
        fitted=fitted,
        about={"recipe": f"{task}-drawn"},
    )


def make_gallery() -> tuple[dict[str, torch.Tensor], dict[str, object]]:
    generator = np.random.default_rng(0)
    known = torch.from_numpy(generator.normal(size=(14, 16)).astype(np.float32))
    extra = {
        "gallery.embeddings": torch.nn.functional.normalize(known),
        "gallery.labels": torch.arange(14) % len(DIAGNOSES),
    }
    labels = np.arange(70) % len(DIAGNOSES)
    scores = {way: generator.normal(size=(8, 70, 7)) for way in ("logits", "gallery")}
    from nevus.imaging.views import VIEW_SETS

    lesions = [f"HAM_{index // 2}" for index in range(70)]
    fitted = {
        "gallery": {"image_ids": [f"ISIC_{index:07d}" for index in range(14)]},
        "temperature": {"logits": 1.5, "gallery": 0.5, "n": 70},
        "calibration": calibrate(scores, labels, lesions, VIEW_SETS["all"]),
    }
    return extra, fitted


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A checkpoint file of each task."""
    folder = tmp_path_factory.mktemp("checkpoints")
    made = {}
    for task in SIZES:
        made[task] = folder / f"{task}.safetensors"
        write_checkpoint(made[task], make_checkpoint(task))
    return made


@pytest.fixture(scope="session")
def exported(
    checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A folder of exported models, one .json each; nobody writes into it."""
    import warnings

    from nevus.export import ExportOptions, export_checkpoint

    folder = tmp_path_factory.mktemp("exported")
    about = {"data": "drawn", "licence": "none", "scores": {"jaccard": 0.5, "n": 9}}
    with warnings.catch_warnings():
        # The exporter of torch warns of its own inner workings.
        warnings.simplefilter("ignore")
        for task, path in checkpoints.items():
            options = ExportOptions(about=about)
            export_checkpoint(path, folder / f"{task}.onnx", options=options)
    return folder


@pytest.fixture
def models(exported: Path, tmp_path: Path) -> Path:
    """A copy of `exported` to be changed."""
    import shutil

    return Path(shutil.copytree(exported, tmp_path / "models"))


@pytest.fixture(scope="session")
def photograph() -> np.ndarray:
    from nevus.data.phantoms import draw_phantom

    return draw_phantom(1, 3, size=(90, 120)).pixels
