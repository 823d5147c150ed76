"""Networks of masks that see the same photograph; they answer with the mean of their logits."""

from collections.abc import Sequence

import torch
from torch import nn

from nevus.models.attributes import Attributed, AttributeNetwork


class JointSegmentor(nn.Module):
    """Segmentation networks as one.

    Args:
        members: Each gives (N, C, H, W) logits.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return (N, C, H, W) logits of (N, 3, H, W) normalised images."""
        return torch.stack([member(images) for member in self.members]).mean(0)


class JointAttributes(nn.Module):
    """Attribute networks as one.

    Args:
        members: Of one kind: all or none with a presence head, a map of the lesion.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, images: torch.Tensor) -> Attributed:
        """Return maps and presences of (N, 3, H, W) normalised images."""
        given = [member(images) for member in self.members]
        maps = torch.stack([one.maps for one in given]).mean(0)
        return Attributed(maps, torch.stack([one.presences for one in given]).mean(0))


AnyAttributeNetwork = AttributeNetwork | JointAttributes
"""What gives `Attributed`."""
