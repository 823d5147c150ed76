"""From a checkpoint file to a model file and its manifest, both compared with torch."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from nevus import __version__
from nevus.data.phantoms import draw_phantom
from nevus.errors import CheckpointError, UsageError
from nevus.export.arithmetic import compute_in_int8
from nevus.export.network import ExportedNetwork, convert
from nevus.export.weights import compress_weights
from nevus.imaging.files import write_atomically
from nevus.imaging.reading import read_image
from nevus.imaging.views import list_views, name_views
from nevus.inference.postprocess import check_steps
from nevus.labels import NOTICE
from nevus.models.checkpoint import Checkpoint, read_checkpoint
from nevus.options import PredictionOptions
from nevus.runtime.engine import load_onnxruntime
from nevus.runtime.manifest import FORMAT, LABELS, Manifest
from nevus.runtime.seal import dump_sealed

TOLERANCE = 1e-4
"""Largest difference between torch and ONNX that is let through with 32-bit weights."""
WEIGHTS = ("float32", "float16", "int8")
"""How weights can be stored."""
ARITHMETIC = ("float32", "int8")
"""What encoders can compute in."""
PICTURES = 96
"""Photographs that ranges of activations are taken from; twice as many changed nothing."""


@dataclass(frozen=True)
class ExportOptions:
    """What a user decides about an exported model.

    Attributes:
        name: The model's; default the recipe's.
        weights: One of `WEIGHTS`.
        flips: Average over flips; None: as the checkpoint says.
        rotations: Average over quarter turns; None: as the checkpoint says.
        by: Diagnosis: ``logits``, ``gallery`` or ``both``; None: as the checkpoint says.
        steps: Post-processing of the lesion's map; None: as the checkpoint says.
        about: Added to what the checkpoint says of itself: ``data``, ``licence``, ``scores``.
        arithmetic: One of `ARITHMETIC`: what the encoder computes in.
        photographs: For 8-bit arithmetic: files of the kind it is for, such as those it was
            trained on; `PICTURES` of them, evenly spaced, are used.
    """

    name: str = ""
    weights: str = "float32"
    flips: bool | None = None
    rotations: bool | None = None
    by: str | None = None
    steps: tuple[dict[str, Any], ...] | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    arithmetic: str = "float32"
    photographs: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Exported:
    """A model that was written and run.

    Attributes:
        path: The ONNX file; its manifest has the same name and ends in ``.json``.
        sha256: Of the ONNX file.
        bytes: Its size.
        differences: Largest absolute difference of each output from torch on test pictures.
        remarks: What is otherwise than the checkpoint says, and why.
    """

    path: Path
    sha256: str
    bytes: int
    differences: Mapping[str, float]
    remarks: tuple[str, ...] = ()

    @property
    def difference(self) -> float:
        """The largest of all."""
        return max(self.differences.values())


def export_checkpoint(
    source: Path, out: Path, *, name: str = "", options: ExportOptions | None = None
) -> Exported:
    """Write a checkpoint as ONNX with its manifest, after comparing both on test pictures.

    Args:
        source: A checkpoint of any task.
        out: The file to write, ending in ``.onnx``.
        name: The model's name, where `options` give none.
        options: Weights, views and what is to be said about the model.

    Raises:
        UsageError: `out` does not end in ``.onnx``, or an option is unknown.
        CheckpointError: The checkpoint is unusable, or ONNX and torch disagree although weights
            are stored and computed with in 32 bits.
        ImageError: A photograph for 8-bit arithmetic cannot be read.
        DiskFullError: There is no room.
    """
    options = options or ExportOptions(name=name)
    if out.suffix != ".onnx":
        raise UsageError(f"{out} does not end in .onnx")
    _check_choices(options)
    out.parent.mkdir(parents=True, exist_ok=True)
    original = read_checkpoint(source)
    checkpoint = _adopt(original, options)
    _check(checkpoint, source)
    network = ExportedNetwork(checkpoint).eval()
    data = convert(network, checkpoint.input.size)
    if options.arithmetic == "int8":
        data = compute_in_int8(data, _read_pictures(checkpoint, options.photographs))
    data = compress_weights(data, options.weights)
    differences = compare(network, data, checkpoint)
    found = max(differences.values())
    exact = options.weights == options.arithmetic == "float32"
    if exact and not found <= TOLERANCE:
        raise CheckpointError(f"ONNX differs from torch by {found:.2g}, above {TOLERANCE:g}")
    manifest = make_manifest(checkpoint, network, data, out.name, differences, options)
    write_atomically(out, data)
    write_atomically(out.with_suffix(".json"), dump_sealed(manifest, indent=1))
    remarks = _tell_turns(original, checkpoint, options)
    return Exported(out, manifest["sha256"], len(data), differences, remarks)


def make_manifest(
    checkpoint: Checkpoint,
    network: ExportedNetwork,
    data: bytes,
    file: str,
    differences: Mapping[str, float],
    options: ExportOptions,
) -> dict[str, Any]:
    """Return what a runtime needs to know about a model, as JSON values.

    Raises:
        CheckpointError: What the checkpoint says would be refused by whoever reads the manifest.
    """
    fitted = {name: checkpoint.fitted[name] for name in FITTED if name in checkpoint.fitted}
    if "temperature" in fitted:
        # Older checkpoints say there how photographs were weighted.
        known = ("logits", "gallery", "both", "n")
        fitted["temperature"] = {k: v for k, v in fitted["temperature"].items() if k in known}
    views = list_views(flips=checkpoint.prediction.flips, rotations=checkpoint.prediction.rotations)
    # Of other views nothing is ever asked, and each holds a number for every photograph.
    if "calibration" in fitted:
        own = name_views(views)
        fitted["calibration"] = {k: v for k, v in fitted["calibration"].items() if k == own}
    gallery: dict[str, Any] = {"labels": [], "image_ids": []}
    if checkpoint.task == "diagnosis":
        labels = checkpoint.extra["gallery.labels"].tolist()
        gallery = {"labels": labels, "image_ids": checkpoint.fitted["gallery"]["image_ids"]}
    beside = ["segmentation"] if "lesion" in network.outputs else []
    manifest = {
        "format": FORMAT,
        "notice": NOTICE,
        "nevus": __version__,
        "name": options.name or str(checkpoint.about.get("recipe", checkpoint.network.name)),
        "task": checkpoint.task,
        "serves": [checkpoint.task, *beside],
        "file": file,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "weights": options.weights,
        "arithmetic": options.arithmetic,
        "difference": dict(differences),
        "preparation": asdict(checkpoint.input.preparation),
        "outputs": list(network.outputs),
        "labels": list(LABELS.get(checkpoint.task, ())),
        "prediction": checkpoint.prediction.model_dump(mode="json"),
        "fitted": fitted,
        "gallery": gallery,
        "about": {**checkpoint.about, **options.about},
    }
    try:
        Manifest.model_validate_json(json.dumps(manifest))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise CheckpointError(f"no manifest can say this: {first['loc']}: {first['msg']}") from None
    return manifest


FITTED = ("temperature", "rules", "calibration")


def compare(network: ExportedNetwork, data: bytes, checkpoint: Checkpoint) -> dict[str, float]:
    """Return per output the largest absolute difference between torch and an ONNX model's bytes."""
    images = draw_pictures(checkpoint.input.size)
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    found = session.run(list(network.outputs), {"image": images})
    with torch.inference_mode():
        wanted = network(torch.from_numpy(images))
    differences = {}
    for name, ours, theirs in zip(network.outputs, found, wanted, strict=True):
        apart = np.abs(ours - theirs.numpy())
        differences[name] = float(apart.max()) if apart.size else 0.0
    return differences


