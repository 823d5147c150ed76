"""Every step on masks drawn by hand, against slow twins, and as a registry."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nevus.cli.prediction import read_steps
from nevus.errors import RecipeError, UsageError
from nevus.inference import morphology
from nevus.inference.postprocess import (
    CHALLENGE_STEPS,
    PAPER_STEPS,
    STEPS,
    check_steps,
    run_step,
    run_steps,
)
from nevus.recipe import read_recipe

MASKS = arrays.arrays(np.bool_, st.tuples(st.integers(1, 14), st.integers(1, 14)))


def draw(*rows: str) -> np.ndarray:
    return np.array([[cell == "#" for cell in row] for row in rows])


def run(name: str, mask: np.ndarray, **options: object) -> np.ndarray:
    pixels = np.zeros((*mask.shape, 3), dtype=np.uint8)
    result = run_step({"name": name, **options}, mask.astype(np.float32), pixels)
    assert set(np.unique(result)) <= {0, 1}
    return result > 0.5


def dilate_slowly(mask: np.ndarray, radius: float) -> np.ndarray:
    """Return the pixels of the plane, `mask` and a wide margin, within `radius` of the mask."""
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
    grown = np.zeros_like(mask)
    for row, column in zip(*np.nonzero(mask), strict=True):
        grown |= (y - row) ** 2 + (x - column) ** 2 <= radius**2
    return grown


def test_threshold_is_strict() -> None:
    values = np.array([[0.2, 0.3, 0.31]], dtype=np.float32)
    found = run_step({"name": "threshold", "value": 0.3}, values, np.zeros((1, 3, 3), np.uint8))
    # .3 as float32 is a little more than .3, hence compare with what numpy compares.
    np.testing.assert_array_equal(found, values > 0.3)
    assert found.dtype == np.float32


def test_largest_keeps_regions_that_touch_at_corners_together() -> None:
    mask = draw(
        "##...",
        "..#..",
        ".....",
        ".##.#",
    )
    expected = draw(
        "##...",
        "..#..",
        ".....",
        ".....",
    )
    np.testing.assert_array_equal(run("largest", mask), expected)


def test_largest_of_equal_regions_is_the_first() -> None:
    np.testing.assert_array_equal(run("largest", draw("##.##")), draw("##..."))


def test_fill_knows_a_hole_from_a_bay() -> None:
    mask = draw(
        "######",
        "#.##.#",
        "####.#",
        "####..",
    )
    expected = draw(
        "######",
        "####.#",
        "####.#",
        "####..",
    )
    np.testing.assert_array_equal(run("fill", mask), expected)


def test_an_outline_closed_over_corners_has_an_inside() -> None:
    mask = draw("..#..", ".#.#.", "..#..")
    np.testing.assert_array_equal(run("fill", mask), draw("..#..", ".###.", "..#.."))


def test_drop_small_is_a_share_of_the_photograph() -> None:
    mask = draw("##..#", ".....", "....#", "..###")
    # Regions of 2, 1 and 4 of 20 pixels.
    only_large = draw(".....", ".....", "....#", "..###")
    np.testing.assert_array_equal(run("drop_small", mask, area=0.2), only_large)
    both = draw("##...", ".....", "....#", "..###")
    np.testing.assert_array_equal(run("drop_small", mask, area=0.1), both)
    assert not run("drop_small", mask, area=0.21).any()


@pytest.mark.parametrize("radius", [10**400, float("inf"), 10**10], ids=["int", "inf", "much"])
def test_numbers_without_measure_are_refused(radius: float) -> None:
    with pytest.raises(RecipeError, match=r"step open: radius is .*, expected a number"):
        check_steps([{"name": "open", "radius": radius}])


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, f'[{{"name": {"9" * 5000}}}]', "{}", "[1]"],
    ids=["deep", "long", "object", "number"],
)
def test_steps_that_are_no_list_of_objects(text: str) -> None:
    with pytest.raises(UsageError, match=r"--steps '.*' is neither"):
        read_steps(text)


def test_radius_means_the_same_at_any_size() -> None:
    # A bar of 8 of 1000 pixels goes with a disk of radius 5 and stays with one of 3.
    for scale in (1, 2):
        mask = np.zeros((200 * scale, 1000 * scale), dtype=np.bool_)
        mask[50 * scale : 58 * scale, 100 * scale : 900 * scale] = True
        assert not run("open", mask, radius=5).any()
        assert run("open", mask, radius=3).sum() > 0.99 * mask.sum()
        assert run("close", ~mask, radius=5).all()


@settings(max_examples=60, deadline=None)
@given(MASKS, st.floats(0, 5))
def test_closing_equals_its_slow_twin(mask: np.ndarray, radius: float) -> None:
    wide = np.pad(mask, 12)
    slow = ~dilate_slowly(~dilate_slowly(wide, radius), radius)
    np.testing.assert_array_equal(morphology.close_disk(mask, radius), slow[12:-12, 12:-12])


@settings(max_examples=60, deadline=None)
@given(MASKS, st.floats(0, 5))
def test_opening_equals_its_slow_twin(mask: np.ndarray, radius: float) -> None:
    slow = dilate_slowly(~dilate_slowly(~mask, radius), radius)
    np.testing.assert_array_equal(morphology.open_disk(mask, radius), slow)


@settings(max_examples=60, deadline=None)
@given(MASKS, st.floats(0, 5))
def test_opening_shrinks_closing_grows_and_both_settle(mask: np.ndarray, radius: float) -> None:
    opened, closed = morphology.open_disk(mask, radius), morphology.close_disk(mask, radius)
    assert not (opened & ~mask).any()
    assert not (mask & ~closed).any()
    np.testing.assert_array_equal(morphology.open_disk(opened, radius), opened)
    np.testing.assert_array_equal(morphology.close_disk(closed, radius), closed)


def test_opening_keeps_the_corners_of_a_lesion_cut_off_by_the_edge() -> None:
    mask = np.zeros((40, 40), dtype=np.bool_)
    mask[:20, :20] = True
    opened = morphology.open_disk(mask, 6)
    assert opened[0, 0]
    assert opened[0, 19]
    assert not opened[19, 19]


@pytest.mark.parametrize("name", STEPS)
class TestEveryStep:
    def test_takes_the_arrays_and_keyword_options_with_defaults(self, name: str) -> None:
        first, second, *options = inspect.signature(STEPS[name]).parameters.values()
        assert (first.name, second.name) == ("probability", "pixels")
        assert all(option.kind is option.KEYWORD_ONLY for option in options)
        assert all(option.annotation in (int, float) for option in options)
        assert all(option.default is not option.empty for option in options)

    def test_leaves_its_input_alone(self, name: str) -> None:
        generator = np.random.default_rng(0)
        probability = generator.random((30, 40), dtype=np.float32)
        pixels = generator.integers(0, 256, (30, 40, 3), dtype=np.uint8)
        probability.flags.writeable = pixels.flags.writeable = False
        result = run_step({"name": name}, probability, pixels)
        assert result.dtype == np.float32
        assert result.shape == (30, 40)
        assert result.flags.writeable

    @pytest.mark.parametrize("value", [0, 1])
    def test_lets_an_empty_and_a_full_mask_pass(self, name: str, value: int) -> None:
        mask = np.full((30, 40), value, dtype=np.bool_)
        pixels = np.random.default_rng(1).integers(0, 256, (30, 40, 3), dtype=np.uint8)
        found = run_steps([{"name": name}], mask.astype(np.float32), pixels)
        np.testing.assert_array_equal(found, mask)

    def test_says_what_an_option_should_be(self, name: str) -> None:
        with pytest.raises(RecipeError, match=f"step {name} has no option 'colour'"):
            check_steps([{"name": name, "colour": 1}])


def test_chains_run_in_order() -> None:
    probability = np.array([[0.4, 0.9, 0.1, 0.9, 0.9]], dtype=np.float32)
    pixels = np.zeros((1, 5, 3), dtype=np.uint8)
    cut = {"name": "threshold", "value": 0.3}
    np.testing.assert_array_equal(run_steps([], probability, pixels), probability > 0.5)
    np.testing.assert_array_equal(
        run_steps([cut, {"name": "largest"}], probability, pixels), draw("##...")
    )
    np.testing.assert_array_equal(
        run_steps([{"name": "largest"}, cut], probability, pixels), draw("...##")
    )


def test_the_papers_chain_is_that_of_its_recipes() -> None:
    for name in ("segan-paper", "segan-authors", "deeplab-paper"):
        assert read_recipe(name).prediction.steps == PAPER_STEPS


def test_chains_that_ship_give_one_region_without_holes() -> None:
    row, column = np.mgrid[-1:1:90j, -1:1:120j]
    distance = np.hypot(row, column)
    lesion = (distance < 0.5) & ~(distance < 0.1) | (np.hypot(row - 0.8, column - 0.8) < 0.1)
    pixels = np.where(lesion[..., None], 90, 200).astype(np.uint8).repeat(3, axis=-1)
    for chain in (CHALLENGE_STEPS, PAPER_STEPS):
        check_steps(chain)
        found = run_steps(chain, lesion.astype(np.float32), pixels)
        assert np.mean(found != (distance < 0.5)) < 0.01
        np.testing.assert_array_equal(found, morphology.keep_largest(found))
        np.testing.assert_array_equal(found, morphology.fill_holes(found))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"name": "opne"}, "no post-processing step 'opne'.*did you mean open"),
        ({"name": "xyz"}, "known: crf, threshold"),
        ({"radius": 3}, "has no name"),
        ({"name": 3}, "has no name"),
        ({"name": "open", "raduis": 3}, "step open has no option 'raduis'.*did you mean radius"),
        ({"name": "fill", "radius": 3}, "it has no options"),
        ({"name": "crf", "iterations": 2.5}, "iterations is 2.5, expected a whole number"),
        ({"name": "open", "radius": "big"}, "radius is 'big', expected a number"),
        ({"name": "open", "radius": True}, "radius is True"),
        ({"name": "open", "radius": float("nan")}, "radius is nan"),
    ],
)
def test_wrong_steps_are_refused(spec: dict, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        check_steps([{"name": "largest"}, spec])


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"name": "open", "radius": -1}, "step open: radius is -1"),
        ({"name": "close", "radius": 1001}, "step close: radius is 1001"),
        ({"name": "threshold", "value": 1.5}, "value is 1.5"),
        ({"name": "drop_small", "area": 2}, "area is 2"),
        ({"name": "crf", "color_sigma": 0}, "standard deviations"),
    ],
)
def test_options_out_of_range_are_refused(spec: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check_steps([spec])


def test_arrays_of_two_sizes_are_refused() -> None:
    with pytest.raises(UsageError, match=r"\(4, 5\) and pixels \(5, 4, 3\)"):
        run_steps([], np.zeros((4, 5), np.float32), np.zeros((5, 4, 3), np.uint8))
