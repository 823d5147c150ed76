"""Colours: 16 bits exactly, transparent parts on white, everything else as RGB."""

import io
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nevus.imaging.reading import read_image

NOISE = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)
ROWS, COLUMNS = np.mgrid[:40, :56]
SMOOTH = np.stack([ROWS * 5, COLUMNS * 4, 255 - ROWS * 3], axis=2).astype(np.uint8)
DEEP = np.random.default_rng(1).integers(0, 65536, (40, 56, 4), dtype=np.uint16)


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


def png(rows: list[bytes], width: int, bits: int, kind: int, extra: bytes = b"") -> bytes:
    """Return a PNG from packed rows, written by hand."""
    header = struct.pack(">IIBBBBB", width, len(rows), bits, kind, 0, 0, 0)
    content = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = chunk(b"IHDR", header), extra, chunk(b"IDAT", content), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def deep_png(values: NDArray[np.uint16], extra: bytes = b"") -> bytes:
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[values.shape[2]]
    return png([row.astype(">u2").tobytes() for row in values], values.shape[1], 16, kind, extra)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bits_are_exact(channels: int) -> None:
    values = DEEP[:, :, -channels:]
    read = read_image(deep_png(values))
    colours = np.rint(values[:, :, : channels - (channels in (2, 4))] / 257)
    if channels in (2, 4):
        alpha = np.rint(values[:, :, -1:] / 257)
        colours = (colours * alpha + 255 * (255 - alpha)) / 255
    assert np.abs(read.pixels - colours).max() <= (0.5 if channels in (2, 4) else 0)
    assert "16 bits per channel, reduced to 8" in read.warnings
    assert channels == 2 or ("grey, no colours" in read.warnings) == (channels == 1)


def test_every_16_bit_value() -> None:
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    expected = np.rint(ramp[:, :, 0] / 257)
    for channels in (1, 3):
        read = read_image(deep_png(np.repeat(ramp, channels, axis=2)))
        assert np.array_equal(read.pixels, np.stack([expected] * 3, axis=2))


def test_16_bits_from_pillow_itself() -> None:
    image = Image.fromarray(DEEP[:, :, 0])
    assert np.array_equal(read_image(encode(image)).pixels[:, :, 0], np.rint(DEEP[:, :, 0] / 257))


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_transparent_grey_becomes_white(bits: int) -> None:
    levels = np.random.default_rng(2).integers(0, 2**bits, (32, 32))
    levels[0, 0] = key = 1
    if bits == 16:
        rows = [row.astype(">u2").tobytes() for row in levels]
    else:
        unpacked = (levels[:, :, None] >> np.arange(bits)[::-1]) & 1
        rows = [np.packbits(row.reshape(-1).astype(np.uint8)).tobytes() for row in unpacked]
    read = read_image(png(rows, 32, bits, 0, chunk(b"tRNS", struct.pack(">H", key))))
    expected = np.rint(levels * (255 / (2**bits - 1)))
    expected[levels == key] = 255
    assert np.array_equal(read.pixels[:, :, 1], expected)
    assert "transparent parts are shown on white" in read.warnings


def test_a_transparent_colour_becomes_white() -> None:
    for bits, values in ((8, NOISE), (16, DEEP[:, :, :3])):
        key = struct.pack(">HHH", *(int(value) for value in values[3, 4]))
        rows = [row.astype(f">u{bits // 8}").tobytes() for row in values]
        read = read_image(png(rows, 56, bits, 2, chunk(b"tRNS", key)))
        expected = np.rint(values / (257 if bits == 16 else 1))
        expected[3, 4] = 255
        assert np.array_equal(read.pixels, expected)


def test_alpha_is_laid_on_white() -> None:
    layered = np.dstack([NOISE, np.full((40, 56), 255, np.uint8)])
    layered[:20, :, 3] = 0
    layered[20, :, 3] = 128
    read = read_image(encode(layered))
    assert (read.pixels[:20] == 255).all()
    assert np.array_equal(read.pixels[21:], NOISE[21:])
    mixed = NOISE[20] * (128 / 255) + 255 * (127 / 255)
    assert np.abs(read.pixels[20] - mixed).max() <= 1
    assert read.warnings == ("transparent parts are shown on white",)


def test_an_alpha_that_hides_nothing_is_not_odd() -> None:
    whole = np.full((40, 56, 1), 255, np.uint8)
    read = read_image(encode(np.dstack([NOISE, whole])))
    assert np.array_equal(read.pixels, NOISE)
    assert read.warnings == ()
    grey = read_image(encode(Image.fromarray(np.dstack([NOISE[:, :, :1], whole]), "LA")))
    assert grey.warnings == ("grey, no colours",)


def test_grey_one_bit_and_palette() -> None:
    grey = read_image(encode(NOISE[:, :, 0]))
    assert np.array_equal(grey.pixels, np.stack([NOISE[:, :, 0]] * 3, axis=2))
    dots = read_image(encode(Image.fromarray(NOISE[:, :, 0] > 99)))
    assert np.array_equal(dots.pixels[:, :, 2], (NOISE[:, :, 0] > 99) * 255)
    assert grey.warnings == dots.warnings == ("grey, no colours",)
    few = Image.fromarray(NOISE).quantize(16)
    read = read_image(encode(few))
    assert np.array_equal(read.pixels, np.asarray(few.convert("RGB")))
    assert read.warnings == ("a palette of few colours",)
    through = read_image(encode(few, transparency=few.getpixel((5, 6))))
    assert through.pixels[6, 5].tolist() == [255, 255, 255]


def test_cmyk() -> None:
    image = Image.fromarray(SMOOTH).convert("CMYK")
    read = read_image(encode(image, "JPEG", quality=95))
    assert np.abs(read.pixels.astype(int) - SMOOTH).max() <= 12
    assert read.warnings == ("CMYK, converted to RGB without a colour profile",)
