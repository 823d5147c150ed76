"""Masks of a smaller copy at the photograph's own size, without much memory."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Mask = NDArray[np.bool_]


def enlarge_mask(mask: Mask, size: tuple[int, int]) -> Mask:
    """Return (H, W) bool for (h, w) bool, smooth: set where half of the mixture is.

    In bytes: floats of a 50 megapixel photograph would take 200 MB each.
    """
    if mask.shape == size:
        return mask
    image = Image.fromarray(mask.astype(np.uint8) * np.uint8(255))
    large = np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR))
    return np.asarray(large > 127)


class EnlargedMasks(Mapping[str, Mask]):
    """Masks by name, each made at its full size whenever it is asked for.

    Args:
        masks: Name to (h, w) bool.
        size: (H, W) they shall have.
    """

    def __init__(self, masks: Mapping[str, Mask], size: tuple[int, int]) -> None:
        self._masks = dict(masks)
        self._size = size

    def __getitem__(self, name: str) -> Mask:
        """Return one mask at its full size."""
        return enlarge_mask(self._masks[name], self._size)

    def __contains__(self, name: object) -> bool:
        """Return whether there is one; a mapping of itself would enlarge it to know."""
        return name in self._masks

    def __iter__(self) -> Iterator[str]:
        """Iterate over names."""
        return iter(self._masks)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._masks)
