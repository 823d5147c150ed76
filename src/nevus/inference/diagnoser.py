"""A trained diagnosis network as a function from photographs to class probabilities."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nevus.errors import CheckpointError
from nevus.imaging.views import choose_views
from nevus.inference.answers import Diagnosis, choose_temperature, make_diagnosis
from nevus.inference.intake import Intake, place_network
from nevus.models.checkpoint import Checkpoint, read_checkpoint
from nevus.models.gallery import measure_distances, unpack_gallery
from nevus.models.turning import run_views

Pixels = NDArray[np.uint8]


class TorchDiagnoser:
    """A diagnosis network from a checkpoint, on a device.

    Args:
        checkpoint: What `nevus train` wrote.
        device: Where to run.
        by: ``logits``, ``gallery`` or ``both``; None: as the checkpoint says.
        flips: Average over flips (and turns, where the checkpoint has them); None: as it says.
        similar: How many photographs of the gallery to name.

    Raises:
        CheckpointError: It is no diagnosis checkpoint.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: torch.device,
        *,
        by: str | None = None,
        flips: bool | None = None,
        similar: int = 5,
    ) -> None:
        if checkpoint.task != "diagnosis":
            raise CheckpointError(f"this is a checkpoint for {checkpoint.task}, not diagnosis")
        self.by = by or checkpoint.prediction.by
        self.views = choose_views(checkpoint.prediction, flips)
        self.similar = similar
        arrays = {name: tensor.numpy() for name, tensor in checkpoint.extra.items()}
        self.gallery = unpack_gallery(arrays, checkpoint.fitted["gallery"])
        self.temperature = choose_temperature(checkpoint.fitted, self.views)
        self._intake = Intake(checkpoint, device)
        self._network = place_network(checkpoint, device)

    def diagnose(self, pixels: Pixels) -> Diagnosis:
        """Return probabilities and similar cases for a (H, W, 3) photograph of any size.

        One photograph at a time: the result cannot depend on neighbours in a batch. Flips are
        averaged as probabilities, and as distances for similar cases.
        """
        embeddings, logits = self._examine(pixels)
        distances = measure_distances(self.gallery, embeddings)
        return make_diagnosis(
            self.gallery,
            logits,
            distances,
            by=self.by,
            temperature=self.temperature,
            similar=self.similar,
        )

    def _examine(self, pixels: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        values = self._intake.take(pixels)
        with torch.inference_mode():
            parts = [given for given, _ in run_views(self._network, values, self.views)]
            embeddings = torch.cat([part.embedding for part in parts])
            logits = torch.cat([part.logits for part in parts])
        return embeddings.float().cpu().numpy(), logits.double().cpu().numpy()


def load_diagnoser(
    path: Path,
    device: torch.device | None = None,
    *,
    by: str | None = None,
    flips: bool | None = None,
    similar: int = 5,
) -> TorchDiagnoser:
    """Return the diagnosis network of a checkpoint file.

    Raises:
        CheckpointError: The file is missing, damaged or foreign.
    """
    checkpoint = read_checkpoint(path)
    if checkpoint.task != "diagnosis":
        raise CheckpointError(f"{path} is a checkpoint for {checkpoint.task}, not diagnosis")
    device = device or torch.device("cpu")
    return TorchDiagnoser(checkpoint, device, by=by, flips=flips, similar=similar)
