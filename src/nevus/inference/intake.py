"""From a checkpoint: the network on its device, and photographs as the tensors it takes."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nevus.models.checkpoint import Checkpoint, build_from_checkpoint

Pixels = NDArray[np.uint8]


class Intake:
    """What stands before a network: size, fit, colours, normalisation.

    Args:
        checkpoint: What `nevus train` wrote.
        device: Where the network runs.
    """

    def __init__(self, checkpoint: Checkpoint, device: torch.device) -> None:
        self._preparation = checkpoint.input.preparation
        self._device = device
        self._mean = torch.tensor(checkpoint.input.mean, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(checkpoint.input.std, device=device).view(1, 3, 1, 1)

    def take(self, pixels: Pixels) -> Tensor:
        """Return (1, 3, h, w) normalised float32 for a (H, W, 3) uint8 photograph of any size."""
        small = np.array(self._preparation.apply(pixels))
        image = torch.from_numpy(small).to(self._device).permute(2, 0, 1).unsqueeze(0)
        return ((image.float() / 255) - self._mean) / self._std


def place_network(checkpoint: Checkpoint, device: torch.device) -> nn.Module:
    """Return the checkpoint's network, evaluating, on a device."""
    network: nn.Module = build_from_checkpoint(checkpoint).to(device)
    return network.to(memory_format=torch.channels_last)
