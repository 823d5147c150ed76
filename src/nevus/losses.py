"""Differentiable losses, one value per photograph, so that hard mining can choose among them."""

from collections.abc import Callable, Sequence

import torch
from torch.nn import functional

EPSILON = 1e-6


def cross_entropy(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the pixel-wise binary cross-entropy.

    Args:
        logits: (N, C, H, W), unbounded.
        target: (N, C, H, W) in [0, 1].

    Returns:
        (N,), the mean over each photograph's pixels and maps.
    """
    pixels = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return pixels.flatten(1).mean(1)


def dice(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return 1 - soft Dice, with squared terms in the denominator as in the authors' code.

    2 sum(pt) / (sum p^2 + sum t^2) per map; shapes as in `cross_entropy`; values in [0, 1].
    """
    probability = torch.sigmoid(logits).flatten(2)
    target = target.flatten(2)
    overlap = (probability * target).sum(2)
    total = probability.square().sum(2) + target.square().sum(2)
    return (1 - (2 * overlap + EPSILON) / (total + EPSILON)).mean(1)


def jaccard(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return 1 - soft Jaccard per photograph; shapes as in `cross_entropy`; in [0, 1]."""
    probability = torch.sigmoid(logits).flatten(2)
    target = target.flatten(2)
    overlap = (probability * target).sum(2)
    union = probability.sum(2) + target.sum(2) - overlap
    return (1 - (overlap + EPSILON) / (union + EPSILON)).mean(1)


LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "cross_entropy": cross_entropy,
    "dice": dice,
    "jaccard": jaccard,
}
"""Each value: ``(logits, target) -> (N,)``, joined to the graph."""


def multi_scale_l1(first: Sequence[torch.Tensor], second: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the multi-scale mean absolute error of two feature pyramids, a scalar.

    Equation 2 of Xue et al. 2018: the mean within each scale, then over the L scales, so that
    every scale weighs the same.
    """
    scales = [functional.l1_loss(a, b) for a, b in zip(first, second, strict=True)]
    return torch.stack(scales).mean()
