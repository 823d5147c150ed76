"""Reading and writing masks: kindly when training, by the letter when scoring."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nevus.errors import ImageError
from nevus.imaging.colors import narrow
from nevus.imaging.drawing import encode_png
from nevus.imaging.files import write_atomically
from nevus.imaging.headers import drop_extras, read_header
from nevus.imaging.limits import Limits
from nevus.imaging.reading import check_size, describe, name_damage, read_bytes
from nevus.imaging.silence import silence

MASK_LIMITS = Limits(min_side=1, max_aspect=float("inf"), max_pixels=100_000_000)
FOREGROUND_ABOVE = 128
"""The challenge's rule: a pixel is lesion where its value is greater."""


@dataclass(frozen=True)
class TruthMask:
    """A mask to learn from.

    Attributes:
        mask: (H, W) bool.
        warnings: What was odd, a sentence each.
    """

    mask: NDArray[np.bool_]
    warnings: tuple[str, ...]


def read_truth(path: Path, size: tuple[int, int] | None = None) -> TruthMask:
    """Return a mask to learn from: {0, 1}, {0, 254}, {0, 255} and grey edges are understood.

    Args:
        path: A PNG or JPEG.
        size: Expected (height, width), that of the photograph; None for any.

    Raises:
        ImageError: Unreadable, several channels that differ, or ``mask_size``.
    """
    values = _read_values(path)
    odd: list[str] = []
    if values.ndim == 3:
        values, note = _single_channel(values, describe(path))
        odd.append(note)
    if size is not None and values.shape != size:
        raise ImageError(
            "mask_size",
            f"{describe(path)}: {values.shape[1]} x {values.shape[0]} pixels, its photograph has "
            f"{size[1]} x {size[0]}",
        )
    if values.dtype == np.bool_:
        return TruthMask(np.asarray(values, np.bool_), tuple(odd))
    highest = int(values.max())
    if highest > 255:
        values = narrow(values)
        highest = int(values.max())
        odd.append("16 bits")
    if highest <= 1:
        return TruthMask(values > 0, (*odd, "values 0 and 1") if highest else tuple(odd))
    if bool(((values > 0) & (values < 254)).any()):
        odd.append("grey values: lesion is above half")
    elif highest == 254:
        odd.append("values 0 and 254")
    return TruthMask(values > 127, tuple(odd))


def read_scored(path: Path | bytes) -> NDArray[np.bool_]:
    """Return (H, W) bool by the official rule, value > 128.

    Raises:
        ImageError: Unreadable, or not one channel of 8 bits (``mask_channels``).
    """
    values = _read_values(path)
    if values.ndim != 2 or values.dtype not in (np.uint8, np.bool_):
        channels = values.shape[2] if values.ndim == 3 else 1
        raise ImageError(
            "mask_channels",
            f"{describe(path)}: {channels} channels of {8 * values.dtype.itemsize} bits, "
            "one of 8 is expected",
        )
    lesion = values if values.dtype == np.bool_ else values > FOREGROUND_ABOVE
    return np.asarray(lesion, np.bool_)


def write_mask(path: Path, mask: NDArray[np.bool_]) -> None:
    """Write (H, W) bool as a PNG with one 8-bit channel of exactly 0 and 255, atomically.

    Raises:
        DiskFullError: There is no room.
    """
    write_atomically(path, encode_png(mask))


def _read_values(source: Path | bytes) -> NDArray[Any]:
    name = describe(source)
    try:
        data = read_bytes(source, MASK_LIMITS)
        header = read_header(data, max_scans=MASK_LIMITS.max_scans)
        check_size(header, MASK_LIMITS)
        return _decode(drop_extras(data))
    except ImageError as error:
        raise ImageError(error.code, f"{name}: {error.message}", hint=error.hint) from error


def _decode(data: bytes) -> NDArray[Any]:
    try:
        with silence(), Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
            shown = image.convert("RGB") if image.mode in ("P", "PA", "CMYK") else image
            return np.asarray(shown)
    except Exception as error:
        # Pillow's parsers raise some ten kinds of exception on damaged files.
        raise name_damage(error) from error


def _single_channel(values: NDArray[Any], name: str) -> tuple[NDArray[Any], str]:
    colours = values[:, :, : 3 if values.shape[2] >= 3 else 1]
    if bool((colours != colours[:, :, :1]).any()):
        raise ImageError("mask_channels", f"{name}: a coloured picture, a mask has one channel")
    return colours[:, :, 0], f"{values.shape[2]} equal channels"
