"""Photographs from strangers: read right, or refused with the project's own error."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nevus.errors import ImageError
from nevus.imaging.limits import Limits
from nevus.imaging.reading import describe, read_image, read_size

NOISE = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)
ROWS, COLUMNS = np.mgrid[:40, :56]
SMOOTH = np.stack([ROWS * 5, COLUMNS * 4, 255 - ROWS * 3], axis=2).astype(np.uint8)


def encode(
    picture: Image.Image | NDArray[np.generic], kind: str = "PNG", **options: object
) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(content, zlib.crc32(name)))
    )


def refusal(source: Path | bytes, limits: Limits | None = None) -> ImageError:
    with pytest.raises(ImageError) as caught:
        read_image(source, limits or Limits())
    assert "\n" not in str(caught.value)
    return caught.value


def header_only(width: int, height: int) -> bytes:
    data = encode(NOISE)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return data[:8] + header + data[33:]


def scans(count: int) -> bytes:
    data = encode(NOISE, "JPEG", progressive=True)
    start = data.index(b"\xff\xda")
    return data[:start] + data[start : data.index(b"\xff", start + 2)] * count + data[start:]


REFUSED = {
    "empty": (b"", "empty"),
    "text": (b"not a photograph", "not_an_image"),
    "html": (b"<!doctype html><html></html>", "not_an_image"),
    "random": (np.random.default_rng(3).bytes(5000), "not_an_image"),
    **{
        kind: (encode(NOISE, kind), "wrong_format")
        for kind in ("GIF", "WEBP", "TIFF", "BMP", "EPS")
    },
    "DICOM": (bytes(128) + b"DICM" + bytes(200), "wrong_format"),
    "truncated jpeg": (encode(NOISE, "JPEG")[:-300], "truncated"),
    "truncated progressive": (encode(NOISE, "JPEG", progressive=True)[:-300], "truncated"),
    "truncated png": (encode(NOISE)[:-900], "truncated"),
    "truncated at the header": (encode(NOISE)[:20], "truncated"),
    "no width": (header_only(0, 40), "corrupt"),
    "no height": (header_only(40, 0), "corrupt"),
    "one pixel": (encode(NOISE[:1, :1]), "too_small"),
    "31 rows": (encode(NOISE[:31]), "too_small"),
    "1x20000": (header_only(1, 20_000), "too_elongated"),
    "20000x1": (header_only(20_000, 1), "too_elongated"),
    "30000x30000": (header_only(30_000, 30_000), "too_many_pixels"),
    "2**31": (header_only(2**31 - 1, 2**31 - 1), "too_many_pixels"),
    "many scans": (scans(65), "too_many_scans"),
    "animated": (
        encode(NOISE, save_all=True, append_images=[Image.fromarray(SMOOTH)]),
        "animated",
    ),
    "flipped bits": (encode(NOISE)[:60] + b"\xff" * 40 + encode(NOISE)[100:], "corrupt"),
}


@pytest.mark.parametrize(("data", "code"), REFUSED.values(), ids=REFUSED)
def test_refusals(tmp_path: Path, data: bytes, code: str) -> None:
    path = tmp_path / "renamed.jpg"
    path.write_bytes(data)
    error = refusal(path)
    assert error.code == code
    assert str(error).startswith("renamed.jpg: ")
    assert refusal(data).code == code


def test_reasons_are_words_for_people() -> None:
    texts = [refusal(data).message for data, _ in REFUSED.values()]
    assert "photograph: this is an EPS file, not JPEG or PNG" in texts
    assert not any("Error" in text for text in texts)


@pytest.mark.parametrize(
    "name",
    [name for name in REFUSED if name not in ("flipped bits",) and "truncated j" not in name],
)
def test_the_header_alone_refuses_too(name: str) -> None:
    data, code = REFUSED[name]
    if code == "truncated" and "header" not in name:
        assert read_size(data) == (40, 56)
    else:
        with pytest.raises(ImageError) as caught:
            read_size(data)
        assert caught.value.code == code


def test_limits() -> None:
    data = encode(NOISE)
    assert refusal(data, Limits(max_bytes=len(data) - 1)).code == "too_large"
    assert refusal(data, Limits(max_pixels=40 * 56 - 1)).code == "too_many_pixels"
    assert refusal(data, Limits(min_side=41)).code == "too_small"
    assert refusal(data, Limits(max_aspect=1.39)).code == "too_elongated"
    exact = Limits(max_bytes=len(data), max_pixels=40 * 56, min_side=40, max_aspect=1.4)
    assert read_image(data, exact).warnings == ()


def test_other_parsers_are_never_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    opened = Image.open

    def watch(file: object, *, formats: object) -> Image.Image:
        asked.append(formats)
        return opened(file, formats=formats)

    monkeypatch.setattr(Image, "open", watch)
    read_image(encode(NOISE))
    read_image(encode(SMOOTH, "JPEG"))
    assert {kind for kinds in asked for kind in kinds} <= {"JPEG", "PNG", "MPO"}


def test_files_that_are_none(tmp_path: Path) -> None:
    assert refusal(tmp_path / "gone.jpg").code == "missing"
    assert refusal(tmp_path).code == "not_a_file"
    assert refusal(tmp_path / "a\0.jpg").code == "unreadable"
    assert refusal(tmp_path / ("a" * 300)).code in ("unreadable", "missing")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.timeout(5)
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    assert refusal(tmp_path / "a.jpg").code == "not_a_file"


def test_a_file_that_grows_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode(NOISE))
    before = path.stat()
    path.write_bytes(encode(NOISE) + bytes(10_000))
    monkeypatch.setattr(Path, "stat", lambda self, **options: before)
    assert refusal(path, Limits(max_bytes=before.st_size)).code == "too_large"


@pytest.mark.parametrize(
    "name", ["a\nb.jpg", "a\x1b[31mb", "a\u202eb", "a\r", "é 痣 \"'", "=cmd()"]
)
def test_names_cannot_break_a_line(name: str) -> None:
    shown = describe(Path(name))
    assert shown.isprintable()
    assert shown == name or "\\" in shown
    assert shown in str(refusal(Path("nowhere") / name))


def test_plain_files() -> None:
    assert np.array_equal(read_image(encode(NOISE)).pixels, NOISE)
    read = read_image(encode(SMOOTH, "JPEG", quality=95))
    assert np.abs(read.pixels.astype(int) - SMOOTH).max() <= 8
    assert (read.orientation, read.warnings) == (1, ())
    assert read.pixels.dtype == np.uint8


def test_trailing_bytes() -> None:
    assert np.array_equal(read_image(encode(NOISE) + b"trailing").pixels, NOISE)
    whole = encode(SMOOTH, "JPEG")
    assert np.array_equal(read_image(whole + NOISE.tobytes()).pixels, read_image(whole).pixels)


@pytest.mark.real
def test_real_bad_files(real: Path) -> None:
    folder = real / "bad_images"
    codes = [refusal(path).code for path in sorted(folder.glob("ISIC_*.jpg"))]
    assert codes == ["truncated"] * 6
    turned = read_image(folder / "image_with_exif_including_orientation.jpg")
    assert turned.orientation != 1
    assert any("orientation" in text for text in turned.warnings)
    deep = read_image(folder / "RCM_tile_with_exif.png")
    assert any("16 bits" in text for text in deep.warnings)
    assert len(np.unique(deep.pixels)) > 50


@pytest.mark.real
def test_real_photographs_of_other_things(real: Path) -> None:
    for path in sorted((real / "not_dermoscopy").glob("*.jpg")):
        read = read_image(path)
        assert read.pixels.shape[:2] == read_size(path)
        assert read.pixels.std() > 5
