"""Headers: what is refused before a single pixel is decoded."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from nevus.errors import ImageError
from nevus.imaging.headers import PNG_MAGIC, Header, drop_extras, read_header


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(content))


def png(
    *, width: int = 40, height: int = 40, bits: int = 8, kind: int = 2, rest: bytes = b""
) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return PNG_MAGIC + chunk(b"IHDR", header) + rest


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def frame(*, width: int = 40, height: int = 40, marker: int = 0xC0) -> bytes:
    return segment(marker, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0")


def jpeg(*parts: bytes) -> bytes:
    return b"\xff\xd8" + b"".join(parts)


SCAN = segment(0xDA, b"\1\1\0\0\x3f\0")
EOI = b"\xff\xd9"


def encode(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((50, 70, 3), np.uint8)).save(buffer, kind, **options)
    return buffer.getvalue()


def test_what_pillow_writes() -> None:
    assert read_header(encode("PNG"), max_scans=64) == Header("PNG", (50, 70), 8, 3, 1)
    assert read_header(encode("JPEG"), max_scans=64) == Header("JPEG", (50, 70), 8, 3, 1)
    many = read_header(encode("JPEG", progressive=True), max_scans=64)
    assert many.size == (50, 70)
    assert many.scans > 1


REFUSED = {
    "empty": (b"", "empty"),
    "gif": (b"GIF89a" + bytes(40), "wrong_format"),
    "webp": (b"RIFF\0\0\0\0WEBPVP8 ", "wrong_format"),
    "tiff, little": (b"II*\0" + bytes(40), "wrong_format"),
    "tiff, big": (b"MM\0*" + bytes(40), "wrong_format"),
    "bmp": (b"BM" + bytes(40), "wrong_format"),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "wrong_format"),
    "eps with a preview": (b"\xc5\xd0\xd3\xc6" + bytes(40), "wrong_format"),
    "pdf": (b"%PDF-1.7\n", "wrong_format"),
    "zip": (b"PK\3\4" + bytes(40), "wrong_format"),
    "heic": (b"\0\0\0\x18ftypheic" + bytes(40), "wrong_format"),
    "jpeg 2000": (b"\0\0\0\x0cjP  \r\n\x87\n", "wrong_format"),
    "web page": (b"\n <!DOCTYPE html><html>", "not_an_image"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_an_image"),
    "text": ("a naevus, not a nævus".encode(), "not_an_image"),
    "zeros": (bytes(100), "not_an_image"),
    "noise": (np.random.default_rng(5).bytes(1000), "not_an_image"),
    "png, magic alone": (PNG_MAGIC, "truncated"),
    "png, strange colours": (png(kind=5), "corrupt"),
    "png, strange bits": (png(bits=7), "corrupt"),
    "png, animated": (png(rest=chunk(b"acTL", bytes(8))), "animated"),
    "png, millions of chunks": (png(rest=chunk(b"teXt", b"") * 50_001), "corrupt"),
    "jpeg, magic alone": (b"\xff\xd8\xff", "truncated"),
    "jpeg, no frame": (jpeg(SCAN, EOI), "truncated"),
    "jpeg, no scan": (jpeg(frame(), EOI), "truncated"),
    "jpeg, half a frame": (jpeg(frame()[:8]), "truncated"),
    "jpeg, lossless": (jpeg(frame(marker=0xC3)), "wrong_format"),
    "jpeg, arithmetic": (jpeg(frame(marker=0xC9)), "wrong_format"),
    "jpeg, short segment": (jpeg(b"\xff\xe0\0\1"), "corrupt"),
    "jpeg, thousands of segments": (jpeg(segment(0xE0, b"") * 10_001, frame()), "corrupt"),
    "jpeg, 65 scans": (jpeg(frame(), SCAN * 65, EOI), "too_many_scans"),
}


@pytest.mark.parametrize(("data", "code"), REFUSED.values(), ids=REFUSED)
def test_refusals(data: bytes, code: str) -> None:
    with pytest.raises(ImageError) as caught:
        read_header(data, max_scans=64)
    assert caught.value.code == code
    assert "\n" not in str(caught.value)


def test_scans_are_counted_through_stuffing_restarts_and_filling() -> None:
    entropy = b"\x12\xff\0\x34\xff\xd0\x56\xff\0\xff\0\xff\xd7\xff\xff"
    data = jpeg(frame(), (SCAN + entropy) * 64, EOI, SCAN * 9)
    assert read_header(data, max_scans=64).scans == 64
    with pytest.raises(ImageError, match="more than 63 scans"):
        read_header(data, max_scans=63)


def test_a_scan_within_a_comment_does_not_count_and_a_thumbnail_is_no_frame() -> None:
    inner = jpeg(frame(width=8, height=8), SCAN, EOI)
    data = jpeg(segment(0xFE, inner), segment(0xE1, inner), frame(), SCAN, EOI)
    assert read_header(data, max_scans=1) == Header("JPEG", (40, 40), 8, 1, 1)


def test_the_first_frame_counts() -> None:
    data = jpeg(frame(), frame(width=9999, height=9999), SCAN, EOI)
    assert read_header(data, max_scans=1).size == (40, 40)


def test_a_chunk_longer_than_the_file_ends_the_search() -> None:
    data = png(rest=struct.pack(">I", 2**32 - 1) + b"teXt")
    assert read_header(data, max_scans=1).size == (40, 40)


def test_extras_are_dropped_and_nothing_else() -> None:
    scan = SCAN + b"\x12" + segment(0xFE, b"in the data")
    exif, multi = segment(0xE1, b"Exif\0\0one"), segment(0xE2, b"MPF\0")
    adobe, jfif = segment(0xEE, b"Adobe"), segment(0xE0, b"JFIF\0")
    comment, icc = segment(0xFE, b"name"), segment(0xE2, b"ICC_PROFILE\0")
    second = segment(0xE1, b"Exif\0\0two")
    data = jpeg(jfif, comment, exif, second, icc, multi, adobe, frame(), scan, EOI)
    assert drop_extras(data) == jpeg(jfif, exif, multi, adobe, frame(), scan, EOI)
    kept = [chunk(name, b"x") for name in (b"PLTE", b"tRNS", b"eXIf", b"IDAT", b"IEND", b"QQQQ")]
    texts = [chunk(name, b"x") for name in (b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"qqQQ")]
    data = png(rest=b"".join(map(bytes.__add__, kept, [*texts, b""])))
    assert drop_extras(data) == png(rest=b"".join(kept))


@pytest.mark.parametrize(
    "data", [b"", png(), encode("PNG"), encode("JPEG"), jpeg(frame()), PNG_MAGIC]
)
def test_files_without_extras_stay(data: bytes) -> None:
    assert drop_extras(data) == data
