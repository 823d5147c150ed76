"""The critic of SegAN: five global convolution blocks, whose features are compared.

Xue et al. 2018, section 1; Xue, Xu et al. 2018 (Neuroinformatics), arXiv:1706.01805.
"""

import itertools

import torch
from torch import nn

DEFAULT_CHANNELS = (64, 128, 256, 512, 512)


class GlobalConvolution(nn.Module):
    """A 9x9 field from two pairs of strips: (1x9, 9x1) + (9x1, 1x9), nothing in between."""

    def __init__(self, channels: int, out: int, *, length: int = 9) -> None:
        super().__init__()
        across, down = (1, length), (length, 1)
        row, column = (0, length // 2), (length // 2, 0)
        # Batch norm follows the sum, so that biases would be idle.
        self.rows_first = nn.Sequential(
            nn.Conv2d(channels, out, across, padding=row, bias=False),
            nn.Conv2d(out, out, down, padding=column, bias=False),
        )
        self.columns_first = nn.Sequential(
            nn.Conv2d(channels, out, down, padding=column, bias=False),
            nn.Conv2d(out, out, across, padding=row, bias=False),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return (N, out, H, W) for (N, channels, H, W)."""
        both: torch.Tensor = self.rows_first(features) + self.columns_first(features)
        return both


class CriticBlock(nn.Sequential):
    """Global convolution, batch norm, ReLU, 3x3 convolution of stride 2, batch norm, ReLU."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(
            GlobalConvolution(channels, out),
            nn.BatchNorm2d(out),
            nn.ReLU(inplace=True),
            nn.Conv2d(out, out, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(inplace=True),
        )


class Critic(nn.Module):
    """C of equation 1: hierarchical features of a masked photograph.

    Args:
        channels: Channels of each block; the paper leaves them open.
        input_scale: Also return the masked photograph itself, as scale 0.
    """

    def __init__(
        self, channels: tuple[int, ...] = DEFAULT_CHANNELS, *, input_scale: bool = False
    ) -> None:
        super().__init__()
        self.input_scale = input_scale
        sizes = (3, *channels)
        self.blocks = nn.ModuleList(
            CriticBlock(before, after) for before, after in itertools.pairwise(sizes)
        )

    def forward(self, masked: torch.Tensor) -> list[torch.Tensor]:
        """Return one (N, C, H / 2^i, W / 2^i) map per block for (N, 3, H, W) masked images."""
        scales = [masked] if self.input_scale else []
        for block in self.blocks:
            masked = block(masked)
            scales.append(masked)
        return scales
