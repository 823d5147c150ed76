import numpy as np
import pytest

from nevus.imaging.constancy import estimate_light, neutralise
from nevus.imaging.hair import find_hair, remove_hair
from nevus.imaging.preparation import Preparation
from nevus.imaging.resizing import resize_image


def make_skin(size: tuple[int, int] = (120, 160)) -> np.ndarray:
    generator = np.random.default_rng(0)
    pixels = np.full((*size, 3), (210.0, 170.0, 150.0)) + generator.normal(0, 2, (*size, 3))
    rows, columns = np.indices(size)
    pixels[np.hypot(rows - 60, columns - 80) < 30] -= 70
    return pixels.clip(0, 255).astype(np.uint8)


def test_plain_preparation_is_resizing() -> None:
    pixels = make_skin()
    assert np.array_equal(Preparation((30, 40)).apply(pixels), resize_image(pixels, (30, 40)))


def test_crop_sees_the_centre() -> None:
    pixels = make_skin()
    preparation = Preparation((60, 60), "crop")
    assert preparation.window((120, 160)) == (slice(0, 120), slice(20, 140))
    assert np.array_equal(
        preparation.apply(pixels), resize_image(pixels[:, 20:140].copy(), (60, 60))
    )
    assert Preparation((60, 60)).window((120, 160)) == (slice(0, 120), slice(0, 160))


def test_coloured_light_is_taken_out() -> None:
    pixels = make_skin()
    tinted = (pixels * np.array([1.0, 0.8, 0.6])).astype(np.uint8)
    assert np.abs(neutralise(pixels).astype(int) - neutralise(tinted)).mean() > 0
    light = estimate_light(neutralise(tinted))
    assert light == pytest.approx(np.full(3, 1 / np.sqrt(3)), abs=0.01)


def test_grey_stays_and_black_survives() -> None:
    grey = np.full((4, 4, 3), 90, np.uint8)
    assert np.array_equal(neutralise(grey), grey)
    assert not neutralise(np.zeros((4, 4, 3), np.uint8)).any()


def test_hairs_are_found_and_the_lesion_is_not() -> None:
    pixels = make_skin()
    hairy = pixels.copy()
    for row in (20, 61, 100):
        hairy[row : row + 2] = 40
    found = find_hair(hairy)
    assert found[20:22].mean() > 0.9
    assert find_hair(pixels).mean() < 0.01
    cleaned = remove_hair(hairy)
    assert (
        np.abs(cleaned.astype(int) - pixels).mean() < np.abs(hairy.astype(int) - pixels).mean() / 5
    )
    assert np.array_equal(remove_hair(np.zeros((40, 40, 3), np.uint8)), np.zeros((40, 40, 3)))
