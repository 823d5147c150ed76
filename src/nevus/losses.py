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


def present_dice(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return 1 - soft Dice over the maps whose target is not empty; shapes as in `cross_entropy`.

    An attribute that is absent from most photographs would else be learnt as always absent.
    A photograph whose maps are all empty costs 0. The sum is divided by the number of all maps.
    """
    probability = torch.sigmoid(logits).flatten(2)
    target = target.flatten(2)
    present = (target.sum(2) > 0).to(target.dtype)
    overlap = (probability * target).sum(2)
    total = probability.square().sum(2) + target.square().sum(2)
    return ((1 - (2 * overlap + EPSILON) / (total + EPSILON)) * present).mean(1)


def focal(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the focal loss with gamma 2 (Lin et al. 2017, arXiv:1708.02002, equation 4).

    Shapes as in `cross_entropy`.
    """
    pixels = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    surprise = torch.abs(target - torch.sigmoid(logits)).square()
    return (surprise * pixels).flatten(1).mean(1)


LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "cross_entropy": cross_entropy,
    "dice": dice,
    "jaccard": jaccard,
    "present_dice": present_dice,
    "focal": focal,
}
"""Each value: ``(logits, target) -> (N,)``, joined to the graph."""


def sum_overlaps(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return (3, C) soft sums over a batch's photographs and pixels: overlap, union, truth.

    Shares of the photograph are summed, as the official task 2 score sums them. Shapes as in
    `cross_entropy`.
    """
    probability = torch.sigmoid(logits).flatten(2)
    target = target.flatten(2)
    overlap = (probability * target).mean(2).sum(0)
    truth = target.mean(2).sum(0)
    return torch.stack([overlap, probability.mean(2).sum(0) + truth - overlap, truth])


def pooled_jaccard(sums: torch.Tensor) -> torch.Tensor:
    """Return 1 - soft pooled Jaccard of a batch, over all maps together; a scalar in [0, 1].

    What the official task 2 score measures, with probabilities for masks.

    Args:
        sums: (3, C), as `sum_overlaps` gives them.
    """
    return 1 - (sums[0].sum() + EPSILON) / (sums[1].sum() + EPSILON)


def pooled_jaccard_each(sums: torch.Tensor) -> torch.Tensor:
    """Return the mean over maps that the batch holds of 1 - soft Jaccard over the batch.

    Rare attributes weigh as much as frequent ones; one that no photograph of the batch shows is
    left to the other losses. Argument as in `pooled_jaccard`.
    """
    held = (sums[2] > 0).to(sums.dtype)
    each = 1 - (sums[0] + EPSILON) / (sums[1] + EPSILON)
    return (each * held).sum() / held.sum().clamp(min=1)


POOLED_LOSSES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "pooled_jaccard": pooled_jaccard,
    "pooled_jaccard_each": pooled_jaccard_each,
}
"""Each value: ``(3, C) sums of a whole batch -> scalar``, joined to the graph."""


def multi_scale_l1(first: Sequence[torch.Tensor], second: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the multi-scale mean absolute error of two feature pyramids, a scalar.

    Equation 2 of Xue et al. 2018: the mean within each scale, then over the L scales, so that
    every scale weighs the same.
    """
    scales = [functional.l1_loss(a, b) for a, b in zip(first, second, strict=True)]
    return torch.stack(scales).mean()


def class_cross_entropy(
    logits: torch.Tensor,
    target: torch.Tensor,
    *,
    adjustment: torch.Tensor | None = None,
    smoothing: float = 0.0,
) -> torch.Tensor:
    """Return the cross-entropy over classes.

    Args:
        logits: (N, K), unbounded.
        target: (N,) int64 in [0, K), or (N, K) probabilities.
        adjustment: (K,), added to the logits: log shares of what is shown make plain logits
            predict as if all classes were equally frequent (Menon et al. 2021, equation 10).
        smoothing: Share of the target spread evenly over all classes.

    Returns:
        (N,), one value per photograph.
    """
    if adjustment is not None:
        logits = logits + adjustment
    return functional.cross_entropy(logits, target, reduction="none", label_smoothing=smoothing)


def triplet(
    anchor: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor, margin: float
) -> torch.Tensor:
    """Return max(0, d(a, p) + margin - d(a, n)) with d the squared Euclidean distance.

    Equation 4 of Xue et al. 2018, its misprinted last norm put right.

    Args:
        anchor: (N, E).
        positive: (N, E), of the anchors' classes.
        negative: (N, E), of other classes.
        margin: At least 0.

    Returns:
        (N,), one value per triplet; 0 where the triplet is satisfied.
    """
    near = (anchor - positive).square().sum(1)
    far = (anchor - negative).square().sum(1)
    return torch.relu(near + margin - far)
