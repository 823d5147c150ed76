"""What a file's first bytes say, read without decoding anything.

JPEG: ITU-T T.81, annex B. PNG: W3C, Portable Network Graphics, section 11.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from nevus.errors import ImageError

JPEG_MAGIC = b"\xff\xd8\xff"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

_FOREIGN = (
    (b"GIF8", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"BM", "BMP"),
    (b"%!PS", "EPS"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x00\x00\x00\x0cjP", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
)
# Any marker but those without a segment: within a scan's data 0xFF is followed by 0x00 or a
# restart marker, elsewhere it may be followed by more 0xFF.
_SEGMENT = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_NEEDED = (b"tRNS", b"eXIf")
_MAX_SEGMENTS, _MAX_CHUNKS = 10_000, 50_000
_PROFILE_MARK, _PROFILE_HEAD = b"ICC_PROFILE\0", 4096
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_FRAMES_DECODED = {0xC0, 0xC1, 0xC2}


@dataclass(frozen=True)
class Header:
    """What is known before decoding.

    Attributes:
        format: ``JPEG`` or ``PNG``.
        size: (height, width), pixels.
        bits: Per channel.
        channels: In the file, before any palette is applied.
        scans: Of a JPEG; 1 for a PNG.
    """

    format: str
    size: tuple[int, int]
    bits: int
    channels: int
    scans: int


def read_header(data: bytes, *, max_scans: int) -> Header:
    """Return the header of a JPEG or PNG.

    Args:
        data: The whole file.
        max_scans: Counting scans stops beyond this many.

    Raises:
        ImageError: ``empty``, ``wrong_format``, ``not_an_image``, ``truncated``, ``corrupt``,
            ``animated`` or ``too_many_scans``.
    """
    if not data:
        raise ImageError("empty", "the file is empty")
    if data.startswith(JPEG_MAGIC):
        return _read_jpeg(data, max_scans)
    if data.startswith(PNG_MAGIC):
        return _read_png(data)
    raise _foreign(data)


def read_profile(data: bytes) -> bytes | None:
    """Return the first 4 kB of a JPEG's or PNG's ICC profile; None where there is none.

    Empty where it cannot be unpacked.

    Raises:
        ImageError: ``corrupt``, there are too many parts.
    """
    if data.startswith(JPEG_MAGIC):
        for place, marker in _find_segments(data):
            if marker == 0xDA:
                return None
            if marker == 0xE2 and data.startswith(_PROFILE_MARK, place + 4):
                # Which part of how many stands in two bytes after the mark.
                start = place + 4 + len(_PROFILE_MARK) + 2
                end = place + 2 + struct.unpack_from(">H", data, place + 2)[0]
                return data[start : min(end, start + _PROFILE_HEAD)]
        return None
    for start, end, name in _find_chunks(data):
        if name == b"IDAT":
            return None
        if name == b"iCCP":
            return _unpack_profile(data[start + 8 : end - 4])
    return None


def _unpack_profile(content: bytes) -> bytes:
    # A name of up to 79 bytes, its end, the kind of packing, which is always zlib's.
    packed = content.partition(b"\0")[2][1:]
    try:
        return zlib.decompressobj().decompress(packed, _PROFILE_HEAD)
    except zlib.error:
        return b""


def drop_extras(data: bytes) -> bytes:
    """Return a JPEG or PNG without texts, profiles and whatever else its pixels do not need.

    These may swell a thousandfold when unpacked, cost seconds to put together, or be damaged
    where the picture is whole. Left are the EXIF data, for the orientation.

    Raises:
        ImageError: ``corrupt``, there are too many parts.
    """
    extras = _find_jpeg_extras(data) if data.startswith(JPEG_MAGIC) else _find_png_extras(data)
    kept, place = [], 0
    for start, end in extras:
        kept.append(data[place:start])
        place = end
    return b"".join(kept) + data[place:] if kept else data


def _find_jpeg_extras(data: bytes) -> Iterator[tuple[int, int]]:
    has_exif = False
    for place, marker in _find_segments(data):
        if marker == 0xDA:
            return
        content, end = place + 4, place + 2 + struct.unpack_from(">H", data, place + 2)[0]
        is_exif = marker == 0xE1 and data.startswith(b"Exif\0\0", content)
        # Of several EXIF segments, put together one by one, the first says the orientation.
        needed = is_exif and not has_exif
        has_exif |= is_exif
        needed |= marker in (0xE0, 0xEE) or data.startswith(b"MPF\0", content)
        if not needed and (marker in range(0xE0, 0xF0) or marker == 0xFE):
            yield place, end


def _find_png_extras(data: bytes) -> Iterator[tuple[int, int]]:
    return ((start, end) for start, end, name in _find_chunks(data) if _is_extra(name))


def _is_extra(name: bytes) -> bool:
    # Of chunks that may be ignored, the first letter is small.
    return name.isalpha() and name[:1].islower() and name not in _NEEDED


def _foreign(data: bytes) -> ImageError:
    hint = "save it as JPEG or PNG"
    for magic, name in _FOREIGN:
        if data.startswith(magic):
            article = "an" if name[0] in "AE" else "a"
            text = f"this is {article} {name} file, not JPEG or PNG"
            return ImageError("wrong_format", text, hint=hint)
    if data[128:132] == b"DICM":
        hint = "export its picture as PNG"
        return ImageError("wrong_format", "this is a DICOM file, not JPEG or PNG", hint=hint)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return ImageError("wrong_format", "this is a WebP file, not JPEG or PNG", hint=hint)
    if data[4:8] == b"ftyp":
        return ImageError("wrong_format", "this is a HEIC, AVIF or video file", hint=hint)
    start = data[:512].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<svg")):
        return ImageError("not_an_image", "this is a web page or XML text, not a photograph")
    if all(byte in b"\t\n\r" or byte >= 32 for byte in data[:512]):
        return ImageError("not_an_image", "this is text, not a photograph")
    return ImageError("not_an_image", "the file does not begin like a JPEG or PNG")


def _read_png(data: bytes) -> Header:
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise ImageError("truncated", "the PNG ends within its header")
    width, height, bits, kind = struct.unpack_from(">IIBB", data, 16)
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(kind)
    if channels is None or bits not in (1, 2, 4, 8, 16):
        raise ImageError("corrupt", f"the PNG header names colour type {kind} and {bits} bits")
    for _, _, name in _find_chunks(data):
        if name == b"acTL":
            raise ImageError("animated", "the PNG is animated; one picture is expected")
        if name in (b"IDAT", b"IEND"):
            break
    return Header("PNG", (height, width), bits, channels, 1)


def _find_chunks(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield (start, end, name) of each chunk, the last perhaps cut off."""
    place = len(PNG_MAGIC)
    for _ in range(_MAX_CHUNKS):
        if place + 8 > len(data):
            return
        length, name = struct.unpack_from(">I4s", data, place)
        yield place, min(place + 12 + length, len(data)), name
        place += 12 + length
    raise ImageError("corrupt", f"the PNG has more than {_MAX_CHUNKS:,} chunks")


