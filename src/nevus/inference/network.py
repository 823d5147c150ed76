"""A trained network as a function from photographs to probabilities."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nevus.imaging.resizing import resize_probability
from nevus.imaging.views import choose_views
from nevus.inference.intake import Intake, place_network
from nevus.models.checkpoint import Checkpoint, read_checkpoint
from nevus.models.turning import run_views, turn_back
from nevus.options import PredictionOptions

Pixels = NDArray[np.uint8]
Probability = NDArray[np.float32]


class TorchNetwork:
    """A segmentor from a checkpoint, on a device.

    Args:
        checkpoint: What `nevus train` wrote.
        device: Where to run.
        flips: Average over flips (and turns, where the checkpoint has them); None: as it says.
    """

    def __init__(
        self, checkpoint: Checkpoint, device: torch.device, *, flips: bool | None = None
    ) -> None:
        self.options: PredictionOptions = checkpoint.prediction
        self.task = checkpoint.task
        self.size = checkpoint.input.size
        self.views = choose_views(checkpoint.prediction, flips)
        self._intake = Intake(checkpoint, device)
        self._network = place_network(checkpoint, device)

    def probability(self, pixels: Pixels) -> Probability:
        """Return (H, W) probabilities in [0, 1] for a (H, W, 3) photograph of any size.

        One photograph at a time: the result cannot depend on neighbours in a batch.
        """
        height, width = pixels.shape[:2]
        return resize_probability(self.small_probability(pixels), (height, width))

    def small_probability(self, pixels: Pixels) -> Probability:
        """Return probabilities at the network's own size, (h, w) = `size`."""
        values = self._intake.take(pixels)
        turned = []
        with torch.inference_mode():
            for logits, views in run_views(self._network, values, self.views):
                maps = torch.sigmoid(logits)
                turned += [turn_back(part, view) for part, view in zip(maps, views, strict=True)]
            probability = torch.stack(turned).mean(0)
        return probability[0].float().cpu().numpy()


def load_network(
    path: Path, device: torch.device | None = None, *, flips: bool | None = None
) -> TorchNetwork:
    """Return the network of a checkpoint file.

    Raises:
        CheckpointError: The file is missing, damaged or foreign.
    """
    return TorchNetwork(read_checkpoint(path), device or torch.device("cpu"), flips=flips)
