"""Masks: kindly when training, by the letter when scoring, exact when written."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from PIL import Image

from nevus.errors import ImageError
from nevus.imaging.masks import read_scored, read_truth, write_mask

LESION = np.zeros((12, 9), bool)
LESION[3:8, 2:6] = True


def save(path: Path, values: NDArray[np.generic], mode: str | None = None) -> Path:
    image = Image.fromarray(values)
    (image.convert(mode) if mode else image).save(path)
    return path


def grey(high: int, low: int = 0) -> NDArray[np.uint8]:
    return np.where(LESION, high, low).astype(np.uint8)


@pytest.mark.parametrize(
    ("values", "mode", "odd"),
    [
        (grey(255), None, ()),
        (grey(255), "1", ()),
        (grey(1), None, ("values 0 and 1",)),
        (grey(254), None, ("values 0 and 254",)),
        (grey(200, 50), None, ("grey values: lesion is above half",)),
        (grey(255), "LA", ("2 equal channels",)),
        (grey(255), "RGB", ("3 equal channels",)),
        (grey(255), "RGBA", ("4 equal channels",)),
        (grey(255), "P", ("3 equal channels",)),
        (grey(255).astype(np.uint16) * 257, None, ("16 bits",)),
        (grey(255).astype(np.uint16), None, ()),
        (grey(1).astype(np.uint16), None, ("values 0 and 1",)),
        (
            np.where(LESION, 40_000, 20_000).astype(np.uint16),
            None,
            ("16 bits", "grey values: lesion is above half"),
        ),
    ],
)
def test_truth_is_understood(
    tmp_path: Path, values: NDArray[np.generic], mode: str | None, odd: tuple[str, ...]
) -> None:
    truth = read_truth(save(tmp_path / "m.png", values, mode), size=LESION.shape)
    assert truth.mask.dtype == np.bool_
    assert np.array_equal(truth.mask, LESION)
    assert truth.warnings == odd


def test_half_is_no_lesion_and_jpeg_edges_are_grey(tmp_path: Path) -> None:
    steps = np.array([[0, 127, 128, 255]], np.uint8)
    truth = read_truth(save(tmp_path / "m.png", steps))
    assert truth.mask.tolist() == [[False, False, True, True]]
    square = np.zeros((64, 64), np.uint8)
    square[20:41, 20:41] = 255
    path = tmp_path / "m.jpg"
    Image.fromarray(square).save(path, quality=70)
    truth = read_truth(path)
    assert np.array_equal(truth.mask, square > 0)
    assert truth.warnings == ("grey values: lesion is above half",)


@pytest.mark.parametrize("value", [0, 255])
def test_empty_and_full(tmp_path: Path, value: int) -> None:
    truth = read_truth(save(tmp_path / "m.png", np.full((4, 5), value, np.uint8)))
    assert truth.mask.all() == truth.mask.any() == (value == 255)
    assert truth.warnings == ()


def refusal(path: Path, **options: object) -> ImageError:
    with pytest.raises(ImageError) as caught:
        read_truth(path, **options)
    assert "\n" not in str(caught.value)
    return caught.value


def test_truth_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", grey(255))
    error = refusal(path, size=(9, 12))
    assert error.code == "mask_size"
    assert str(error) == "m.png: 9 x 12 pixels, its photograph has 12 x 9"
    colours = np.random.default_rng(0).integers(0, 255, (12, 9, 3), dtype=np.uint8)
    assert refusal(save(tmp_path / "c.png", colours)).code == "mask_channels"
    assert refusal(tmp_path / "gone.png").code == "missing"
    whole = save(tmp_path / "n.png", colours[:, :, 0]).read_bytes()
    for name, data, code in (
        ("cut.png", whole[: len(whole) // 2], "truncated"),
        ("empty.png", b"", "empty"),
        ("text.png", b"hello", "not_an_image"),
        ("flat.png", whole[:16] + bytes(4) + whole[20:], "corrupt"),
        ("huge.png", whole[:16] + b"\0\0\xff\xff" * 2 + whole[24:], "too_many_pixels"),
    ):
        (tmp_path / name).write_bytes(data)
        assert refusal(tmp_path / name).code == code


def test_scored_by_the_official_rule(tmp_path: Path) -> None:
    steps = np.array([[0, 1, 127, 128, 129, 254, 255]], np.uint8)
    scored = read_scored(save(tmp_path / "m.png", steps))
    assert scored.dtype == np.bool_
    assert scored.tolist() == [[False] * 4 + [True] * 3]
    assert np.array_equal(read_scored(save(tmp_path / "b.png", grey(255), "1")), LESION)
    assert not read_scored(save(tmp_path / "o.png", grey(1))).any()


@pytest.mark.parametrize("mode", ["RGB", "LA", "RGBA", "P", "I;16"])
def test_scored_refuses_all_but_one_channel_of_8_bits(tmp_path: Path, mode: str) -> None:
    if mode == "I;16":
        path = save(tmp_path / "m.png", grey(255).astype(np.uint16))
    else:
        path = save(tmp_path / "m.png", grey(255), mode)
    with pytest.raises(ImageError) as caught:
        read_scored(path)
    assert caught.value.code == "mask_channels"


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=40)), st.booleans())
def test_written_masks_come_back(tmp_path: Path, mask: NDArray[np.bool_], turned: bool) -> None:
    mask = mask.T if turned else mask
    path = tmp_path / "m.png"
    write_mask(path, mask)
    assert np.array_equal(read_scored(path), mask)
    truth = read_truth(path, size=mask.shape)
    assert np.array_equal(truth.mask, mask)
    assert truth.warnings == ()
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("PNG", "L")
        assert set(np.unique(np.asarray(image)).tolist()) <= {0, 255}
        assert image.info == {}
