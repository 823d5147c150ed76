"""A trained network as a function from photographs to probabilities."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nevus.imaging.resizing import resize_probability
from nevus.imaging.views import choose_views
from nevus.models.checkpoint import Checkpoint, build_from_checkpoint, read_checkpoint
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
        self._preparation = checkpoint.input.preparation
        self.views = choose_views(checkpoint.prediction, flips)
        self._device = device
        self._mean = torch.tensor(checkpoint.input.mean, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(checkpoint.input.std, device=device).view(1, 3, 1, 1)
        network = build_from_checkpoint(checkpoint).to(device)
        self._network = network.to(memory_format=torch.channels_last)

    def probability(self, pixels: Pixels) -> Probability:
        """Return (H, W) probabilities in [0, 1] for a (H, W, 3) photograph of any size.

        One photograph at a time: the result cannot depend on neighbours in a batch.
        """
        height, width = pixels.shape[:2]
        return resize_probability(self.small_probability(pixels), (height, width))

    def small_probability(self, pixels: Pixels) -> Probability:
        """Return probabilities at the network's own size, (h, w) = `size`."""
        small = np.array(self._preparation.apply(pixels))
        image = torch.from_numpy(small).to(self._device).permute(2, 0, 1).unsqueeze(0)
        values = ((image.float() / 255) - self._mean) / self._std
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
