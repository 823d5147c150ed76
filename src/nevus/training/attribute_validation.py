"""Validation of an attribute network: pooled Jaccard, thresholds that serve it best."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from nevus.data.cache import Cache, unpack_masks
from nevus.imaging.drawing import draw_outline
from nevus.imaging.palette import ATTRIBUTE_COLORS
from nevus.imaging.views import UPRIGHT, View
from nevus.labels import ATTRIBUTES
from nevus.metrics.thresholds import BINS, Histograms, Rules, fit_rules, pooled_jaccard
from nevus.models.joint import AnyAttributeNetwork
from nevus.models.turning import turn, turn_back
from nevus.training.distributed import Group
from nevus.training.learner import Normalizer
from nevus.training.workload import Validation


def validate_attributes(
    network: AnyAttributeNetwork,
    cache: Cache,
    indices: Sequence[int],
    normalizer: Normalizer,
    group: Group,
    *,
    views: tuple[View, ...] = (UPRIGHT,),
    batch_size: int = 8,
) -> Validation:
    """Return scores at the cache's size; those of record come from `nevus evaluate`.

    Thresholds, smallest areas and presence thresholds are fitted on these photographs; the score
    ``crossfitted`` fits them on one half and scores the other, both ways, and is ``metric``.

    Returns:
        scores ``pooled_jaccard`` (fitted for it), ``crossfitted``, ``pooled_jaccard_each`` and
        ``jaccard_<attribute>`` (fitted for each attribute's own), ``half`` (all thresholds 0.5),
        ``n``; fitted ``rules`` of both kinds.
    """
    histograms = collect_histograms(
        network, cache, indices, normalizer, group, views=views, batch_size=batch_size
    )
    rules = fit_rules(histograms)
    half = fit_rules(histograms.select(slice(0, None, 2)))
    other = fit_rules(histograms.select(slice(1, None, 2)))
    crossed = histograms.select(slice(1, None, 2)).count(half)
    crossed = crossed + histograms.select(slice(0, None, 2)).count(other)
    counts = histograms.count(rules)
    own = fit_rules(histograms, pooled=False)
    own_counts = histograms.count(own)
    scores = {
        "pooled_jaccard": pooled_jaccard(counts),
        "crossfitted": pooled_jaccard(crossed),
        "pooled_jaccard_each": pooled_jaccard(own_counts),
        "half": pooled_jaccard(histograms.count(Rules.plain(0.5))),
    }
    for place, name in enumerate(ATTRIBUTES):
        scores[f"jaccard_{name}"] = pooled_jaccard(own_counts[place : place + 1])
    values = {"metric": scores["crossfitted"], **scores, "n": len(indices)}
    fitted = {"pooled": rules.to_json(), "each": own.to_json(), "n": len(indices)}
    return Validation(values, fitted={"rules": fitted})


def collect_histograms(
    network: AnyAttributeNetwork,
    cache: Cache,
    indices: Sequence[int],
    normalizer: Normalizer,
    group: Group,
    *,
    views: tuple[View, ...] = (UPRIGHT,),
    batch_size: int = 8,
) -> Histograms:
    """Return per photograph and attribute how probabilities are spread, inside and outside.

    Probabilities are means over `views`, as prediction averages them.
    """
    network.eval()
    count = len(ATTRIBUTES)
    width = 2 * BINS * count + count
    rows = torch.zeros(len(indices), width, dtype=torch.float32)
    mine = range(group.rank, len(indices), group.world_size)
    for start in range(0, len(mine), batch_size):
        chosen = list(mine[start : start + batch_size])
        places = [indices[row] for row in chosen]
        images = torch.from_numpy(cache.images[places]).permute(0, 3, 1, 2)
        probability, present = average_views(network, normalizer.images(images), views)
        for row, place, part, said in zip(chosen, places, probability, present, strict=True):
            truth = unpack_masks(cache.masks[place], count).astype(bool)
            spread = _spread(part, truth)
            known = said if said.size else np.ones(count)
            rows[row] = torch.from_numpy(np.concatenate([spread.ravel(), known]))
    every = group.sum(rows.to(group.device)).cpu().numpy().astype(np.float64)
    spreads = every[:, :-count].reshape(len(indices), count, 2, BINS)
    return Histograms(spreads, every[:, -count:])


def average_views(
    network: AnyAttributeNetwork, images: torch.Tensor, views: tuple[View, ...]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (N, 5, H, W) maps and (N, 5) or (N, 0) presences, probabilities averaged over views.

    Args:
        network: In evaluation mode.
        images: (N, 3, H, W), normalised.
        views: How they are mirrored and turned.
    """
    maps, presences = [], []
    with torch.inference_mode():
        for view in views:
            given = network(turn(images, view))
            seen = torch.sigmoid(given.maps[:, : len(ATTRIBUTES)].float())
            maps.append(turn_back(seen, view))
            presences.append(torch.sigmoid(given.presences.float()))
    mean = torch.stack(maps).mean(0), torch.stack(presences).mean(0)
    return mean[0].cpu().numpy(), mean[1].cpu().numpy()


def _spread(probability: NDArray[np.float32], truth: NDArray[np.bool_]) -> NDArray[np.float32]:
    bins = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    spread = np.zeros((len(ATTRIBUTES), 2, BINS), np.float32)
    for place in range(len(ATTRIBUTES)):
        for side in (0, 1):
            inside = truth[place] == bool(side)
            spread[place, side] = np.bincount(bins[place][inside], minlength=BINS)
    # Shares of the photograph: the official metric lets every photograph weigh the same.
    return spread / np.float32(truth[0].size)


def draw_attribute_samples(
    network: AnyAttributeNetwork,
    cache: Cache,
    indices: Sequence[int],
    normalizer: Normalizer,
    *,
    count: int = 8,
) -> list[NDArray[np.uint8]]:
    """Return (H, 2 W, 3) overlays in the five colours: truth left, prediction at 0.5 right."""
    network.eval()
    drawn = []
    for place in indices[:count]:
        images = torch.from_numpy(cache.images[[place]]).permute(0, 3, 1, 2)
        with torch.inference_mode():
            maps = network(normalizer.images(images)).maps[0, : len(ATTRIBUTES)]
        truth = unpack_masks(cache.masks[place], len(ATTRIBUTES)).astype(bool)
        predicted = (maps > 0).cpu().numpy()
        sides = [_outline(cache.images[place], masks) for masks in (truth, predicted)]
        drawn.append(np.concatenate(sides, axis=1))
    return drawn


def _outline(pixels: NDArray[np.uint8], masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    for mask, name in zip(masks, ATTRIBUTES, strict=True):
        pixels = draw_outline(pixels, mask, ATTRIBUTE_COLORS[name])
    return pixels
