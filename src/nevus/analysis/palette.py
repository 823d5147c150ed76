"""The six clinical colours of the ABCD rule, found in CIELAB."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nevus.analysis.cielab import convert_lab

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

COLOURS: Final[Mapping[str, tuple[float, float, float]]] = MappingProxyType(
    {
        "white": (88, 3, 5),
        "red": (48, 40, 18),
        "light_brown": (55, 18, 25),
        "dark_brown": (32, 15, 16),
        "blue_grey": (46, 4, -5),
        "black": (12, 4, 2),
    }
)
"""Colour to its reference, CIELAB. The six names are those of Stolz et al. 1994, who judged by
eye; the references are nevus's own, laid among the colours of 420 lesions of seven diagnoses."""

SKIN: Final = (14.0, 14.0)
"""a* and b* that the skin around the lesion is shifted to: takes off the camera's colour cast."""

FARTHEST: Final = 25.0
"""CIE 1976 colour difference beyond which a pixel has none of the six."""

COUNTED_FROM: Final = 0.05
"""A colour counts where it covers at least this share of the lesion."""

_MOST_PIXELS: Final = 60_000
_LEAST_SKIN: Final = 0.05
_DARKEST_SKIN: Final = 25.0


def share_colours(pixels: NDArray[np.uint8], mask: Mask) -> tuple[dict[str, float], bool]:
    """Return the share of a lesion's pixels that have each colour, and whether skin was found.

    A pixel has the colour of the nearest reference within `FARTHEST`. Before that a* and b* are
    shifted so that the median of the skin around the lesion becomes `SKIN`; where less than a
    twentieth of the photograph is skin, colours are taken as they are.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        mask: (H, W) bool, not empty.

    Returns:
        Shares in the order of `COLOURS`, their sum below 1 where pixels are near none; and whether
        there was skin to correct by. A grey photograph has no colours: all shares are 0.
    """
    pixels, mask = _thin(pixels, mask)
    if np.array_equal(pixels[..., 0], pixels[..., 1]) and np.array_equal(
        pixels[..., 1], pixels[..., 2]
    ):
        return dict.fromkeys(COLOURS, 0.0), False
    lesion, outside = convert_lab(pixels[mask]), convert_lab(pixels[~mask])
    around = outside[outside[:, 0] > _DARKEST_SKIN]
    has_skin = _skin_share(mask, outside, around) >= _LEAST_SKIN
    if has_skin:
        lesion[:, 1:] += np.array(SKIN, np.float32) - np.median(around[:, 1:], axis=0)
    nearest = _find_nearest(lesion)
    counts = np.bincount(nearest, minlength=len(COLOURS) + 1)
    shares = {name: float(counts[place] / len(lesion)) for place, name in enumerate(COLOURS)}
    return shares, has_skin


def _find_nearest(lab: Floats) -> NDArray[np.intp]:
    """Return the place in `COLOURS` of each colour's reference, their number for none near it."""
    # One reference after the other: all at once would take six times the room, and longer.
    channels = np.ascontiguousarray(lab.T)
    closest = np.full(len(lab), FARTHEST, np.float32)
    nearest = np.full(len(lab), len(COLOURS))
    for place, reference in enumerate(np.array(list(COLOURS.values()), np.float32)):
        squares = [
            (channel - value) ** 2 for channel, value in zip(channels, reference, strict=True)
        ]
        apart = np.sqrt(squares[0] + squares[1] + squares[2])
        # The first of equals is kept, and a colour that lies just at the end is near.
        nearer = (apart <= closest) & ((apart < closest) | (nearest == len(COLOURS)))
        nearest[nearer] = place
        closest[nearer] = apart[nearer]
    return nearest


def _thin(pixels: NDArray[np.uint8], mask: Mask) -> tuple[NDArray[np.uint8], Mask]:
    """Return every k-th row and column, which tell the shares as well as all do."""
    step = int((mask.size / _MOST_PIXELS) ** 0.5)
    if step > 1 and mask[::step, ::step].any():
        return pixels[::step, ::step], mask[::step, ::step]
    return pixels, mask


def _skin_share(mask: Mask, outside: Floats, around: Floats) -> float:
    if not len(outside):
        return 0.0
    return float((1 - mask.mean()) * len(around) / len(outside))
