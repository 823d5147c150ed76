"""What is wrong with a photograph, measured, each with the threshold it crossed."""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from nevus.analysis.cielab import convert_lab
from nevus.analysis.disturbances import (
    REFERENCE_SIDE,
    find_dark_corners,
    find_hair,
    find_inside,
    measure_blur,
)
from nevus.analysis.finite import Finite
from nevus.imaging.drawing import fit_within
from nevus.imaging.resizing import resize_mask

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Window = tuple[slice, slice]
Severity = Literal["info", "warning", "serious"]

BLUR_BELOW: Final = -1.35
DARK_BELOW: Final = 30.0
DARKEST_BELOW: Final = 18.0
BURNT_FROM: Final = 0.1
CORNERS_FROM: Final = 0.02
CORNERS_MUCH_FROM: Final = 0.25
HAIR_FROM: Final = 0.04
CUT_FROM: Final = 0.03
CUT_MUCH_FROM: Final = 0.25
TINY_BELOW: Final = 0.01
SMALL_BELOW: Final = 256
UNSEEN_FROM: Final = 0.25
UNSEEN_MUCH_FROM: Final = 0.5
"""Each is crossed by about one in a hundred of real dermoscopies or fewer, hair, dark corners and
lesions cut off apart, which are common; ``benchmarks/quality.py`` measures it."""

_BURNT_VALUE: Final = 250


class QualityFlag(Finite):
    """One thing wrong with a photograph.

    Attributes:
        code: A short stable word.
        severity: ``info``, ``warning`` or ``serious``.
        value: What was measured.
        threshold: What it was compared with.
        text: One plain sentence.
    """

    code: str
    severity: Severity
    value: float
    threshold: float
    text: str


def assess_quality(
    pixels: Pixels,
    mask: Mask | None = None,
    *,
    known: Sequence[QualityFlag] | None = None,
    window: Window | None = None,
) -> tuple[QualityFlag, ...]:
    """Return what is wrong with a photograph, worst first; empty where nothing is.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        mask: (H, W) bool, the lesion; None where it is not known: then nothing is said about it.
        known: What `assess_photograph` returned for these pixels; None: it is called.
        window: Rows and columns that the diagnosis is made from; None: all.

    Raises:
        ValueError: Photograph and mask differ in size.
    """
    if mask is not None and mask.shape != pixels.shape[:2]:
        raise ValueError(f"mask is {mask.shape}, photograph {pixels.shape[:2]}")
    flags = [*(assess_photograph(pixels) if known is None else known)]
    if mask is not None:
        flags += _assess_mask(mask)
        flags += _assess_place(mask, window)
    order = ("serious", "warning", "info")
    return tuple(sorted(flags, key=lambda flag: order.index(flag.severity)))


def assess_photograph(pixels: Pixels) -> tuple[QualityFlag, ...]:
    """Return what is wrong with a (H, W, 3) uint8 photograph, whatever lesion it shows."""
    return tuple(_assess_photograph(pixels))


def touches_border(mask: Mask) -> bool:
    """Return whether a (H, W) mask reaches the photograph's edge."""
    return bool(mask[[0, -1]].any() or mask[:, [0, -1]].any())


def share_cut_off(mask: Mask) -> float:
    """Return how much of the lesion's outline is the photograph's edge, [0, 1].

    Counted in pixels of the outline at a long side of 256; 0 for an empty mask.

    Args:
        mask: (H, W) bool.
    """
    small = _reduce_mask(mask)
    outline = small & ~binary_erosion(small, np.ones((3, 3), bool), border_value=0)
    edge = outline.copy()
    edge[1:-1, 1:-1] = False
    return float(edge.sum() / max(int(outline.sum()), 1))


def _assess_photograph(pixels: Pixels) -> Iterator[QualityFlag]:
    small = fit_within(pixels, REFERENCE_SIDE)
    lightness = convert_lab(small)[..., 0]
    corners = find_dark_corners(lightness)
    yield from _assess_size(pixels)
    yield from _assess_blur(lightness)
    yield from _assess_light(small, lightness, corners)
    yield from _assess_cover(corners, find_hair(lightness))


def _assess_size(pixels: Pixels) -> Iterator[QualityFlag]:
    height, width = pixels.shape[:2]
    if max(height, width) < SMALL_BELOW:
        yield QualityFlag(
            code="small_photograph",
            severity="warning",
            value=max(height, width),
            threshold=SMALL_BELOW,
            text=f"The photograph is very small, {width} x {height} pixels: fine structures are "
            "not in it.",
        )


