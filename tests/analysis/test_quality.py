"""Quality flags on drawn faults, each alone."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from nevus.analysis.cielab import convert_lab
from nevus.analysis.disturbances import find_dark_corners, find_hair, find_inside, measure_blur
from nevus.analysis.quality import (
    BLUR_BELOW,
    HAIR_FROM,
    assess_quality,
    share_cut_off,
    touches_border,
)
from nevus.imaging.reading import read_image

SIZE = (288, 384)
ROWS, COLUMNS = np.mgrid[: SIZE[0], : SIZE[1]]
AWAY = np.hypot(ROWS - 144, COLUMNS - 192)


def draw_skin(seed: int = 0) -> np.ndarray:
    """Return skin with fine and coarse texture and a brown lesion."""
    generator = np.random.default_rng(seed)
    noise = sum(
        weight * gaussian_filter(generator.standard_normal(SIZE), grain) * grain
        for grain, weight in ((0.8, 14), (3, 20), (12, 26))
    )
    pixels = np.array((205, 160, 148)) + noise[..., None]
    pixels[AWAY < 80] -= (80, 75, 70)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def lightness(pixels: np.ndarray) -> np.ndarray:
    return convert_lab(pixels)[..., 0]


def codes(pixels: np.ndarray, mask: np.ndarray | None = None) -> list[str]:
    return [flag.code for flag in assess_quality(pixels, mask)]


def test_nothing_is_wrong() -> None:
    assert codes(draw_skin(), AWAY < 80) == []


def test_blur_is_found_at_any_size() -> None:
    pixels = draw_skin()
    blurred = gaussian_filter(pixels, (5, 5, 0))
    assert codes(blurred) == ["blur"]
    assert codes(np.repeat(np.repeat(pixels, 3, 0), 3, 1)) == []
    assert codes(np.repeat(np.repeat(blurred, 3, 0), 3, 1)) == ["blur"]


def test_blur_does_not_depend_on_contrast_or_light() -> None:
    light = lightness(draw_skin())
    inside = find_inside(SIZE)
    whole = measure_blur(light, inside)
    assert whole > BLUR_BELOW
    assert measure_blur(0.5 * light, inside) == pytest.approx(whole, abs=0.02)
    assert measure_blur(light + 20, inside) == pytest.approx(whole, abs=0.02)
    falling = [measure_blur(gaussian_filter(light, sigma), inside) for sigma in (1, 2, 3)]
    assert falling == sorted(falling, reverse=True)


def test_a_plain_picture_is_not_called_anything_false() -> None:
    assert codes(np.full((*SIZE, 3), 128, np.uint8)) == []


@pytest.mark.parametrize(
    ("factor", "severity"), [(0.35, "warning"), (0.15, "serious")]
)  # fmt: skip
def test_dark_photographs(factor: float, severity: str) -> None:
    found = assess_quality((draw_skin() * factor).astype(np.uint8))
    flag = next(flag for flag in found if flag.code == "under_exposed")
    assert flag.severity == severity
    assert flag.value < flag.threshold


def test_burnt_photographs() -> None:
    pixels = draw_skin()
    pixels[:60] = 255
    (flag,) = (flag for flag in assess_quality(pixels) if flag.code == "over_exposed")
    assert flag.value == pytest.approx(60 / 288, abs=0.01)
    assert flag.severity == "warning"
    pixels[:200] = 255
    assert assess_quality(pixels)[0].severity == "serious"


def test_dark_corners_and_not_dark_lesions() -> None:
    pixels = draw_skin()
    pixels[AWAY > 190] = 5
    pixels[AWAY < 30] = 5
    share = float((AWAY > 190).mean())
    (flag,) = (flag for flag in assess_quality(pixels) if flag.code == "dark_corners")
    assert flag.value == pytest.approx(share, abs=0.02)
    assert flag.severity == "info"
    assert not find_dark_corners(lightness(pixels))[AWAY < 180].any()
    pixels[AWAY > 110] = 5
    assert next(f for f in assess_quality(pixels) if f.code == "dark_corners").severity == "warning"


def draw_lines(pixels: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    hair = np.zeros(SIZE, bool)
    for _ in range(count):
        turn, place = generator.uniform(0, np.pi), generator.uniform(-100, 100)
        across = (ROWS - 144) * np.cos(turn) + (COLUMNS - 192) * np.sin(turn)
        hair |= np.abs(across - place - 0.0006 * (COLUMNS - 192) ** 2) < 1.5
    drawn = pixels.copy()
    drawn[hair] = (50, 38, 34)
    return drawn, hair


def test_hair_is_found_where_it_is() -> None:
    drawn, hair = draw_lines(draw_skin(), 12)
    small = lightness(drawn)
    found = find_hair(small)
    assert (found & hair).sum() / hair.sum() > 0.6
    assert (found & hair).sum() / found.sum() > 0.8
    (flag,) = (flag for flag in assess_quality(drawn) if flag.code == "hair")
    assert flag.value >= HAIR_FROM
    assert not find_hair(lightness(draw_skin())).any()


def test_dots_are_no_hair() -> None:
    pixels = draw_skin()
    dots = (np.hypot(ROWS % 24 - 12, COLUMNS % 24 - 12) < 3) & (AWAY > 100)
    pixels[dots] = (60, 40, 35)
    assert not find_hair(lightness(pixels)).any()


def test_masks_at_the_edge() -> None:
    whole = np.zeros(SIZE, bool)
    whole[100:200, 100:200] = True
    cut = np.zeros(SIZE, bool)
    cut[100:200, :100] = True
    assert not touches_border(whole)
    assert touches_border(cut)
    assert share_cut_off(whole) == 0
    assert share_cut_off(cut) == pytest.approx(0.25, abs=0.01)
    assert share_cut_off(np.ones(SIZE, bool)) == 1
    assert share_cut_off(np.zeros(SIZE, bool)) == 0
    found = assess_quality(draw_skin(), np.ones(SIZE, bool))
    assert [(flag.code, flag.severity) for flag in found] == [("lesion_cut_off", "serious")]


def test_empty_and_tiny_lesions() -> None:
    mask = np.zeros(SIZE, bool)
    (flag,) = assess_quality(draw_skin(), mask)
    assert (flag.code, flag.severity) == ("no_lesion", "serious")
    mask[140:150, 190:200] = True
    assert codes(draw_skin(), mask) == ["tiny_lesion"]


@pytest.mark.parametrize(
    ("columns", "severity"),
    [((100, 200), None), ((20, 110), "warning"), ((20, 70), "serious")],
)
def test_a_lesion_outside_of_what_the_diagnosis_sees(
    columns: tuple[int, int], severity: str | None
) -> None:
    mask = np.zeros(SIZE, bool)
    mask[100:200, slice(*columns)] = True
    window = (slice(0, SIZE[0]), slice(60, SIZE[1] - 60))
    flags = assess_quality(draw_skin(), mask, window=window)
    found = [flag.severity for flag in flags if flag.code == "off_centre"]
    assert found == ([] if severity is None else [severity])
    # Nobody who sees all of a photograph misses a part of the lesion.
    assert "off_centre" not in codes(draw_skin(), mask)


def test_small_photographs() -> None:
    assert "small_photograph" in codes(draw_skin()[:100, :120].copy())


def test_worst_first() -> None:
    pixels = (draw_skin() * 0.15).astype(np.uint8)
    found = [flag.severity for flag in assess_quality(pixels, np.zeros(SIZE, bool))]
    order = ["serious", "warning", "info"]
    assert found == sorted(found, key=order.index)
    assert len(found) > 1


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (32, 640), (33, 32)])
def test_any_size_and_every_text_is_a_sentence(size: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    for pixels in (
        np.zeros((*size, 3), np.uint8),
        np.full((*size, 3), 255, np.uint8),
        generator.integers(0, 256, (*size, 3), dtype=np.uint8),
    ):
        for flag in assess_quality(pixels, generator.random(size) < 0.5):
            assert flag.text.endswith(".")
            assert np.isfinite([flag.value, flag.threshold]).all()


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="mask is"):
        assess_quality(draw_skin(), np.zeros((3, 3), bool))


@pytest.mark.real
def test_real_photographs_sharp_and_blurred(real) -> None:
    sharp, hit = 0, 0
    paths = sorted((real / "fullsize").glob("ISIC_*.jpg"))[:12]
    for path in paths:
        pixels = read_image(path).pixels
        sharp += "blur" in codes(pixels)
        sigma = 0.01 * max(pixels.shape)
        hit += "blur" in codes(gaussian_filter(pixels, (sigma, sigma, 0), truncate=2.5))
    assert sharp <= 2
    assert hit >= len(paths) - 1
