"""The attribute network: a U-Net of five maps, and presences (Xue et al. 2018, section 2)."""

import math
from typing import NamedTuple

import torch
from torch import nn

from nevus.labels import ATTRIBUTES
from nevus.models.segmentor import UNet


class Attributed(NamedTuple):
    """What the network gives.

    Attributes:
        maps: (N, 5, H, W) logits in the order of `nevus.labels.ATTRIBUTES`; (N, 6, H, W) with the
            lesion last, where the network has that map.
        presences: (N, 5) logits; (N, 0) where the network has no presence head.
    """

    maps: torch.Tensor
    presences: torch.Tensor


class AttributeNetwork(nn.Module):
    """A U-Net whose deepest features also say which attributes are there at all.

    Args:
        unet: Gives five maps, or six with the lesion.
        presence: Whether there is a presence head.
    """

    def __init__(self, unet: UNet, *, presence: bool) -> None:
        super().__init__()
        self.unet = unet
        deepest = unet.encoder.channels[-1]
        self.presence = nn.Linear(deepest, len(ATTRIBUTES)) if presence else None

    @property
    def pretrained_part(self) -> nn.Module:
        """What freezing holds fixed."""
        return self.unet.pretrained_part

    def expect(self, prior: float) -> None:
        """Give every attribute this probability at every pixel, as far as untrained maps allow.

        Attributes cover a few percent of pixels; from .5 on, the first steps would be spent on
        learning that, and rare ones be drowned.

        Args:
            prior: In (0, 1).
        """
        bias = self.unet.head.bias
        assert bias is not None
        with torch.no_grad():
            bias[: len(ATTRIBUTES)] = math.log(prior / (1 - prior))

    def forward(self, images: torch.Tensor) -> Attributed:
        """Return maps and presences of (N, 3, H, W) normalised images."""
        height, width = images.shape[-2:]
        features = self.unet.encoder(images)
        maps = self.unet.decode(features, (height, width))
        if self.presence is None:
            return Attributed(maps, maps.new_zeros(len(images), 0))
        return Attributed(maps, self.presence(features[-1].mean(dim=(2, 3))))
