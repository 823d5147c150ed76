"""Drawing: the inner boundary and nothing else; encoded pictures hold pixels alone."""

import io

import numpy as np
import pytest
from PIL import Image

from nevus.imaging.drawing import (
    draw_outline,
    draw_outlines,
    encode_jpeg,
    encode_png,
    fit_within,
    tint,
)

RED = (255, 0, 0)


def blank(size: tuple[int, int] = (20, 30)) -> np.ndarray:
    return np.full((*size, 3), 100, np.uint8)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_the_outline_of_a_square(width: int) -> None:
    mask = np.zeros((20, 30), bool)
    mask[5:15, 8:20] = True
    drawn = draw_outline(blank(), mask, RED, width)
    ring = mask.copy()
    ring[5 + width : 15 - width, 8 + width : 20 - width] = False
    assert (drawn[ring] == RED).all()
    assert (drawn[~ring] == 100).all()


def test_a_lesion_cut_off_by_the_border_is_closed() -> None:
    mask = np.ones((20, 30), bool)
    drawn = draw_outline(blank(), mask, RED, 2)
    assert (drawn[[0, 1, -2, -1]] == RED).all()
    assert (drawn[2:-2, 2:-2] == 100).all()


@pytest.mark.parametrize("width", [0, -1])
def test_no_width_no_line(width: int) -> None:
    drawn = draw_outline(blank(), np.ones((20, 30), bool), RED, width)
    assert np.array_equal(drawn, blank())


def test_the_photograph_stays_as_it_was() -> None:
    pixels = blank()
    pixels.setflags(write=False)
    mask = np.ones((20, 30), bool)
    assert draw_outline(pixels, mask, RED) is not pixels
    assert draw_outline(pixels, ~mask, RED).tolist() == pixels.tolist()
    assert tint(pixels, ~mask, RED).tolist() == pixels.tolist()
    assert (pixels == 100).all()


def test_tint_mixes() -> None:
    mask = np.zeros((20, 30), bool)
    mask[4, 5] = True
    mixed = tint(blank(), mask, (200, 100, 0), strength=0.25)
    assert mixed[4, 5].tolist() == [125, 100, 75]
    assert (mixed[~mask] == 100).all()


@pytest.mark.parametrize(
    ("size", "expected"),
    [((20, 30), (20, 30)), ((200, 100), (60, 30)), ((100, 400), (15, 60)), ((1, 4000), (1, 60))],
)
def test_fit_within(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fit_within(blank(size), 60).shape == (*expected, 3)


def decode(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_encoded_pictures() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(decode(encode_png(noise))), noise)
    turned = noise.transpose(1, 0, 2)
    assert np.array_equal(np.asarray(decode(encode_png(turned))), turned)
    mask = noise[:, :, 0] > 128
    assert np.array_equal(np.asarray(decode(encode_png(mask))), mask * 255)
    assert decode(encode_png(mask)).mode == "L"
    smooth = blank((64, 64))
    assert np.abs(np.asarray(decode(encode_jpeg(smooth))).astype(int) - smooth).max() <= 2
    assert len(encode_jpeg(noise, 30)) < len(encode_jpeg(noise, 95))


def test_encoded_pictures_hold_no_metadata() -> None:
    assert decode(encode_png(blank())).info == {}
    assert not set(decode(encode_jpeg(blank())).info) & {"exif", "icc_profile", "comment", "xmp"}


def test_outlines_of_the_same_mask_take_turns() -> None:
    pixels = np.full((60, 80, 3), 120, np.uint8)
    mask = np.zeros((60, 80), bool)
    mask[10:50, 10:70] = True
    red, blue = (255, 0, 0), (0, 0, 255)
    drawn = draw_outlines(pixels, [mask, mask], [red, blue])
    shown = [(drawn == color).all(axis=2) for color in (red, blue)]
    alone = (draw_outline(pixels, mask, red) == red).all(axis=2)
    assert np.array_equal(shown[0] | shown[1], alone)
    assert min(one.sum() for one in shown) > 0.4 * alone.sum()


def test_outlines_apart_are_plain_lines_with_a_dark_rim() -> None:
    pixels = np.full((60, 80, 3), 120, np.uint8)
    masks = np.zeros((2, 60, 80), bool)
    masks[0, 5:25, 5:25] = masks[1, 40:55, 40:75] = True
    colors = [(255, 0, 0), (0, 0, 255)]
    drawn = draw_outlines(pixels, list(masks), colors)
    for mask, color in zip(masks, colors, strict=True):
        alone = (draw_outline(pixels, mask, color) == color).all(axis=2)
        assert np.array_equal((drawn == color).all(axis=2), alone)
    assert (drawn[4, 10] == 20).all()
    assert (drawn[10, 10] == 120).all()
    assert (pixels == 120).all()


def test_empty_masks_draw_nothing_and_missing_colours_are_a_mistake() -> None:
    pixels = np.full((6, 8, 3), 120, np.uint8)
    empty = np.zeros((6, 8), bool)
    assert (draw_outlines(pixels, [empty], [(1, 2, 3)]) == pixels).all()
    assert (draw_outlines(pixels, [], []) == pixels).all()
    with pytest.raises(ValueError, match="1 masks, 0 colours"):
        draw_outlines(pixels, [empty], [])
