"""Look-alikes: changed copies are found, other pictures are not, and the cache tells the truth."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter, rotate, shift

from nevus.data.likeness import find_alike, make_thumbnail
from nevus.data.lookalikes import (
    find_lookalikes,
    group_lookalikes,
    pair_thumbnails,
)
from nevus.data.records import Record

Pixels = NDArray[np.uint8]


def draw(seed: int, size: tuple[int, int] = (180, 240)) -> Pixels:
    """Return skin with texture, a ragged dark patch and some hairs."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[: size[0], : size[1]]
    rough = gaussian_filter(generator.normal(0, 1, size), 9)
    distance = np.hypot((rows - size[0] / 2) / 50, (columns - size[1] / 2) / 65)
    patch = distance + rough * 9 < 1
    texture = gaussian_filter(generator.normal(0, 1, size), 2) * 90
    grey = 190 + texture - 90 * gaussian_filter(patch.astype(float), 2)
    for _ in range(4):
        angle, place = generator.uniform(0, np.pi), generator.uniform(40, 140)
        grey[np.abs(rows * np.cos(angle) + columns * np.sin(angle) - place) < 1] -= 60
    return np.clip(grey[:, :, None] + np.array([20, -10, -15]), 0, 255).astype(np.uint8)


def resample(pixels: Pixels) -> Pixels:
    small = Image.fromarray(pixels).resize((131, 97))
    return np.asarray(small)


def recompress(pixels: Pixels) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=35)
    return np.asarray(Image.open(buffer))


CHANGES = {
    "same": lambda p: p,
    "resampled": resample,
    "recompressed": recompress,
    "darker": lambda p: (p * 0.6).astype(np.uint8),
    "more contrast": lambda p: np.clip((p - 128.0) * 1.5 + 128, 0, 255).astype(np.uint8),
    "tinted": lambda p: np.clip(p + np.array([30, -20, 10.0]), 0, 255).astype(np.uint8),
    "turned": np.rot90,
    "mirrored": lambda p: p[:, ::-1],
    "mirrored and turned": lambda p: np.rot90(p[:, ::-1], 3),
    "cropped": lambda p: p[4:-4, 6:-6],
    "moved": lambda p: shift(p, (4, -5, 0), order=1, mode="nearest"),
    "turned a little": lambda p: rotate(p, 3, reshape=False, order=1, mode="nearest"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_copy_is_found_and_another_picture_is_not(change) -> None:
    pictures = [draw(1), draw(2), change(draw(1)), draw(3)]
    thumbnails = {f"p{k}": make_thumbnail(picture) for k, picture in enumerate(pictures)}
    assert pair_thumbnails(thumbnails) == [("p0", "p2")]


def test_different_pictures_are_not_paired() -> None:
    stack = np.stack([make_thumbnail(draw(seed)) for seed in range(10, 34)])
    assert find_alike(stack) == []
    assert find_alike(stack[:1]) == []


def test_many_copies_are_paired_with_the_first_and_empty_pictures_with_none() -> None:
    one, empty = make_thumbnail(draw(1)), np.full((96, 96), 7, np.uint8)
    assert pair_thumbnails({"c": one, "a": one, "b": one}) == [("a", "b"), ("a", "c")]
    assert pair_thumbnails({"a": empty, "b": empty}) == []
    assert pair_thumbnails({}) == []


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    found = []
    for name, pixels in {"a": draw(1), "b": draw(2), "c": resample(draw(1))}.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        found.append(Record(name, tmp_path / f"{name}.png"))
    (tmp_path / "d.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    return [*found, Record("d", tmp_path / "d.png"), Record("e", tmp_path / "gone.png")]


@pytest.mark.parametrize("workers", [1, 3])
def test_find_lookalikes(records: list[Record], workers: int) -> None:
    seen: list[tuple[int, int]] = []
    pairs = find_lookalikes(
        records[::-1], workers=workers, progress=lambda done, total: seen.append((done, total))
    )
    assert pairs == [("a", "c")]
    # Decoding, then a part of the comparing for each way to turn a picture.
    assert seen == [(k, 5) for k in range(1, 6)] + [(k, 8) for k in range(8)]
    assert find_lookalikes([]) == []


def test_cache(records: list[Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "kept" / "lookalikes.json"
    assert find_lookalikes(records, cache) == [("a", "c")]
    with monkeypatch.context() as patch:
        patch.setattr("nevus.data.lookalikes.read_image", pytest.fail)
        assert find_lookalikes(records, cache) == [("a", "c")]
        assert find_lookalikes(records[1:], cache) == []
    Image.fromarray(draw(5)).save(records[2].image)
    assert find_lookalikes(records, cache) == []
    assert json.loads(cache.read_text())["pairs"] == []


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"format": [1, 96], "files": 3}'])
def test_a_damaged_cache_is_made_anew(records: list[Record], tmp_path: Path, text: str) -> None:
    cache = tmp_path / "lookalikes.json"
    cache.write_text(text)
    assert find_lookalikes(records, cache) == [("a", "c")]
    assert json.loads(cache.read_text())["pairs"] == [["a", "c"]]


def test_a_cache_that_cannot_be_written_stops_nothing(
    records: list[Record], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    assert find_lookalikes(records, tmp_path / "file" / "cache.json") == [("a", "c")]


def test_group_lookalikes() -> None:
    pairs = [("d", "c"), ("b", "c"), ("e", "elsewhere")]
    assert group_lookalikes("abcde", pairs) == {
        "a": "a",
        "b": "b",
        "c": "b",
        "d": "b",
        "e": "e",
    }


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40))
def test_groups_are_the_connected_parts(edges: list[tuple[int, int]]) -> None:
    names = [f"{k:02d}" for k in range(31)]
    groups = group_lookalikes(names, [(names[a], names[b]) for a, b in edges])
    parts = [{name} for name in names]
    for a, b in edges:
        joined = next(p for p in parts if names[a] in p) | next(p for p in parts if names[b] in p)
        parts = [p for p in parts if not p & joined] + [joined]
    assert groups == {name: min(part) for part in parts for name in part}


@pytest.mark.real
def test_real_pairs_are_found_among_other_photographs(real: Path) -> None:
    folder = real / "isic2018" / "ISIC2018_Task1-2_Training_Input"
    named = {("ISIC_0012672", "ISIC_0012673"), ("ISIC_0015986", "ISIC_0015987")}
    names = {name for pair in named for name in pair}
    # One lesion published twice, turned by half a circle and three degrees more.
    turned = ("ISIC_0000191", "ISIC_0014907")
    names |= {path.stem for path in sorted(folder.glob("*.jpg"))[1000:1032]} | set(turned)
    records = [Record(name, folder / f"{name}.jpg") for name in sorted(names)]
    assert set(find_lookalikes(records)) == named | {turned}
