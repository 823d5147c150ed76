"""A photograph from wherever it comes: a file, a file's bytes, or pixels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nevus.errors import ImageError
from nevus.imaging.cells import clean_name
from nevus.imaging.headers import Header
from nevus.imaging.limits import Limits
from nevus.imaging.reading import Photograph, check_size, describe, read_image

Source = Path | str | bytes | NDArray[np.uint8]
"""A file, a file's bytes, or (H, W, 3) uint8 RGB pixels."""


@dataclass(frozen=True)
class Opened:
    """A photograph and what to call it."""

    photograph: Photograph
    name: str


def open_source(source: Source, name: str | None, limits: Limits) -> Opened:
    """Return a photograph, read within limits.

    Args:
        source: Text is a path.
        name: What to call it; None for the file's name, or ``photograph``.
        limits: Checked before decoding.

    Raises:
        ImageError: It cannot be read, or the pixels are not (H, W, 3) uint8.
    """
    if isinstance(source, np.ndarray):
        return Opened(_check_pixels(source, limits), clean_name(name or "photograph"))
    if isinstance(source, bytes | bytearray | memoryview):
        return _open_bytes(bytes(source), clean_name(name or "photograph"), limits)
    path = Path(source)
    return Opened(read_image(path, limits), clean_name(name or path.name))


def _open_bytes(data: bytes, name: str, limits: Limits) -> Opened:
    try:
        return Opened(read_image(data, limits), name)
    except ImageError as error:
        # Bytes have no name of their own; the reader calls them so.
        text = error.message.removeprefix(f"{describe(data)}: ")
        raise ImageError(error.code, f"{name}: {text}", hint=error.hint) from error


def _check_pixels(pixels: NDArray[np.uint8], limits: Limits) -> Photograph:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ImageError(
            "wrong_pixels",
            f"pixels are {pixels.dtype} of shape {pixels.shape}, expected uint8 (H, W, 3)",
        )
    height, width = pixels.shape[:2]
    check_size(Header("PNG", (height, width), bits=8, channels=3, scans=1), limits)
    return Photograph(np.ascontiguousarray(pixels), 1, ())
