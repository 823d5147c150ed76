"""The not-dermoscopy model: any picture gives finite numbers; real ones on the right side."""

import json
from importlib import resources

import numpy as np
import pytest

from nevus.analysis.appearance import FEATURES, dermoscopy_features
from nevus.analysis.dermoscopy import (
    DermoscopyModel,
    dermoscopy_score,
    is_dermoscopy,
    load_model,
)
from nevus.imaging.reading import read_image


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 100), (32, 640), (640, 32), (90, 128)])
@pytest.mark.parametrize("kind", ["black", "white", "noise", "stripes"])
def test_any_picture_has_finite_features(size: tuple[int, int], kind: str) -> None:
    pixels = {
        "black": np.zeros((*size, 3), np.uint8),
        "white": np.full((*size, 3), 255, np.uint8),
        "noise": np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8),
        "stripes": np.broadcast_to(np.arange(size[1])[None, :, None] % 2 * 255, (*size, 3)),
    }[kind].astype(np.uint8)
    features = dermoscopy_features(pixels)
    assert features.shape == (len(FEATURES),)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert 0 <= dermoscopy_score(pixels) <= 1


def test_every_feature_has_its_own_name() -> None:
    assert len(set(FEATURES)) == len(FEATURES)


def test_features_by_hand() -> None:
    found = dict(
        zip(FEATURES, dermoscopy_features(np.full((96, 128, 3), 119, np.uint8)), strict=True)
    )
    assert found["L_q50"] == pytest.approx(50, abs=0.1)
    assert found["share_grey"] == 1
    assert found["flat_share"] == 1
    assert found["share_like_median"] == 1
    assert found["energy_1"] == pytest.approx(np.log(0.05), abs=1e-3)
    assert found["centre_minus_rim_L"] == 0


def draw_framed(radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return noise of two colours, and the same in a round black frame about (60, 80)."""
    pixels = np.random.default_rng(4).integers(90, 220, (120, 160, 3), dtype=np.uint8)
    pixels[40:80, 60:100] //= 2
    rows, columns = np.mgrid[:120, :160]
    outside = np.hypot(rows - 59.5, columns - 79.5) > radius
    return pixels, np.where(outside[..., None], 0, pixels).astype(np.uint8)


def test_what_lies_in_a_round_frame_counts() -> None:
    plain, framed = draw_framed(56)
    half = round(56 * 0.5**0.5)
    inside = np.ascontiguousarray(plain[60 - half : 60 + half, 80 - half : 80 + half])
    found, expected = dermoscopy_features(framed), dermoscopy_features(inside)
    scale = np.array([row["scale"] for row in read_table()["features"]])
    assert np.median(np.abs(found - expected) / scale) < 0.3
    assert found[FEATURES.index("L_q5")] > 20


def test_dark_corners_alone_are_no_frame() -> None:
    _, corners = draw_framed(85)
    assert (corners == 0).all(axis=2).mean() < 0.25
    assert dermoscopy_features(corners)[FEATURES.index("corners_minus_rim_L")] < -20


def test_the_camera_resolution_hardly_matters() -> None:
    generator = np.random.default_rng(2)
    coarse = generator.integers(60, 200, (24, 32, 3)).astype(np.uint8)
    small = np.repeat(np.repeat(coarse, 8, 0), 8, 1)
    large = np.repeat(np.repeat(coarse, 40, 0), 40, 1)
    change = np.abs(dermoscopy_features(small) - dermoscopy_features(large))
    scale = np.array([row["scale"] for row in read_table()["features"]])
    assert np.median(change / scale) < 0.2


def read_table() -> dict:
    place = resources.files("nevus.analysis") / "dermoscopy.json"
    return json.loads(place.read_text(encoding="utf-8"))


def test_the_model_by_hand() -> None:
    two = np.ones(2)
    model = DermoscopyModel(two * 1, two * 2, np.array([1.0, 0]), np.array([0, -1.0]), 0.5, 0.5)
    # (3 - 1) / 2 = 1 and (5 - 1) / 2 = 2: the logit is .5 + 1 - 4.
    assert model.score(np.array([3.0, 5.0])) == pytest.approx(1 / (1 + np.exp(2.5)))
    # Cut off at 6: further out changes nothing.
    assert model.score(np.array([3.0, 1e9])) == model.score(np.array([3.0, 99.0]))
    assert model.score(np.array([1e9, 1.0])) == pytest.approx(1 / (1 + np.exp(-6.5)))


def test_the_packaged_model_says_how_it_was_measured() -> None:
    table = read_table()
    assert load_model().threshold == table["threshold"] == 0.5
    assert is_dermoscopy(0.5)
    assert not is_dermoscopy(0.4999)
    held_out = table["held_out"]
    assert held_out["dermoscopies"]["n"] == 500
    assert held_out["dermoscopies"]["share"] <= 0.02
    assert held_out["dermoscopies framed"]["share"] <= 0.02
    assert held_out["photographs"]["share"] >= 0.95
    assert held_out["not_dermoscopy"]["n"] == 8
    for found in held_out.values():
        assert found["ci95"][0] <= found["share"] <= found["ci95"][1]


@pytest.mark.parametrize("kind", ["noise", "page", "flat"])
def test_drawn_pictures_are_no_dermoscopies(kind: str) -> None:
    generator = np.random.default_rng(0)
    pixels = np.full((240, 320, 3), 245, np.uint8)
    if kind == "noise":
        pixels = generator.integers(0, 256, pixels.shape, dtype=np.uint8)
    elif kind == "page":
        pixels[20::14, 30:290] = pixels[21::14, 30:290] = 30
        pixels[:, generator.integers(0, 320, 60)] = 245
    assert not is_dermoscopy(dermoscopy_score(pixels))


@pytest.mark.real
def test_real_pictures(real) -> None:
    others = sorted((real / "not_dermoscopy").glob("*.jpg"))
    assert len(others) == 8
    found = [is_dermoscopy(dermoscopy_score(read_image(path).pixels)) for path in others]
    assert sum(found) <= 1
    lesions = sorted((real / "fullsize").glob("*.jpg"))
    kept = [is_dermoscopy(dermoscopy_score(read_image(path).pixels)) for path in lesions]
    # One is a photograph almost filled by a black lesion, on orange skin.
    assert sum(kept) >= len(kept) - 1
