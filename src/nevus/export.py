"""Checkpoint to ONNX: the network with its normalisation inside, a manifest beside it.

What runs the file needs neither torch nor the recipe: it resizes a photograph as the manifest's
``preparation`` says, passes (N, H, W, 3) bytes, and reads probabilities.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

from nevus import __version__
from nevus.errors import CheckpointError, UsageError
from nevus.imaging.files import write_atomically
from nevus.labels import ATTRIBUTES, DIAGNOSES, NOTICE
from nevus.models.checkpoint import Checkpoint, build_from_checkpoint, read_checkpoint

FORMAT = 1
TOLERANCE = 1e-4
"""Largest difference between torch and ONNX that is let through."""


class ExportedNetwork(nn.Module):
    """A network that takes bytes and gives what its task is about, nothing to be computed after.

    Args:
        checkpoint: Network, normalisation and, for diagnosis, the gallery.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.network = build_from_checkpoint(checkpoint)
        self.task = checkpoint.task
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.gallery: torch.Tensor
        mean, std = torch.tensor(checkpoint.input.mean), torch.tensor(checkpoint.input.std)
        self.register_buffer("mean", mean.view(1, 3, 1, 1) * 255)
        self.register_buffer("std", std.view(1, 3, 1, 1) * 255)
        known = checkpoint.extra.get("gallery.embeddings", torch.zeros(0, 1))
        self.register_buffer("gallery", known)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the outputs named in `OUTPUTS` for (N, H, W, 3) uint8."""
        values = (image.permute(0, 3, 1, 2).float() - self.mean) / self.std
        given = self.network(values)
        if self.task == "segmentation":
            return (torch.sigmoid(given),)
        if self.task == "attributes":
            maps = torch.sigmoid(given.maps[:, : len(ATTRIBUTES)])
            return maps, torch.sigmoid(given.presences)
        difference = given.embedding[:, None] - self.gallery[None]
        return given.logits, difference.square().sum(2).sqrt()


OUTPUTS: dict[str, tuple[str, ...]] = {
    "segmentation": ("probability",),
    "attributes": ("maps", "presences"),
    "diagnosis": ("logits", "distances"),
}
"""Names by task: (N, 1, H, W); (N, 5, H, W) and (N, 5); (N, 7) and (N, G)."""


@dataclass(frozen=True)
class Exported:
    """A model that was written and run.

    Attributes:
        path: The ONNX file; its manifest has the same name and ends in ``.json``.
        sha256: Of the ONNX file.
        bytes: Its size.
        difference: Largest absolute difference from torch on test pictures.
    """

    path: Path
    sha256: str
    bytes: int
    difference: float


def export_checkpoint(source: Path, out: Path, *, name: str = "") -> Exported:
    """Write a checkpoint as ONNX with its manifest, after comparing both on test pictures.

    Args:
        source: A checkpoint of any task.
        out: The file to write, ending in ``.onnx``.
        name: The model's name; default the recipe's.

    Raises:
        UsageError: `out` does not end in ``.onnx``.
        CheckpointError: The checkpoint is unusable, or ONNX and torch disagree.
        DiskFullError: There is no room.
    """
    if out.suffix != ".onnx":
        raise UsageError(f"{out} does not end in .onnx")
    checkpoint = read_checkpoint(source)
    if checkpoint.task == "diagnosis" and "gallery.embeddings" not in checkpoint.extra:
        raise CheckpointError(f"{source} holds no gallery", hint="nevus refit RUN --data ROOT")
    network = ExportedNetwork(checkpoint).eval()
    data = _convert(network, checkpoint)
    difference = compare(network, data, checkpoint)
    if not difference <= TOLERANCE:
        raise CheckpointError(f"ONNX differs from torch by {difference:.2g}, above {TOLERANCE:g}")
    digest = hashlib.sha256(data).hexdigest()
    manifest = make_manifest(checkpoint, name=name, sha256=digest, size=len(data))
    write_atomically(out, data)
    text = json.dumps(manifest, indent=1, allow_nan=False)
    write_atomically(out.with_suffix(".json"), text.encode())
    return Exported(out, digest, len(data), difference)


def make_manifest(checkpoint: Checkpoint, *, name: str, sha256: str, size: int) -> dict[str, Any]:
    """Return what a runtime needs to know about a model, as JSON values."""
    fitted = dict(checkpoint.fitted)
    gallery = {}
    if checkpoint.task == "diagnosis":
        labels = checkpoint.extra["gallery.labels"].tolist()
        gallery = {"labels": labels, "image_ids": fitted.pop("gallery")["image_ids"]}
    return {
        "format": FORMAT,
        "notice": NOTICE,
        "nevus": __version__,
        "name": name or str(checkpoint.about.get("recipe", checkpoint.network.name)),
        "task": checkpoint.task,
        "sha256": sha256,
        "bytes": size,
        "preparation": asdict(checkpoint.input.preparation),
        "outputs": list(OUTPUTS[checkpoint.task]),
        "labels": {"attributes": list(ATTRIBUTES), "diagnosis": list(DIAGNOSES)}.get(
            checkpoint.task, []
        ),
        "prediction": checkpoint.prediction.model_dump(mode="json"),
        "fitted": fitted,
        "gallery": gallery,
        "about": checkpoint.about,
    }


def compare(network: nn.Module, data: bytes, checkpoint: Checkpoint) -> float:
    """Return the largest absolute difference between torch and an ONNX model's bytes."""
    height, width = checkpoint.input.size
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (2, height, width, 3), np.uint8)
    # Noise alone would leave whole ranges of activations untried.
    images[1] = np.linspace(30, 220, width).astype(np.uint8)[None, :, None]
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    found: Sequence[NDArray[np.float32]] = session.run(None, {"image": images})
    with torch.inference_mode():
        wanted = network(torch.from_numpy(images))
    pairs = zip(found, wanted, strict=True)
    return max(float(np.abs(a - b.numpy()).max()) if a.size else 0.0 for a, b in pairs)


def _convert(network: nn.Module, checkpoint: Checkpoint) -> bytes:
    height, width = checkpoint.input.size
    example = torch.zeros(2, height, width, 3, dtype=torch.uint8)
    export: Callable[..., Any] = torch.onnx.export
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export(
            network,
            (example,),
            str(path),
            input_names=["image"],
            output_names=list(OUTPUTS[checkpoint.task]),
            dynamic_shapes={"image": {0: torch.export.Dim("n", min=1, max=64)}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        return path.read_bytes()
