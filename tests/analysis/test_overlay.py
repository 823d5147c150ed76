"""Layers let everything through but the mask; the overlay is the photograph with a legend."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation, binary_erosion

from nevus.analysis import overlay
from nevus.analysis.overlay import (
    draw_overlay,
    encode_layer,
    layer_colour,
)
from nevus.imaging.palette import ATTRIBUTE_COLORS
from nevus.labels import ATTRIBUTES

MASK = np.zeros((60, 80), bool)
MASK[15:45, 20:60] = True
PIXELS = np.full((60, 80, 3), 120, np.uint8)


def decode(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGBA"))


def test_a_hatched_layer() -> None:
    shown = decode(encode_layer(MASK, "streaks", width=2))
    assert shown.shape == (60, 80, 4)
    inside = shown[20:40, 25:55, 3]
    assert set(inside.ravel().tolist()) == {0, 190}
    assert 0.04 < (inside > 0).mean() < 0.25
    assert shown[15, 40].tolist() == [*layer_colour("streaks"), 255]
    assert shown[14, 40].tolist()[:3] == [20, 20, 20]
    assert (shown[:10, :, 3] == 0).all()


def test_an_outline_alone() -> None:
    shown = decode(encode_layer(MASK, "lesion"))
    assert shown[30, 40, 3] == 0
    assert shown[15, 40, 3] == 255


def test_an_empty_layer_shows_nothing() -> None:
    assert (decode(encode_layer(np.zeros_like(MASK), "globules"))[..., 3] == 0).all()


def test_the_overlay() -> None:
    attributes = {"globules": MASK, "streaks": np.zeros_like(MASK)}
    drawn = draw_overlay(PIXELS, MASK, attributes)
    assert drawn.shape[0] > 60
    assert drawn.shape[1] == 80
    assert (drawn[:8] == 120).all()
    assert (drawn[15, 40] == layer_colour("lesion")).all()
    assert (PIXELS == 120).all()
    legend = drawn[60:].reshape(-1, 3).tolist()
    assert list(ATTRIBUTE_COLORS["globules"]) in legend
    assert list(ATTRIBUTE_COLORS["streaks"]) not in legend


def test_hatching_leaves_the_skin_to_be_seen() -> None:
    masks = {name: np.ones((120, 160), bool) for name in ATTRIBUTES}
    skin = np.full((120, 160, 3), 120, np.uint8)
    shown = [
        (draw_overlay(skin, np.zeros((120, 160), bool), {name: mask})[20:100, 20:140] != 120)
        for name, mask in masks.items()
    ]
    for one in shown:
        assert 0.04 < one.any(axis=-1).mean() < 0.25
    # Each kind lies in lines of its own, so that two upon each other are told apart.
    assert all((one != other).any() for place, one in enumerate(shown) for other in shown[:place])


def test_nothing_found_is_the_photograph() -> None:
    drawn = draw_overlay(PIXELS, np.zeros_like(MASK), {})
    assert np.array_equal(drawn[:60], PIXELS)


def test_every_attribute_has_its_own_colour() -> None:
    assert tuple(ATTRIBUTE_COLORS) == ATTRIBUTES
    colours = np.array([layer_colour(name) for name in (*ATTRIBUTES, "lesion")])
    apart = np.abs(colours[:, None] - colours[None]).sum(axis=2)
    assert apart[~np.eye(6, dtype=bool)].min() > 60


@pytest.mark.parametrize("size", [(1, 1), (32, 640), (700, 40)])
def test_any_size(size: tuple[int, int]) -> None:
    mask = np.ones(size, bool)
    drawn = draw_overlay(np.zeros((*size, 3), np.uint8), mask, {"globules": mask})
    assert drawn.shape[1] == size[1]
    assert decode(encode_layer(mask, "globules")).shape[:2] == size


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_lines_have_a_slow_twin(width: int) -> None:
    generator = np.random.default_rng(width)
    for size in ((1, 1), (3, 40), (37, 25)):
        mask = generator.random(size) < 0.7
        line, halo = overlay._lines(mask, width)
        inner = binary_erosion(mask, np.ones((2 * width + 1,) * 2), border_value=0)
        assert np.array_equal(line, mask & ~inner)
        reach = 2 * max(1, width // 2) + 1
        assert np.array_equal(halo, binary_dilation(line, np.ones((reach, reach))) & ~line)
