"""A photograph as sixty hand-made numbers: its colours, texture and layout."""

import math
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, sobel

from nevus.analysis.cielab import convert_lab
from nevus.analysis.disturbances import find_dark_corners
from nevus.imaging.resizing import resize_image

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

LONG_SIDE: Final = 128
"""Features are taken at this size, so that the camera's resolution hardly matters."""

FRAME_FROM: Final = 0.25
"""Where black joined to the corners covers this share, it is an instrument's round frame."""

_SHORTEST: Final = 16
_LIT_FROM: Final = 0.1
_INSCRIBED: Final = math.sqrt(0.5)
_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
_SCALES: Final = (1, 2, 4, 8)
FEATURES: Final = (
    *(f"{channel}_q{round(100 * level)}" for channel in "Lab" for level in _QUANTILES),
    "chroma_q50",
    "chroma_q95",
    "share_grey",
    "share_green",
    "share_blue",
    "share_skin_hue",
    "hue_concentration",
    "ab_line",
    "ab_slope",
    "share_like_median",
    *(f"energy_{scale}" for scale in _SCALES),
    *(f"energy_drop_{scale}" for scale in _SCALES[1:]),
    "edge_q95_over_q50",
    "edge_axis_share",
    "edge_coherence",
    "edge_q99_over_q75",
    "flat_share",
    "energy_blocks_high",
    "energy_blocks_low",
    *(f"centre_minus_rim_{channel}" for channel in "Lab"),
    *(f"rim_spread_{channel}" for channel in "Lab"),
    *(f"rim_opposites_{channel}" for channel in "Lab"),
    "corners_minus_rim_L",
    "radial_fit_L",
    "dark_share",
    "dark_reach",
    "dark_contrast",
    "dark_border",
    "dark_chroma",
)
"""What each number of `dermoscopy_features` is, in order."""


def dermoscopy_features(pixels: Pixels) -> Floats:
    """Return the (N,) float32 numbers that `FEATURES` names, all finite.

    Colours in CIELAB: quantiles, hues, how far they lie on one line. Texture: energy of lightness
    at four scales, edges and their directions. Layout: centre against rim, opposite rims against
    each other, dark corners. Of a picture within an instrument's round black frame, what lies in
    the frame: many dermoscopes have one, and so has what is seen through a microscope.

    Args:
        pixels: (H, W, 3) uint8, RGB.
    """
    lab = convert_lab(_reduce(pixels))
    inside = _find_framed(lab[..., 0], (pixels.shape[0], pixels.shape[1]))
    if inside is not None:
        lab = convert_lab(_reduce(np.ascontiguousarray(pixels[inside])))
    parts = (*_colours(lab), *_texture(lab[..., 0]), *_layout(lab))
    return np.array(parts, np.float32)


def _find_framed(lightness: Floats, shape: tuple[int, int]) -> tuple[slice, slice] | None:
    """Return the part of (H, W) pixels that is inscribed in a round black frame, if there is one.

    Args:
        lightness: (h, w), of a smaller copy.
        shape: (H, W).
    """
    lit = ~find_dark_corners(lightness)
    if lit.mean() > 1 - FRAME_FROM:
        return None
    inside = []
    for axis, side in enumerate(shape):
        places = np.flatnonzero(lit.mean(axis=1 - axis) >= _LIT_FROM)
        if not len(places):
            return None
        middle = (places[0] + places[-1] + 1) / 2
        half = _INSCRIBED * (places[-1] + 1 - places[0]) / 2
        factor = side / lit.shape[axis]
        inside.append(slice(int((middle - half) * factor), math.ceil((middle + half) * factor)))
    return inside[0], inside[1]


def _reduce(pixels: Pixels) -> Pixels:
    factor = LONG_SIDE / max(pixels.shape[:2])
    # Enlarged too: a strip or a stamp must have a centre, a rim and corners.
    height, width = (max(_SHORTEST, round(side * factor)) for side in pixels.shape[:2])
    return resize_image(pixels, (height, width))


