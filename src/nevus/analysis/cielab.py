"""sRGB to CIELAB, where distances mean what an eye sees."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_VALUES: Final = np.arange(256) / 255
_LINEAR: Final = np.where(
    _VALUES <= 0.04045, _VALUES / 12.92, ((_VALUES + 0.055) / 1.055) ** 2.4
).astype(np.float32)
_TO_XYZ: Final = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
# Rows divided by D65 white, so that white becomes 1, 1, 1.
_TO_RELATIVE: Final = (_TO_XYZ / _TO_XYZ.sum(axis=1, keepdims=True)).astype(np.float32)
_BREAK: Final = (6 / 29) ** 3


def convert_lab(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return CIELAB for sRGB of 8 bits, white point D65, 2 degree observer.

    IEC 61966-2-1 (sRGB) and CIE 15:2004, section 8.2.1.

    Args:
        pixels: (..., 3) uint8, RGB.

    Returns:
        (..., 3) float32: L* in [0, 100]; a* (green to red) and b* (blue to yellow) about
        -110 to 100.
    """
    relative = _LINEAR[pixels] @ _TO_RELATIVE.T
    bent = np.where(
        relative > _BREAK, np.cbrt(relative), relative * np.float32(841 / 108) + np.float32(4 / 29)
    )
    lab = np.empty(bent.shape, np.float32)
    lab[..., 0] = 116 * bent[..., 1] - 16
    lab[..., 1] = 500 * (bent[..., 0] - bent[..., 1])
    lab[..., 2] = 200 * (bent[..., 1] - bent[..., 2])
    return lab
