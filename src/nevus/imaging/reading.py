"""Reading photographs from strangers: JPEG and PNG to RGB, or one clear refusal."""

import io
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nevus.errors import ImageError
from nevus.imaging.colors import flatten_colors
from nevus.imaging.headers import Header, drop_extras, read_header
from nevus.imaging.limits import DEFAULT_LIMITS, Limits
from nevus.imaging.memory import make_room_for
from nevus.imaging.metadata import describe_profile, read_orientation
from nevus.imaging.silence import silence

_FORMATS = ("JPEG", "PNG", "MPO")


@dataclass(frozen=True)
class Photograph:
    """A decoded photograph.

    Attributes:
        pixels: (H, W, 3) uint8, RGB, in the stored pixel frame: orientation is not applied, so
            that masks fit the file.
        orientation: EXIF orientation, 1 to 8.
        warnings: What was odd about the file, a sentence each.
    """

    pixels: NDArray[np.uint8]
    orientation: int
    warnings: tuple[str, ...]


def read_image(source: Path | bytes, limits: Limits = DEFAULT_LIMITS) -> Photograph:
    """Return a photograph as RGB.

    Args:
        source: A file or its bytes.
        limits: Checked before decoding.

    Raises:
        ImageError: The file is missing, foreign, too large, damaged or cut off; `code` says which.
    """
    name = describe(source)
    try:
        data = read_bytes(source, limits)
        header = _checked_header(data, limits)
        photograph = _decode(drop_extras(data), header, describe_profile(data))
    except ImageError as error:
        raise ImageError(error.code, f"{name}: {error.message}", hint=error.hint) from error
    # Pillow's own copy is larger than ours, and was just freed.
    make_room_for(photograph.pixels)
    return photograph


def read_size(source: Path | bytes, limits: Limits = DEFAULT_LIMITS) -> tuple[int, int]:
    """Return (height, width) from the header alone.

    Raises:
        ImageError: As `read_image`, as far as the header tells.
    """
    name = describe(source)
    try:
        return _checked_header(read_bytes(source, limits), limits).size
    except ImageError as error:
        raise ImageError(error.code, f"{name}: {error.message}", hint=error.hint) from error


def describe(source: Path | bytes) -> str:
    """Return a file's name in a form that cannot break a line."""
    if isinstance(source, bytes):
        return "photograph"
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in source.name)


def read_bytes(source: Path | bytes, limits: Limits) -> bytes:
    """Return a regular file's bytes, refused unread where there are too many.

    Raises:
        ImageError: ``missing``, ``not_a_file``, ``unreadable`` or ``too_large``.
    """
    if isinstance(source, bytes):
        _check_bytes(len(source), limits)
        return source
    try:
        status = source.stat()
        if not stat.S_ISREG(status.st_mode):
            # Opening a pipe would wait for ever.
            raise ImageError("not_a_file", "not a regular file")
        _check_bytes(status.st_size, limits)
        with source.open("rb") as file:
            # One byte more than allowed, because the file may grow meanwhile.
            data = file.read(limits.max_bytes + 1)
        _check_bytes(len(data), limits)
        return data
    except FileNotFoundError as error:
        raise ImageError("missing", "there is no such file") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError("unreadable", f"cannot be read: {reason}") from error


def _check_bytes(size: int, limits: Limits) -> None:
    if size > limits.max_bytes:
        raise ImageError(
            "too_large", f"{size / 2**20:.1f} MiB, at most {limits.max_bytes / 2**20:.0f} MiB"
        )


def _checked_header(data: bytes, limits: Limits) -> Header:
    header = read_header(data, max_scans=limits.max_scans)
    check_size(header, limits)
    return header


def check_size(header: Header, limits: Limits) -> None:
    """Refuse sizes out of the limits.

    Raises:
        ImageError: ``corrupt``, ``too_many_pixels``, ``too_elongated`` or ``too_small``.
    """
    height, width = header.size
    shown = f"{width} x {height} pixels"
    if height == 0 or width == 0:
        raise ImageError("corrupt", f"{shown}: no picture at all")
    if height * width > limits.max_pixels:
        raise ImageError("too_many_pixels", f"{shown}, at most {limits.max_pixels:,} in all")
    if max(height, width) > limits.max_aspect * min(height, width):
        raise ImageError("too_elongated", f"{shown}, sides at most {limits.max_aspect:g} : 1")
    if min(height, width) < limits.min_side:
        raise ImageError("too_small", f"{shown}, sides at least {limits.min_side}")


def _decode(data: bytes, header: Header, profile: str | None) -> Photograph:
    odd = [] if profile is None else [profile]
    try:
        # Pillow warns about odd metadata; what matters is said in our own words.
        with silence(), Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.size != (header.size[1], header.size[0]):
                raise ImageError("corrupt", "two headers name different sizes")
            if getattr(image, "n_frames", 1) > 1:
                odd.append("several pictures in one file: the first is used")
            image.load()
            orientation = read_orientation(image, odd)
            pixels, colours = flatten_colors(image, data, header.bits)
            odd += colours
    except ImageError:
        raise
    except Exception as error:
        # Pillow's parsers raise some ten kinds of exception on damaged files.
        raise name_damage(error) from error
    if orientation != 1:
        odd.append(f"EXIF orientation {orientation} is not applied: outputs fit the stored pixels")
    return Photograph(pixels, orientation, tuple(odd))


def name_damage(error: Exception) -> ImageError:
    """Return the refusal for whatever Pillow raised while decoding."""
    if isinstance(error, MemoryError):
        return ImageError("too_many_pixels", "not enough memory to decode it")
    text = str(error).lower()
    if "truncated" in text or "not enough" in text or "unexpected end" in text:
        return ImageError("truncated", "the file is cut off: its picture is incomplete")
    return ImageError("corrupt", "the data of its picture is damaged")