def _colours(lab: Floats) -> list[float]:
    flat = lab.reshape(-1, 3)
    quantiles = np.quantile(flat, _QUANTILES, axis=0)
    a, b = flat[:, 1], flat[:, 2]
    chroma = np.hypot(a, b)
    hue = np.arctan2(b, a)
    coloured = chroma > 5
    weight = float(chroma.sum()) + 1e-6
    spread = np.cov(a, b) + 1e-3 * np.eye(2)
    variances, axes = np.linalg.eigh(spread)
    near = np.linalg.norm(flat - np.median(flat, axis=0), axis=1) < 15
    return [
        *quantiles.T.ravel().tolist(),
        *np.quantile(chroma, (0.5, 0.95)).tolist(),
        float((~coloured).mean()),
        float((coloured & (np.abs(hue - 2.4) < 0.7)).mean()),
        float((coloured & (np.abs(hue + 1.6) < 0.9)).mean()),
        float((coloured & (hue > -0.35) & (hue < 1.4)).mean()),
        float(np.hypot(a.sum(), b.sum())) / weight,
        float(variances[1] / variances.sum()),
        float(abs(np.arctan2(axes[1, 1], axes[0, 1]) % np.pi - np.pi / 2)),
        float(near.mean()),
    ]


def _texture(lightness: Floats) -> list[float]:
    energies, before = [], lightness
    for scale in _SCALES:
        after = gaussian_filter(lightness, scale, mode="nearest")
        energies.append(math.log(float(np.std(before - after)) + 0.05))
        before = after
    drops = [right - left for left, right in pairwise(energies)]
    smooth = gaussian_filter(lightness, 1, mode="nearest")
    down, right = sobel(smooth, 0), sobel(smooth, 1)
    edge = np.hypot(down, right)
    middle, upper, high, highest = np.quantile(edge, (0.5, 0.75, 0.95, 0.99))
    angle = np.arctan2(down, right)
    total = float(edge.sum()) + 1e-6
    straight = np.abs(np.sin(2 * angle)) < 0.25
    doubled = np.hypot((edge * np.cos(2 * angle)).sum(), (edge * np.sin(2 * angle)).sum())
    return [
        *energies,
        *drops,
        math.log((float(high) + 0.5) / (float(middle) + 0.5)),
        float(edge[straight].sum()) / total,
        float(doubled) / total,
        math.log((float(highest) + 0.5) / (float(upper) + 0.5)),
        float((edge < 0.5).mean()),
        *_blocks(lightness - smooth),
    ]


def _blocks(fine: Floats) -> tuple[float, float]:
    """Return how far the liveliest and the quietest of 16 blocks lie from the middle one."""
    blocks = [
        part.std() for band in np.array_split(fine, 4, 0) for part in np.array_split(band, 4, 1)
    ]
    energies = np.sort(np.log(np.array(blocks) + 0.05))
    return float(energies[-2] - energies[8]), float(energies[8] - energies[1])


def _layout(lab: Floats) -> list[float]:
    height, width = lab.shape[:2]
    rows, columns = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    away = np.hypot(rows, columns).astype(np.float32)
    centre, rim, corner = away < 0.45, (away > 0.75) & (away < 1.05), away > 1.25
    middle, around = np.median(lab[centre], axis=0), np.median(lab[rim], axis=0)
    sides = [
        np.median(lab[rim & side], axis=0)
        for side in (
            (rows < -0.5) & (columns < 9),
            (rows > 0.5) & (columns < 9),
            (rows < 9) & (columns < -0.5),
            (rows < 9) & (columns > 0.5),
        )
    ]
    opposites = np.maximum(np.abs(sides[0] - sides[1]), np.abs(sides[2] - sides[3]))
    lightness = lab[..., 0]
    return [
        *(middle - around).tolist(),
        *lab[rim].std(axis=0).tolist(),
        *opposites.tolist(),
        float(np.median(lightness[corner]) - around[0]),
        _correlate(away, lightness),
        *_darkness(lab, away),
    ]


def _darkness(lab: Floats, away: Floats) -> list[float]:
    """Return what a lesion would be: the darker part within the rim, split halfway."""
    lightness = lab[..., 0]
    inner = away < 1.1
    low, high = np.quantile(lightness[inner], (0.05, 0.95))
    dark = lightness < (low + high) / 2
    inside, outside = inner & dark, inner & ~dark
    changes = (dark[1:] != dark[:-1]).sum() + (dark[:, 1:] != dark[:, :-1]).sum()
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    return [
        float(inside.sum() / inner.sum()),
        _mean(away, inside) - _mean(away, outside),
        float(high - low),
        math.log(1 + float(changes)) - 0.5 * math.log(1 + float(dark.sum())),
        _mean(chroma, inside) - _mean(chroma, outside),
    ]


def _mean(values: Floats, where: NDArray[np.bool_]) -> float:
    return float(values[where].mean()) if where.any() else 0.0


def _correlate(one: Floats, other: Floats) -> float:
    """Return the correlation, drawn to 0 where one of them hardly varies."""
    spread = np.cov(one.ravel(), other.ravel())
    deviation = np.sqrt(np.diag(spread)) + 1e-2
    return float(spread[0, 1] / (deviation[0] * deviation[1]))
