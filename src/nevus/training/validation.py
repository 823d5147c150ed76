"""Validation while training: the official task 1 metric at the run's own size."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nevus.data.cache import Cache
from nevus.imaging.drawing import draw_outline
from nevus.metrics.masks import Counts, dice, jaccard, threshold_jaccard
from nevus.training.distributed import Group
from nevus.training.journal import Values
from nevus.training.learner import Normalizer

TRUTH_COLOR, PREDICTION_COLOR = (0, 229, 255), (255, 214, 0)


def validate_segmentation(
    network: nn.Module,
    cache: Cache,
    indices: Sequence[int],
    normalizer: Normalizer,
    group: Group,
    *,
    batch_size: int = 8,
) -> Values:
    """Return mean threshold Jaccard, Jaccard and Dice of the masks at a threshold of 0.5.

    The masks compared are those of the cache: scores of record come from `nevus predict` and
    `nevus evaluate`, at each photograph's own size. Processes share the photographs.

    Returns:
        ``metric`` and ``threshold_jaccard`` (the same), ``jaccard``, ``dice``, ``n``.
    """
    network.eval()
    counts = torch.zeros(len(indices), 4, dtype=torch.float64)
    mine = range(group.rank, len(indices), group.world_size)
    for start in range(0, len(mine), batch_size):
        rows = list(mine[start : start + batch_size])
        places = [indices[row] for row in rows]
        images = torch.from_numpy(cache.images[places]).permute(0, 3, 1, 2)
        with torch.inference_mode():
            logits = network(normalizer.images(images))[:, 0].cpu()
        truth = torch.from_numpy(cache.masks[places]).bool()
        counts[rows] = _count(truth, logits > 0)
    counts = group.sum(counts.to(torch.float32).to(group.device)).cpu()
    every = [Counts(*(int(value) for value in row)) for row in counts.tolist()]
    scores = {
        "threshold_jaccard": float(np.mean([threshold_jaccard(c) for c in every])),
        "jaccard": float(np.mean([jaccard(c) for c in every])),
        "dice": float(np.mean([dice(c) for c in every])),
    }
    return {"metric": scores["threshold_jaccard"], **scores, "n": len(every)}


def draw_samples(
    network: nn.Module,
    cache: Cache,
    indices: Sequence[int],
    normalizer: Normalizer,
    *,
    count: int = 8,
) -> list[NDArray[np.uint8]]:
    """Return (H, W, 3) overlays of the first few of `indices`: truth cyan, prediction yellow."""
    network.eval()
    drawn = []
    for place in indices[:count]:
        images = torch.from_numpy(cache.images[[place]]).permute(0, 3, 1, 2)
        with torch.inference_mode():
            prediction = (network(normalizer.images(images))[0, 0] > 0).cpu().numpy()
        outlined = draw_outline(cache.images[place], cache.masks[place] > 0, TRUTH_COLOR)
        drawn.append(draw_outline(outlined, prediction, PREDICTION_COLOR))
    return drawn


def _count(truth: torch.Tensor, prediction: torch.Tensor) -> torch.Tensor:
    parts = (truth & prediction, ~truth & prediction, truth & ~prediction, ~truth & ~prediction)
    return torch.stack([part.flatten(1).sum(1) for part in parts], dim=1).double()
