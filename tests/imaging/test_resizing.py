"""Resizing: sizes are (height, width), values stay in range, means stay."""

import numpy as np
import pytest

from nevus.imaging.resizing import resize_image, resize_mask, resize_probability

SIZES = [(1, 1), (17, 5), (40, 60), (41, 60), (100, 130)]


def random(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).random(shape)


@pytest.mark.parametrize("size", SIZES)
def test_shapes_and_types(size: tuple[int, int]) -> None:
    pixels = (random((40, 60, 3)) * 255).astype(np.uint8)
    image = resize_image(pixels, size)
    mask = resize_mask(pixels[:, :, 0] > 128, size)
    probability = resize_probability(random((40, 60)).astype(np.float32), size)
    assert (image.shape, image.dtype) == ((*size, 3), np.uint8)
    assert (mask.shape, mask.dtype) == (size, np.bool_)
    assert (probability.shape, probability.dtype) == (size, np.float32)
    assert probability.min() >= 0
    assert probability.max() <= 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_constant_stays(size: tuple[int, int], value: float) -> None:
    probability = np.full((40, 60), value, np.float32)
    assert np.allclose(resize_probability(probability, size), value, atol=1e-6)
    pixels = np.full((40, 60, 3), round(255 * value), np.uint8)
    assert (resize_image(pixels, size) == round(255 * value)).all()
    assert (resize_mask(probability > 0.5, size) == (value > 0.5)).all()


def test_the_same_size_changes_nothing() -> None:
    pixels = (random((40, 60, 3)) * 255).astype(np.uint8)
    probability = random((40, 60)).astype(np.float32)
    assert np.array_equal(resize_image(pixels, (40, 60)), pixels)
    assert np.array_equal(resize_mask(probability > 0.5, (40, 60)), probability > 0.5)
    assert np.array_equal(resize_probability(probability, (40, 60)), probability)


def test_enlarging_by_hand() -> None:
    # New centres lie at 0.25, 0.75, 1.25, 1.75 of pixels whose centres are 0.5 and 1.5.
    enlarged = resize_probability(np.array([[0, 1]], np.float32), (1, 4))
    assert np.allclose(enlarged, [[0, 0.25, 0.75, 1]], atol=1e-6)
    assert resize_mask(np.array([[False, True]]), (1, 4)).tolist() == [[False, False, True, True]]


def test_shrinking_sees_every_pixel() -> None:
    stripes = np.zeros((64, 64), np.float32)
    stripes[:, ::2] = 1
    assert np.allclose(resize_probability(stripes, (8, 8))[:, 1:-1], 0.5, atol=0.02)
    noise = (random((64, 64, 3)) * 255).astype(np.uint8)
    assert np.allclose(resize_image(noise, (2, 2)).mean(), noise.mean(), atol=4)


def test_a_mask_keeps_its_place_and_area() -> None:
    rows, columns = np.mgrid[:120, :160]
    disc = np.hypot(rows - 70, columns - 60) < 40
    small = resize_mask(disc, (60, 80))
    rows, columns = np.mgrid[:60, :80]
    expected = np.hypot(rows - 34.75, columns - 29.75) < 20
    assert (small & expected).sum() / (small | expected).sum() > 0.99
    back = resize_mask(small, (120, 160))
    assert (back & disc).sum() / (back | disc).sum() > 0.97


def test_views_are_welcome() -> None:
    pixels = (random((60, 40, 3)) * 255).astype(np.uint8)
    turned = pixels.transpose(1, 0, 2)[:, ::-1]
    straight = np.ascontiguousarray(turned)
    assert np.array_equal(resize_image(turned, (20, 30)), resize_image(straight, (20, 30)))
    chances = random((60, 40)).astype(np.float32).T
    straight = np.ascontiguousarray(chances)
    assert np.array_equal(resize_probability(chances, (9, 9)), resize_probability(straight, (9, 9)))