def _read_jpeg(data: bytes, max_scans: int) -> Header:
    frame: tuple[int, int, int, int] | None = None
    scans = 0
    for place, marker in _find_segments(data):
        if marker in _FRAMES and frame is None:
            frame = _read_frame(data, place, marker)
        scans += marker == 0xDA
        if scans > max_scans:
            raise ImageError(
                "too_many_scans", f"the JPEG has more than {max_scans} scans", hint="re-save it"
            )
    if frame is None or scans == 0:
        raise ImageError("truncated", "the JPEG ends before its picture begins")
    bits, height, width, channels = frame
    return Header("JPEG", (height, width), bits, channels, scans)


def _find_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield (place, marker) of each segment up to the end of the picture."""
    place = 2
    for _ in range(_MAX_SEGMENTS):
        # A search in C: the data of a scan may hold millions of 0xFF.
        found = _SEGMENT.search(data, place)
        if found is None or found.end() + 2 > len(data) or data[found.end() - 1] == 0xD9:
            return
        length = struct.unpack_from(">H", data, found.end())[0]
        if length < 2:
            raise ImageError("corrupt", "the JPEG has a segment shorter than its own length")
        yield found.start(), data[found.end() - 1]
        place = found.end() + length
    raise ImageError("corrupt", f"the JPEG has more than {_MAX_SEGMENTS:,} segments")


def _read_frame(data: bytes, place: int, marker: int) -> tuple[int, int, int, int]:
    if marker not in _FRAMES_DECODED:
        raise ImageError(
            "wrong_format", "the JPEG is lossless, arithmetic or hierarchical", hint="re-save it"
        )
    if place + 10 > len(data):
        raise ImageError("truncated", "the JPEG ends within its header")
    bits, height, width, channels = struct.unpack_from(">BHHB", data, place + 4)
    return bits, height, width, channels
