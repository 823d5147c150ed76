"""The CRF against the paper's equations, summed over all pairs of pixels."""

import numpy as np
import pytest

from nevus.errors import UsageError
from nevus.inference.crf import dense_crf

SIZE = (20, 24)


def infer_slowly(
    probability: np.ndarray,
    pixels: np.ndarray,
    *,
    iterations: int = 5,
    spatial_sigma: float = 3.0,
    spatial_weight: float = 3.0,
    bilateral_sigma: float = 80.0,
    color_sigma: float = 13.0,
    bilateral_weight: float = 10.0,
) -> np.ndarray:
    """Algorithm 1 of Kraehenbuehl and Koltun with both labels and exact kernels, O(N^2)."""
    height, width = probability.shape
    y, x = (axis.ravel().astype(float) for axis in np.mgrid[:height, :width])
    colors = pixels.reshape(-1, 3).astype(float)
    squares = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    contrast = ((colors[:, None] - colors) ** 2).sum(axis=-1)
    kernel = spatial_weight * normalize(np.exp(-squares / 2 / spatial_sigma**2))
    kernel += bilateral_weight * normalize(
        np.exp(-squares / 2 / bilateral_sigma**2 - contrast / 2 / color_sigma**2)
    )
    foreground = probability.ravel().astype(float)
    unary = -np.log(np.clip([1 - foreground, foreground], 1e-5, 1))
    marginals = np.exp(-unary) / np.exp(-unary).sum(axis=0)
    for _ in range(iterations):
        messages = marginals @ kernel
        # Potts: a label pays for all who hold the other one.
        energy = unary + messages[::-1]
        marginals = np.exp(-energy) / np.exp(-energy).sum(axis=0)
    return marginals[1].reshape(height, width)


def normalize(kernel: np.ndarray) -> np.ndarray:
    root = np.sqrt(kernel.sum(axis=1))
    return kernel / root / root[:, None]


