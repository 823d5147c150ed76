"""Colours for outlines, told apart on skin, in the dark of a lesion, and by the colour-blind."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

Color = tuple[int, int, int]
"""RGB, 0 to 255."""

ATTRIBUTE_COLORS: Final[Mapping[str, Color]] = MappingProxyType(
    {
        "pigment_network": (247, 84, 0),
        "negative_network": (106, 132, 255),
        "streaks": (70, 229, 127),
        "milia_like_cyst": (252, 255, 50),
        "globules": (255, 159, 229),
    }
)
"""Found by search: any two differ by a CIE 1976 colour difference of at least 35 for full colour
vision and for protanopes, deuteranopes and tritanopes as Machado et al. 2009 simulate them
(https://doi.org/10.1109/TVCG.2009.113), and all are lighter than a lesion (L* above 55)."""