def _assess_blur(lightness: NDArray[np.float32]) -> Iterator[QualityFlag]:
    blur = measure_blur(lightness, find_inside((lightness.shape[0], lightness.shape[1])))
    if blur < BLUR_BELOW:
        yield QualityFlag(
            code="blur",
            severity="warning",
            value=blur,
            threshold=BLUR_BELOW,
            text="The photograph looks blurred: attributes and their absence mean less.",
        )


def _assess_light(
    pixels: Pixels, lightness: NDArray[np.float32], corners: Mask
) -> Iterator[QualityFlag]:
    lit = ~corners
    middle = float(np.median(lightness[lit])) if lit.any() else 0.0
    if middle < DARK_BELOW:
        yield QualityFlag(
            code="under_exposed",
            severity="serious" if middle < DARKEST_BELOW else "warning",
            value=middle,
            threshold=DARK_BELOW,
            text=f"The photograph is dark: its median lightness is {middle:.0f} of 100.",
        )
    burnt = float((pixels.min(axis=2) >= _BURNT_VALUE)[lit].mean()) if lit.any() else 0.0
    if burnt >= BURNT_FROM:
        yield QualityFlag(
            code="over_exposed",
            severity="serious" if burnt >= 5 * BURNT_FROM else "warning",
            value=burnt,
            threshold=BURNT_FROM,
            text=f"{100 * burnt:.0f} % of the photograph is burnt out to white.",
        )


def _assess_cover(corners: Mask, hair: Mask) -> Iterator[QualityFlag]:
    dark = float(corners.mean())
    if dark >= CORNERS_FROM:
        yield QualityFlag(
            code="dark_corners",
            severity="warning" if dark >= CORNERS_MUCH_FROM else "info",
            value=dark,
            threshold=CORNERS_FROM,
            text=f"Dark corners cover {100 * dark:.0f} % of the photograph.",
        )
    covered = float(hair.mean())
    if covered >= HAIR_FROM:
        yield QualityFlag(
            code="hair",
            severity="warning",
            value=covered,
            threshold=HAIR_FROM,
            text=f"Hair covers about {100 * covered:.0f} % of the photograph and may be taken for "
            "structures.",
        )


def _assess_mask(mask: Mask) -> Iterator[QualityFlag]:
    share = float(mask.mean())
    if share == 0:
        yield QualityFlag(
            code="no_lesion",
            severity="serious",
            value=0.0,
            threshold=0.0,
            text="No lesion was found: the mask is empty.",
        )
        return
    if share < TINY_BELOW:
        yield QualityFlag(
            code="tiny_lesion",
            severity="warning",
            value=share,
            threshold=TINY_BELOW,
            text=f"The lesion is tiny, {100 * share:.2f} % of the photograph: measures are coarse.",
        )
    cut = share_cut_off(mask)
    if cut >= CUT_FROM:
        yield QualityFlag(
            code="lesion_cut_off",
            severity="serious" if cut >= CUT_MUCH_FROM else "warning",
            value=cut,
            threshold=CUT_FROM,
            text=f"The photograph's edge cuts the lesion off: {100 * cut:.0f} % of its outline "
            "lies there. Asymmetry, border and diameter are those of the visible part.",
        )


def _assess_place(mask: Mask, window: Window | None) -> Iterator[QualityFlag]:
    area = int(np.count_nonzero(mask))
    if window is None or area == 0:
        return
    unseen = 1 - np.count_nonzero(mask[window]) / area
    if unseen >= UNSEEN_FROM:
        yield QualityFlag(
            code="off_centre",
            severity="serious" if unseen >= UNSEEN_MUCH_FROM else "warning",
            value=unseen,
            threshold=UNSEEN_FROM,
            text=f"{100 * unseen:.0f} % of the lesion lies outside the middle square, which is all "
            "that the diagnosis is made from: crop the photograph around the lesion.",
        )


def _reduce_mask(mask: Mask) -> Mask:
    factor = REFERENCE_SIDE / max(mask.shape)
    if factor >= 1:
        return mask
    height, width = (max(1, round(side * factor)) for side in mask.shape)
    return resize_mask(mask, (height, width))