def draw_pictures(size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return (N, *size, 3) pictures to compare networks on: noise, a ramp and drawn lesions."""
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    # Noise alone would leave whole ranges of activations untried.
    ramp = np.broadcast_to(np.linspace(30, 220, size[1])[None, :, None], (*size, 3))
    drawn = [draw_phantom(0, index, size=size).pixels for index in range(4)]
    return np.stack([noise, ramp.astype(np.uint8), *drawn])


def _check_choices(options: ExportOptions) -> None:
    for name, known in (("weights", WEIGHTS), ("arithmetic", ARITHMETIC)):
        chosen = getattr(options, name)
        if chosen not in known:
            raise UsageError(f"{name} {chosen!r} is none of {', '.join(known)}")
    if options.arithmetic == "int8" and not options.photographs:
        raise UsageError(
            "8-bit arithmetic needs photographs to find the ranges of activations with",
            hint="--images FOLDER, such as the photographs it was trained on",
        )


def _read_pictures(checkpoint: Checkpoint, photographs: Sequence[Path]) -> list[NDArray[np.uint8]]:
    count = min(PICTURES, len(photographs))
    spaced = [photographs[place * len(photographs) // count] for place in range(count)]
    preparation = checkpoint.input.preparation
    return [preparation.apply(read_image(path).pixels) for path in spaced]


def _adopt(checkpoint: Checkpoint, options: ExportOptions) -> Checkpoint:
    """Return the checkpoint with the user's test-time choices."""
    names = ("flips", "rotations", "by", "steps")
    chosen = {name: getattr(options, name) for name in names}
    update = {name: value for name, value in chosen.items() if value is not None}
    if options.steps is not None:
        check_steps(options.steps)
    values = checkpoint.prediction.model_dump() | update
    if options.rotations is None and not _is_square(checkpoint):
        values["rotations"] = False
    try:
        return replace(checkpoint, prediction=PredictionOptions.model_validate(values))
    except ValidationError as error:
        raise UsageError(f"{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}") from None


def _check(checkpoint: Checkpoint, source: Path) -> None:
    if checkpoint.task == "diagnosis" and "gallery.embeddings" not in checkpoint.extra:
        raise CheckpointError(f"{source} holds no gallery", hint="nevus refit RUN --data ROOT")
    height, width = checkpoint.input.size
    if checkpoint.prediction.rotations and not _is_square(checkpoint):
        raise CheckpointError(
            f"{source} averages over quarter turns of {height} x {width} pixels; an ONNX model has "
            "one size",
            hint="add --no-rotations",
        )


def _is_square(checkpoint: Checkpoint) -> bool:
    return checkpoint.input.size[0] == checkpoint.input.size[1]


def _tell_turns(
    original: Checkpoint, adopted: Checkpoint, options: ExportOptions
) -> tuple[str, ...]:
    kept = adopted.prediction.rotations or not original.prediction.rotations
    if kept or options.rotations is not None:
        return ()
    height, width = adopted.input.size
    return (
        f"without the quarter turns of the recipe: an ONNX model has one size, and {height} x "
        f"{width} turned is another (nevus refit RUN --views flips fits to those that are left)",
    )