def make_lesion(size: tuple[int, int], seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a blurred and noisy probability, a photograph with a sharp lesion, its truth."""
    generator = np.random.default_rng(seed)
    row, column = np.mgrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j]
    distance = np.hypot(row, column * 1.2)
    truth = distance < 0.6
    pixels = np.where(truth[..., None], (110, 70, 60), (220, 170, 150))
    pixels = np.clip(pixels + generator.normal(0, 6, pixels.shape), 0, 255).astype(np.uint8)
    logits = (0.5 - distance) * 6 + generator.normal(0, 1.5, size)
    return (1 / (1 + np.exp(-logits))).astype(np.float32), pixels, truth


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bilateral_weight": 0.0},
        {"spatial_weight": 0.0},
        {"spatial_sigma": 2.0, "bilateral_sigma": 6.0, "color_sigma": 20.0, "iterations": 2},
        {"bilateral_weight": 4.0, "iterations": 2},
    ],
)
def test_is_near_the_sum_over_all_pairs(seed: int, options: dict) -> None:
    probability, pixels, _ = make_lesion(SIZE, seed)
    fast = dense_crf(probability, pixels, **options)
    slow = infer_slowly(probability, pixels, **options)
    # The lattice approximates the Gaussian: a few per cent at undecided pixels. Only where the
    # iterations are about to wipe a lesion out can that decide in which one it goes.
    assert np.abs(fast - slow).mean() < 0.01
    assert np.mean((fast > 0.5) != (slow > 0.5)) < 0.01


def test_equals_the_program_people_use() -> None:
    # pydensecrf2 1.1, DenseCRF2D: addPairwiseGaussian(sxy=2, compat=1),
    # addPairwiseBilateral(sxy=20, srgb=10, compat=2), inference(3); every 5th row, 6th column.
    y, x = np.mgrid[:20, :24]
    planes = (x * x * 7 + y * 13, x * 5 + y * y * 11, x * y * 3 + 40)
    pixels = (np.stack(planes, axis=-1) % 256).astype(np.uint8) // 3
    probability = ((x * 37 + y * 59 + x * y * 11) % 97 / 97).astype(np.float32)
    found = dense_crf(
        probability,
        pixels,
        iterations=3,
        spatial_sigma=2,
        spatial_weight=1,
        bilateral_sigma=20,
        color_sigma=10,
        bilateral_weight=2,
    )
    expected = [
        [0.000003, 0.219893, 0.543326, 0.852490],
        [0.026152, 0.685278, 0.271890, 0.045586],
        [0.086185, 0.093311, 0.304073, 0.378125],
        [0.086033, 0.598825, 0.078632, 0.690204],
    ]
    np.testing.assert_allclose(found[::5, ::6], expected, atol=1e-5)


def test_without_iterations_or_kernels_nothing_changes() -> None:
    probability, pixels, _ = make_lesion(SIZE)
    np.testing.assert_allclose(dense_crf(probability, pixels, iterations=0), probability, atol=2e-5)
    bare = dense_crf(probability, pixels, spatial_weight=0, bilateral_weight=0)
    np.testing.assert_allclose(bare, probability, atol=2e-5)


def test_draws_the_mask_to_the_edge_of_the_lesion() -> None:
    probability, pixels, truth = make_lesion((90, 120))
    found = dense_crf(probability, pixels) > 0.5
    before = np.mean((probability > 0.5) != truth)
    assert before > 0.05
    assert np.mean(found != truth) < 0.002


def test_labels_are_alike() -> None:
    probability, pixels, _ = make_lesion(SIZE)
    found = dense_crf(probability, pixels)
    np.testing.assert_allclose(dense_crf(1 - probability, pixels), 1 - found, atol=1e-4)


def test_certain_and_too_large_values_are_clipped() -> None:
    probability, pixels, _ = make_lesion(SIZE)
    sure = (probability > 0.5).astype(np.float32)
    found = dense_crf(sure * 3 - 1, pixels)
    np.testing.assert_array_equal(found, dense_crf(sure, pixels))
    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 1


def test_input_is_left_alone_and_result_repeats() -> None:
    probability, pixels, _ = make_lesion((64, 80))
    probability.flags.writeable = pixels.flags.writeable = False
    first = dense_crf(probability, pixels)
    assert first.dtype == np.float32
    assert first.shape == (64, 80)
    np.testing.assert_array_equal(dense_crf(probability, pixels), first)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 3)])
def test_tiny_photographs(size: tuple[int, int]) -> None:
    pixels = np.full((*size, 3), 128, dtype=np.uint8)
    found = dense_crf(np.full(size, 0.9, dtype=np.float32), pixels)
    assert (found > 0.9).all()


@pytest.mark.parametrize("max_pixels", [4000, 1500])
def test_fewer_pixels_give_nearly_the_same_mask(max_pixels: int) -> None:
    probability, pixels, _ = make_lesion((91, 120))
    exact = dense_crf(probability, pixels) > 0.5
    coarse = dense_crf(probability, pixels, max_pixels=max_pixels)
    assert coarse.shape == (91, 120)
    assert np.mean((coarse > 0.5) != exact) < 0.03


PROBABILITY = np.full((4, 5), 0.5, dtype=np.float32)
PIXELS = np.zeros((4, 5, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("probability", "pixels", "words"),
    [
        (PROBABILITY[0], PIXELS, r"shape \(5,\), expected \(H, W\)"),
        (PROBABILITY[:0], PIXELS[:0], r"shape \(0, 5\)"),
        (PROBABILITY * np.nan, PIXELS, "finite"),
        (PROBABILITY.astype(np.uint8), PIXELS, "uint8, expected finite"),
        (PROBABILITY, PIXELS[:, :4], r"shape \(4, 4, 3\), expected uint8 of shape \(4, 5, 3\)"),
        (PROBABILITY, PIXELS[..., 0], r"shape \(4, 5\)"),
        (PROBABILITY, PIXELS.astype(float), "float64"),
    ],
)
def test_arrays_that_do_not_fit(probability: np.ndarray, pixels: np.ndarray, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        dense_crf(probability, pixels)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"iterations": -1}, "iterations is -1"),
        ({"spatial_sigma": 0.0}, "standard deviations"),
        ({"color_sigma": float("inf")}, "standard deviations"),
        ({"bilateral_weight": -1.0}, "weights"),
        ({"max_pixels": 0}, "max_pixels is 0"),
    ],
)
def test_options_out_of_range(options: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        dense_crf(PROBABILITY, PIXELS, **options)
