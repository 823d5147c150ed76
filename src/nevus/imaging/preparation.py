"""How a photograph becomes a network's input: the same while training and while predicting."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nevus.imaging.constancy import neutralise
from nevus.imaging.hair import remove_hair
from nevus.imaging.resizing import centre_window, resize_image

Pixels = NDArray[np.uint8]
Constancy = Literal["none", "shades_of_grey"]
Fit = Literal["stretch", "crop"]


@dataclass(frozen=True)
class Preparation:
    """What is done to a photograph before a network sees it.

    Attributes:
        size: (height, width) in pixels.
        fit: ``stretch``: the whole photograph, its proportions changed; ``crop``: the largest
            centred part of the wanted proportions, nothing distorted, edges lost.
        color_constancy: ``shades_of_grey`` removes the colour of the light.
        hairless: Dark hairs are painted over.
    """

    size: tuple[int, int]
    fit: Fit = "stretch"
    color_constancy: Constancy = "none"
    hairless: bool = False

    def window(self, shape: tuple[int, int]) -> tuple[slice, slice]:
        """Return the part of (H, W) pixels that is seen at all."""
        if self.fit == "crop":
            return centre_window(shape, self.size)
        return slice(0, shape[0]), slice(0, shape[1])

    def apply(self, pixels: Pixels) -> Pixels:
        """Return (h, w, 3) uint8 of `size` for (H, W, 3) uint8 RGB."""
        shape = (pixels.shape[0], pixels.shape[1])
        small = resize_image(np.ascontiguousarray(pixels[self.window(shape)]), self.size)
        if self.hairless:
            small = remove_hair(small)
        if self.color_constancy == "shades_of_grey":
            small = neutralise(small)
        return small
