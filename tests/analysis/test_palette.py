"""Six colours: each reference is itself, a cast is taken off, what is near none stays out."""

import numpy as np
import pytest

from nevus.analysis import palette
from nevus.analysis.palette import COLOURS, COUNTED_FROM, FARTHEST, share_colours

SKIN = (205, 160, 148)


def paint(inside: tuple[int, int, int], outside: tuple[int, int, int]) -> tuple:
    mask = np.zeros((40, 50), bool)
    mask[10:30, 10:40] = True
    pixels = np.where(mask[..., None], inside, outside).astype(np.uint8)
    return pixels, mask


@pytest.mark.parametrize(
    ("name", "rgb"),
    [
        ("white", (230, 218, 212)),
        ("red", (183, 76, 85)),
        ("light_brown", (170, 118, 90)),
        ("dark_brown", (98, 62, 50)),
        ("blue_grey", (110, 106, 117)),
        ("black", (36, 30, 30)),
    ],
)
def test_typical_colours_on_typical_skin(name: str, rgb: tuple[int, int, int]) -> None:
    pixels, mask = paint(rgb, SKIN)
    shares, has_skin = share_colours(pixels, mask)
    assert has_skin
    assert shares == {colour: float(colour == name) for colour in COLOURS}


def test_a_cast_is_taken_off() -> None:
    brown, skin = np.array((170, 118, 90)), np.array(SKIN)
    cast = np.array((1.0, 0.86, 1.1))
    pixels, mask = paint(tuple(brown * cast), tuple(skin * cast))
    assert share_colours(pixels, mask)[0]["light_brown"] == 1


def test_without_skin_colours_are_taken_as_they_are() -> None:
    pixels, mask = paint((170, 118, 90), SKIN)
    shares, has_skin = share_colours(pixels, np.ones_like(mask))
    assert not has_skin
    assert shares["light_brown"] > 0
    dark = np.where(mask[..., None], pixels, 0).astype(np.uint8)
    assert not share_colours(dark, mask)[1]


def test_green_is_none_of_the_six() -> None:
    pixels, mask = paint((40, 200, 60), SKIN)
    assert sum(share_colours(pixels, mask)[0].values()) == 0


def test_a_grey_photograph_has_no_colours() -> None:
    pixels, mask = paint((40, 40, 40), (200, 200, 200))
    assert share_colours(pixels, mask) == (dict.fromkeys(COLOURS, 0.0), False)
    assert sum(share_colours(*paint((40, 40, 41), (200, 200, 200)))[0].values()) > 0


def test_shares_are_those_of_the_area() -> None:
    pixels, mask = paint((98, 62, 50), SKIN)
    pixels[10:15, 10:40] = (183, 76, 85)
    shares, _ = share_colours(pixels, mask)
    assert shares["red"] == pytest.approx(0.25)
    assert shares["dark_brown"] == pytest.approx(0.75)


def test_large_photographs_are_thinned_and_small_lesions_kept() -> None:
    pixels, mask = paint((98, 62, 50), SKIN)
    large = np.repeat(np.repeat(pixels, 30, 0), 30, 1)
    shares, _ = share_colours(large, np.repeat(np.repeat(mask, 30, 0), 30, 1))
    assert shares["dark_brown"] == 1
    spot = np.zeros(large.shape[:2], bool)
    spot[601, 601] = True
    assert share_colours(large, spot)[0]["dark_brown"] == 1


def test_counted_from_a_twentieth() -> None:
    assert COUNTED_FROM == 0.05


def test_the_nearest_colour_has_a_slow_twin() -> None:
    lab = np.random.default_rng(0).normal((45, 10, 10), 25, (3000, 3)).astype(np.float32)
    references = np.array(list(COLOURS.values()), np.float32)
    # One lies exactly at the end, one exactly between two.
    lab[0], lab[1] = references[0] + (0, FARTHEST, 0), (references[2] + references[3]) / 2
    apart = np.linalg.norm(lab[:, None] - references[None], axis=2)
    expected = np.where(apart.min(axis=1) <= FARTHEST, apart.argmin(axis=1), len(COLOURS))
    assert np.array_equal(palette._find_nearest(lab), expected)
    assert expected[0] == 0
