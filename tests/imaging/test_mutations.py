"""Damaged at random, seeded: only the project's own error comes out."""

import io
import re
import struct
import zlib
from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nevus.errors import ImageError
from nevus.imaging.reading import read_image

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


def mutate(data: bytes, generator: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for _ in range(generator.integers(1, 6)):
        place = int(generator.integers(len(changed)))
        match generator.integers(4):
            case 0:
                changed[place] = int(generator.integers(256))
            case 1:
                del changed[place : place + int(generator.integers(1, 60))]
            case 2:
                changed[place:place] = generator.bytes(int(generator.integers(1, 60)))
            case _:
                source = int(generator.integers(len(changed)))
                changed[place:place] = changed[source : source + 40]
        if not changed:
            return b""
    return bytes(changed)


def outcome(data: bytes) -> str:
    try:
        pixels = read_image(data).pixels
    except ImageError as error:
        return error.code
    return "read" if pixels.dtype == np.uint8 and pixels.shape[2:] == (3,) else "WRONG"


@pytest.mark.parametrize(
    "whole",
    [
        encode(SMOOTH, "JPEG", progressive=True, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"),
        encode(SMOOTH, "JPEG"),
        encode(SMOOTH),
        deep_png(DEEP),
    ],
    ids=["progressive", "jpeg", "png", "16 bits"],
)
def test_mutations_raise_nothing_else(whole: bytes) -> None:
    generator = np.random.default_rng(2018)
    outcomes = Counter(outcome(mutate(whole, generator)) for _ in range(300))
    assert all(re.fullmatch("[a-z_]+", code) for code in outcomes)
    assert len(outcomes) > 1
