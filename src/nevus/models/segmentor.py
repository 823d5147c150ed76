"""The segmentor: a plain U-Net decoder on any encoder (Ronneberger et al. 2015, arXiv:1505.04597).

With a VGG19 encoder and squeeze-and-excitation it is S of SegAN in Xue et al. 2018, section 1.
"""

import torch
from torch import nn
from torch.nn import functional

from nevus.models.encoders import Encoder

DEFAULT_CHANNELS = (256, 128, 64, 32)


class DecoderBlock(nn.Module):
    """Upsample, join the skip connection, convolve twice.

    Args:
        channels: Channels from below.
        skip: Channels of the skip connection.
        out: Channels out.
        separable: Depthwise separable convolutions: about eight times fewer multiplications.
    """

    def __init__(self, channels: int, skip: int, out: int, *, separable: bool = False) -> None:
        super().__init__()
        self.first = _convolution(channels + skip, out, separable=separable)
        self.second = _convolution(out, out, separable=separable)

    def forward(self, below: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """Return (N, out, H, W) for a skip connection of (N, skip, H, W)."""
        # The skip's own size, not a factor of two: sizes such as 296 are odd at some depth.
        above = functional.interpolate(below, size=skip.shape[-2:], mode="nearest")
        joined: torch.Tensor = self.second(self.first(torch.cat([above, skip], dim=1)))
        return joined


class UNet(nn.Module):
    """An encoder, its decoder and a 1x1 head.

    Args:
        encoder: Gives five feature maps from shallow to deep.
        decoder_channels: Channels of the four decoder blocks from deep to shallow.
        outputs: Maps to predict.
        separable: See `DecoderBlock`.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        decoder_channels: tuple[int, ...] = DEFAULT_CHANNELS,
        outputs: int = 1,
        separable: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        deepest, *skips = reversed(encoder.channels)
        blocks: list[nn.Module] = []
        for skip, out in zip(skips, decoder_channels, strict=True):
            blocks.append(DecoderBlock(deepest, skip, out, separable=separable))
            deepest = out
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Conv2d(deepest, outputs, 1)

    @property
    def pretrained_part(self) -> nn.Module:
        """What freezing holds fixed: the backbone, not its gates."""
        return self.encoder.backbone

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return (N, outputs, H, W) logits for (N, 3, H, W) normalised images."""
        height, width = images.shape[-2:]
        return self.decode(self.encoder(images), (height, width))

    def decode(self, features: list[torch.Tensor], size: tuple[int, int]) -> torch.Tensor:
        """Return (N, outputs, h, w) logits of `size` for the encoder's five feature maps."""
        current = features[-1]
        for block, skip in zip(self.blocks, reversed(features[:-1]), strict=True):
            current = block(current, skip)
        logits: torch.Tensor = self.head(current)
        if logits.shape[-2:] != size:
            logits = functional.interpolate(logits, size, mode="bilinear", align_corners=False)
        return logits


def _convolution(channels: int, out: int, *, separable: bool) -> nn.Sequential:
    layers: list[nn.Module]
    if separable:
        layers = [
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
            nn.Conv2d(channels, out, 1, bias=False),
        ]
    else:
        layers = [nn.Conv2d(channels, out, 3, padding=1, bias=False)]
    return nn.Sequential(*layers, nn.BatchNorm2d(out), nn.ReLU(inplace=True))
