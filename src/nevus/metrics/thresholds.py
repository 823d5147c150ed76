"""Rules that turn attribute probabilities into masks, fitted for the pooled Jaccard. numpy only.

A pixel belongs to an attribute's mask from a threshold on; the mask is kept if it is large enough
and, where a network says so, the attribute likely enough to be there at all. All three are chosen
per attribute from how probabilities are spread, without another look at the photographs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nevus.labels import ATTRIBUTES

Floats = NDArray[np.float64]
BINS: Final = 64
"""Of probabilities, of equal width in [0, 1]; thresholds are their edges."""

AREAS: Final = (0.0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
"""Smallest areas tried, as shares of the photograph."""

PRESENCES: Final = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
"""Smallest presence probabilities tried."""

ROUNDS: Final = 3


@dataclass(frozen=True)
class Rules:
    """How probabilities become masks, one value for each attribute.

    Attributes:
        thresholds: A pixel is inside from this probability on, in [0, 1].
        areas: Smaller masks are emptied, as shares of the photograph.
        presences: Masks of attributes less likely to be there are emptied, in [0, 1].
    """

    thresholds: tuple[float, ...]
    areas: tuple[float, ...]
    presences: tuple[float, ...]

    @classmethod
    def plain(cls, threshold: float) -> "Rules":
        """Return one threshold for all attributes and no other rule."""
        count = len(ATTRIBUTES)
        return cls((threshold,) * count, (0.0,) * count, (0.0,) * count)

    def to_json(self) -> dict[str, list[float]]:
        """Return the values for a checkpoint."""
        return {name: list(values) for name, values in vars(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Rules":
        """Return what `to_json` gave."""
        return cls(*(tuple(values[name]) for name in ("thresholds", "areas", "presences")))

    def apply(self, probability: NDArray[np.float32], presences: Floats) -> NDArray[np.bool_]:
        """Return (5, H, W) masks of (5, H, W) probabilities and (5,) presence probabilities."""
        masks = probability >= np.array(self.thresholds, np.float32)[:, None, None]
        kept = (masks.mean(axis=(1, 2)) >= self.areas) & (presences >= self.presences)
        chosen: NDArray[np.bool_] = masks & kept[:, None, None]
        return chosen


@dataclass(frozen=True)
class Histograms:
    """How probabilities are spread over pixels outside and inside the truth.

    Attributes:
        spreads: (N, 5, 2, BINS), shares of each photograph; index 1 of the third axis is inside.
        presences: (N, 5) presence probabilities; 1 where nobody says.
    """

    spreads: Floats
    presences: Floats

    def select(self, chosen: slice) -> "Histograms":
        """Return those of some photographs."""
        return Histograms(self.spreads[chosen], self.presences[chosen])

    def count(self, rules: Rules) -> Floats:
        """Return (5, 3) sums over photographs: true positives, false positives, false negatives."""
        return np.stack(
            [
                self.count_one(place, threshold, area, presence)
                for place, (threshold, area, presence) in enumerate(
                    zip(rules.thresholds, rules.areas, rules.presences, strict=True)
                )
            ]
        )

    def count_one(self, place: int, threshold: float, area: float, presence: float) -> Floats:
        """Return (3,) sums for one attribute."""
        first = round(threshold * BINS)
        above = self.spreads[:, place, :, first:].sum(axis=2)
        kept = (above.sum(axis=1) >= area) & (self.presences[:, place] >= presence)
        inside = self.spreads[:, place, 1].sum()
        hits = float((above[:, 1] * kept).sum())
        return np.array([hits, float((above[:, 0] * kept).sum()), float(inside) - hits])


def pooled_jaccard(counts: Floats) -> float:
    """Return TP / (TP + FP + FN) of (..., 3) counts summed over all else; 1 if there are none."""
    tp, fp, fn = counts.reshape(-1, 3).sum(axis=0)
    return float(tp / (tp + fp + fn)) if tp + fp + fn > 0 else 1.0


def fit_rules(
    histograms: Histograms, *, pooled: bool = True, presences: Sequence[float] = PRESENCES
) -> Rules:
    """Return the rules of highest Jaccard, found attribute by attribute in a few rounds.

    Args:
        histograms: Of validation photographs.
        pooled: For the challenge's score, over all attributes together, which rather never finds
            a rare attribute than finds it wrongly; else for each attribute's own Jaccard.
        presences: Presence thresholds to choose among; with (0,) no presence empties a mask.
    """
    rules = [(1 / 3, 0.0, 0.0)] * len(ATTRIBUTES)
    for _ in range(ROUNDS):
        for place in range(len(ATTRIBUTES)):
            rest = sum(
                histograms.count_one(other, *rules[other])
                for other in range(len(ATTRIBUTES))
                if pooled and other != place
            )
            rules[place] = _choose(histograms, place, np.asarray(rest), presences)
    thresholds, areas, presences = zip(*rules, strict=True)
    return Rules(tuple(thresholds), tuple(areas), tuple(presences))


def _choose(
    histograms: Histograms, place: int, rest: Floats, presences: Sequence[float]
) -> tuple[float, float, float]:
    """Return the best of all combinations for one attribute, `rest` (3,) or 0 being the others'."""
    spreads = histograms.spreads[:, place]
    # above[n, side, k]: what lies at or above edge k; edge 0 would be everything.
    above = np.flip(np.cumsum(np.flip(spreads, axis=2), axis=2), axis=2)[:, :, 1:]
    inside = spreads[:, 1].sum()
    large = above.sum(axis=1)
    best, found = -1.0, (0.5, 0.0, 0.0)
    for area in AREAS:
        for presence in presences:
            kept = (large >= area) & (histograms.presences[:, place] >= presence)[:, None]
            hits, wrong = (above[:, 1] * kept).sum(axis=0), (above[:, 0] * kept).sum(axis=0)
            counts = np.stack([hits, wrong, inside - hits], axis=1) + rest
            total = counts.sum(axis=1)
            scores = np.divide(counts[:, 0], total, out=np.ones_like(total), where=total > 0)
            edge = int(np.argmax(scores))
            if scores[edge] > best:
                best, found = float(scores[edge]), ((edge + 1) / BINS, area, presence)
    return found
