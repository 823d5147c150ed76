"""Encoders: any timm backbone as a pyramid of features, with optional squeeze-and-excitation."""

from typing import Any

import timm
import torch
from timm.models import FeatureListNet
from torch import nn

from nevus.errors import RecipeError

STAGES = 5


class SqueezeExcite(nn.Module):
    """Channel gates from globally pooled features (Hu et al. 2018, arXiv:1709.01507).

    Args:
        channels: Channels in and out.
        reduction: How many times narrower the bottleneck is.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        narrow = max(channels // reduction, 4)
        self.squeeze = nn.Conv2d(channels, narrow, 1)
        self.excite = nn.Conv2d(narrow, channels, 1)
        # Gates near 0.9 at the start: pretrained features pass almost unchanged, where gates of
        # 0.5 would shrink them 32 times over five stages.
        # (A convolution may be declared without a bias; this one has it.)
        nn.init.constant_(self.excite.bias, 2.0)  # type: ignore[arg-type]

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return (N, C, H, W) features, each channel scaled by its gate in (0, 1)."""
        pooled = features.mean(dim=(2, 3), keepdim=True)
        gates: torch.Tensor = torch.sigmoid(self.excite(torch.relu(self.squeeze(pooled))))
        return features * gates


class Encoder(nn.Module):
    """The first five feature stages of a timm backbone, from shallow to deep.

    In backbones that timm runs as one sequence (VGG, ResNet, ...) each gate stands in line: the
    next stage sees gated features, as in the paper. In others (EfficientNet, ...) the gates act
    on what the decoder receives.

    Args:
        name: A timm model name.
        squeeze_excite: Reduction of the gates; 0 for none.

    Raises:
        RecipeError: timm has no such model, or it gives no feature pyramid.
    """

    def __init__(self, name: str, *, squeeze_excite: int = 0) -> None:
        super().__init__()
        self.name = name
        self.backbone = _build_backbone(name)
        info: Any = self.backbone.feature_info
        self.channels: tuple[int, ...] = tuple(info.channels())
        self.reductions: tuple[int, ...] = tuple(info.reduction())
        self.gates = nn.ModuleList(
            SqueezeExcite(channels, squeeze_excite) if squeeze_excite else nn.Identity()
            for channels in self.channels
        )

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return one (N, C, H / r, W / r) tensor per stage for (N, 3, H, W) images."""
        if not isinstance(self.backbone, FeatureListNet):
            outputs = self.backbone(images)
            return [gate(output) for gate, output in zip(self.gates, outputs, strict=True)]
        features: list[torch.Tensor] = []
        for name, module in self.backbone.items():
            images = module(images)
            if name in self.backbone.return_layers:
                images = self.gates[len(features)](images)
                features.append(images)
        return features


def _build_backbone(name: str) -> nn.Module:
    if not timm.is_model(name):
        near = timm.list_models(f"*{name.split('_')[-1]}*")[:5]
        raise RecipeError(
            f"timm has no model {name!r}",
            hint=f"near: {', '.join(near)}" if near else "see timm.list_models()",
        )
    try:
        backbone: nn.Module = timm.create_model(
            name, pretrained=False, features_only=True, out_indices=tuple(range(STAGES))
        )
    except (RuntimeError, AssertionError, IndexError, AttributeError) as error:
        raise RecipeError(f"timm's {name} gives no pyramid of {STAGES} features") from error
    info: Any = backbone.feature_info
    reductions = list(info.reduction())
    if reductions != sorted(set(reductions)):
        # Transformers that see one grid of patches from first to last.
        raise RecipeError(
            f"timm's {name} gives no pyramid: its {STAGES} features are reduced {reductions} times",
            hint="network.encoder takes convolutional networks, such as resnet50",
        )
    return backbone
