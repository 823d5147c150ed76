"""Calibration by hand: temperatures, cross-fitted errors, conformal scores."""

import numpy as np
import pytest

from nevus.imaging.views import VIEW_SETS
from nevus.labels import DIAGNOSES
from nevus.metrics.mixing import mix_scores, sharpen
from nevus.training.calibration import calibrate, list_scores, split_lesions

COUNT = 600


def overconfident(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (1, N, 7) scores three times too large for how often they are right, and labels."""
    generator = np.random.default_rng(seed)
    scores = generator.normal(0, 1.5, (COUNT, 7))
    shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    labels = np.array([generator.choice(7, p=row) for row in shares])
    return scores[None] * 3, labels


def test_a_temperature_of_three_is_found() -> None:
    scores, labels = overconfident(0)
    lesions = [str(place) for place in range(COUNT)]
    found = calibrate({"logits": scores, "gallery": scores}, labels, lesions, VIEW_SETS["one"])
    assert list(found) == ["one"]
    for way in ("logits", "gallery"):
        one = found["one"][way]
        assert one["temperature"] == pytest.approx(3, rel=0.15)
        assert one["n"] == COUNT
        assert one["ece"] < 0.08 < one["ece_before"]
    # The mean of twice the same needs no further sharpening.
    assert found["one"]["both"]["temperature"] == pytest.approx(1, abs=0.01)


def test_every_set_of_views_that_can_be_made_is_calibrated() -> None:
    generator = np.random.default_rng(1)
    labels = np.arange(70) % 7
    scores = {way: generator.normal(size=(8, 70, 7)) for way in ("logits", "gallery")}
    lesions = [str(place) for place in range(70)]
    found = calibrate(scores, labels, lesions, VIEW_SETS["all"])
    assert list(found) == ["one", "flips", "turns", "all"]
    alone = calibrate(
        {way: values[:1] for way, values in scores.items()}, labels, lesions, VIEW_SETS["one"]
    )
    assert alone["one"] == found["one"]


def test_scores_by_hand() -> None:
    probabilities = np.full((3, 7), 0.05)
    probabilities[[0, 1, 2], [0, 0, 3]] = 0.7, 0.123456, 1.0
    found = list_scores(probabilities, np.array([0, 0, 3]))
    assert found["MEL"] == [0.3, 0.8765]
    assert found["AKIEC"] == [0.0]
    assert found["VASC"] == []
    assert tuple(found) == DIAGNOSES


def test_a_lesion_is_in_one_half() -> None:
    lesions = [f"HAM_{place // 3}" for place in range(90)]
    half = split_lesions(lesions)
    assert half.sum() == 45
    assert np.array_equal(half, np.repeat(half[::3], 3))
    assert np.array_equal(split_lesions(lesions[::-1]), half[::-1])


def test_mixing_by_hand() -> None:
    sure, unsure = np.zeros((1, 1, 7)), np.zeros((1, 1, 7))
    sure[..., 0] = 30.0
    found = mix_scores({"logits": sure, "gallery": unsure}, {}, "both")
    assert found[0, 0] == pytest.approx((1 + 1 / 7) / 2)
    assert found.sum() == pytest.approx(1)
    assert np.array_equal(sharpen(found, 1.0), found)
    assert sharpen(found, 0.5)[0, 0] > found[0, 0]
    views = mix_scores({"logits": np.concatenate([sure, unsure])}, {}, "logits")
    assert views[0, 0] == pytest.approx((1 + 1 / 7) / 2)
