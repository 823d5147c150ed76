"""The diagnosis network: backbone, 256-d embedding, seven logits (Xue et al. 2018, section 3)."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import timm
import torch
from torch import nn
from torch.nn import functional

from nevus.errors import RecipeError
from nevus.labels import DIAGNOSES


class Diagnosed(NamedTuple):
    """What the network gives.

    Attributes:
        embedding: (N, E), of unit length if the network normalises.
        logits: (N, 7), in the order of `nevus.labels.DIAGNOSES`.
    """

    embedding: torch.Tensor
    logits: torch.Tensor


class DiagnosisNetwork(nn.Module):
    """Pooled features of a timm backbone, a linear embedding, a linear classifier.

    Args:
        backbone: Gives (N, F) pooled features.
        features: F.
        embedding: Dimensions of the embedding.
        normalize: Scale embeddings to unit length, for distances; logits see them unscaled.
        dropout: Share of pooled features dropped while training.
        members: Equal parts of the features, each with its part of the embedding, scaled on its
            own; distances are then the root mean square of the parts' distances.
    """

    def __init__(
        self,
        backbone: nn.Module,
        features: int,
        *,
        embedding: int = 256,
        normalize: bool = True,
        dropout: float = 0.0,
        members: int = 1,
    ) -> None:
        super().__init__()
        self.members = members
        self.backbone = backbone
        self.dropout = nn.Dropout(dropout)
        self.embedding: nn.Linear | PartedLinear = (
            nn.Linear(features, embedding)
            if members == 1
            else PartedLinear(features, embedding, members)
        )
        self.classifier = nn.Linear(embedding, len(DIAGNOSES))
        self.normalize = normalize

    @property
    def pretrained_part(self) -> nn.Module:
        """What freezing holds fixed."""
        return self.backbone

    def forward(self, images: torch.Tensor) -> Diagnosed:
        """Return embeddings and logits of (N, 3, H, W) normalised images."""
        return self.judge(self.backbone(images))

    def judge(self, features: torch.Tensor) -> Diagnosed:
        """Return embeddings and logits of (N, F) pooled features."""
        embedding = self.embedding(self.dropout(features))
        logits = self.classifier(embedding)
        if self.normalize:
            embedding = self._scale(embedding.float()).to(embedding.dtype)
        return Diagnosed(embedding, logits)

    def weigh_features(self) -> torch.Tensor:
        """Return (7, F): what a unit of each pooled feature adds to each logit."""
        # A parted weight has two axes of length one more.
        embedding = self.embedding.weight.flatten(1).chunk(self.members)
        classifier = self.classifier.weight.chunk(self.members, dim=1)
        pairs = zip(classifier, embedding, strict=True)
        return torch.cat([one @ other for one, other in pairs], dim=1)

    def _scale(self, embedding: torch.Tensor) -> torch.Tensor:
        if self.members == 1:
            return functional.normalize(embedding, dim=1)
        rows = embedding.reshape(-1, self.members, embedding.shape[1] // self.members)
        parts = functional.normalize(rows, dim=2)
        return parts.flatten(1) / math.sqrt(self.members)


class PartedLinear(nn.Conv2d):
    """Linear layers side by side: each part of what is given goes through one of its own.

    A grouped convolution of one place: unlike a block-diagonal matrix it stores no zeros.

    Args:
        features: Of all parts together.
        outputs: Of all parts together.
        parts: How many.
    """

    def __init__(self, features: int, outputs: int, parts: int) -> None:
        super().__init__(features, outputs, 1, groups=parts)
        self.out_features = outputs

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return (N, outputs) for (N, features)."""
        return super().forward(features[:, :, None, None]).flatten(1)


class SideBySide(nn.Module):
    """Backbones that see the same photograph; their features in a row.

    Args:
        members: Each gives (N, F) pooled features, and (N, F, h, w) as `forward_features`.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return (N, M F) pooled features."""
        return torch.cat([member(images) for member in self.members], dim=1)

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        """Return (N, M F, h, w) features."""
        members: Any = self.members
        return torch.cat([member.forward_features(images) for member in members], dim=1)


def build_backbone(
    name: str, *, stride_first: bool, drop_path: float = 0.0
) -> tuple[nn.Module, int]:
    """Return a timm backbone without its classifier, and how many features it gives.

    Args:
        name: A timm model name.
        stride_first: Put the strides of a bottleneck ResNet into its first 1x1 convolution, as in
            He et al. 2015 and in weights that come from Keras or Caffe.
        drop_path: Share of residual branches left out while training.

    Raises:
        RecipeError: timm has no such model, it is no bottleneck ResNet where strides must move, or
            it has no branches to leave out.
    """
    if not timm.is_model(name):
        raise RecipeError(f"timm has no model {name!r}", hint="see timm.list_models()")
    more: dict[str, Any] = {"drop_path_rate": drop_path} if drop_path else {}
    try:
        backbone = timm.create_model(name, pretrained=False, num_classes=0, **more)
    except TypeError as error:
        raise RecipeError(
            f"{name} knows no network.drop_path", hint="--set network.drop_path=0"
        ) from error
    if stride_first:
        _move_strides(backbone, name)
    features: Any = backbone.num_features
    return backbone, int(features)


def _move_strides(backbone: nn.Module, name: str) -> None:
    for stage in ("layer2", "layer3", "layer4"):
        blocks = getattr(backbone, stage, None)
        first: Any = blocks[0] if isinstance(blocks, nn.Sequential) else None
        if first is None or not hasattr(first, "conv3"):
            raise RecipeError(
                f"network.stride_first is for bottleneck ResNets, {name} is none",
                hint="--set network.stride_first=false",
            )
        first.conv1.stride, first.conv2.stride = (2, 2), (1, 1)
