"""sRGB to CIELAB: published values, grey without colour."""

import numpy as np
import pytest

from nevus.analysis.cielab import convert_lab


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (100.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0.0, 0.0)),
    ],
)
def test_known_colours(rgb: tuple[int, int, int], lab: tuple[float, float, float]) -> None:
    assert convert_lab(np.array(rgb, np.uint8)) == pytest.approx(lab, abs=0.01)


def test_grey_has_no_colour_and_its_lightness_grows() -> None:
    lab = convert_lab(np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1))
    assert np.abs(lab[:, 1:]).max() < 1e-3
    assert (np.diff(lab[:, 0]) > 0).all()


def test_any_shape() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    lab = convert_lab(pixels)
    assert lab.shape == (4, 5, 3)
    assert lab.dtype == np.float32
    assert np.allclose(lab[2, 3], convert_lab(pixels[2, 3]))
