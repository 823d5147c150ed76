"""One mask of a submission: what the challenge would refuse, and what looks odd."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from nevus.errors import ImageError
from nevus.imaging.drawing import encode_png
from nevus.imaging.limits import DEFAULT_LIMITS
from nevus.imaging.reading import read_size

_MODES: Final[Mapping[str, str]] = {
    "1": "1-bit",
    "P": "a palette image",
    "LA": "grey with alpha (2 channels)",
    "RGB": "RGB (3 channels)",
    "RGBA": "RGBA (4 channels)",
    "I": "more than 8 bits deep",
    "I;16": "16-bit",
    "I;16B": "16-bit",
}
_SHOWN: Final = 3


@dataclass
class MaskFindings:
    """What was found on one mask.

    Args:
        data: The mask encoded anew, 8-bit, 0 and 255; empty where there are problems.
        problems: What would be refused or score zero, one sentence each.
        warnings: What is accepted though it may not be meant, one sentence each.
    """

    data: bytes = b""
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check_mask(path: Path, photograph: Path | None = None, *, lesion: bool = True) -> MaskFindings:
    """Return what is wrong or odd with one mask, and its bytes encoded anew if nothing is wrong.

    Args:
        path: The mask.
        photograph: Whose size it must have, if known.
        lesion: Whether it is one region without holes by right; attributes may be anything.
    """
    findings = MaskFindings()
    try:
        size = read_size(path, DEFAULT_LIMITS)
        pixels = _read_values(path, findings)
        wanted = read_size(photograph, DEFAULT_LIMITS) if photograph is not None else size
    except ImageError as error:
        text = str(error)
        findings.problems.append(text if path.name in text else f"{path.name}: {text}")
        return findings
    if size != wanted:
        found, expected = (f"{height} x {width}" for height, width in (size, wanted))
        findings.problems.append(
            f"{path.name} is {found}, its photograph {expected} (height x width)"
        )
    if pixels is not None and not findings.problems:
        mask = pixels > 128
        if lesion:
            findings.warnings.extend(f"{path.name} {text}" for text in describe_shape(mask))
        findings.data = encode_png(mask)
    return findings


def _read_values(path: Path, findings: MaskFindings) -> npt.NDArray[np.uint8] | None:
    try:
        with Image.open(path, formats=("PNG",)) as image:
            if image.mode != "L":
                found = _MODES.get(image.mode, image.mode)
                findings.problems.append(f"{path.name} is {found}; expected 8-bit, one channel")
                return None
            pixels = np.asarray(image)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        findings.problems.append(f"{path.name} is not a readable PNG: {error}")
        return None
    values = np.flatnonzero(np.bincount(pixels.ravel(), minlength=256))
    if not set(values.tolist()) <= {0, 255}:
        findings.problems.append(f"{path.name} {_describe_values(values)}")
    return pixels


def _describe_values(values: npt.NDArray[np.intp]) -> str:
    odd = [str(value) for value in values.tolist() if value not in (0, 255)]
    shown = ", ".join(odd[:_SHOWN]) + (
        f" and {len(odd) - _SHOWN} more" if len(odd) > _SHOWN else ""
    )
    trap = (
        "all of it would count as background"
        if values.max() <= 128
        else "values up to 128 would count as background"
    )
    return f"holds the values {shown}, expected 0 and 255 only: lesion is > 128, {trap}"


def describe_shape(mask: npt.NDArray[np.bool_]) -> list[str]:
    """Return what is odd about a mask's shape; the challenge asks for one region without holes.

    Args:
        mask: (H, W) bool. Pixels that touch at a corner belong to one region.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return ["is empty: no lesion at all"]
    # Labelling only the lesion's box, with a margin of background, is several times faster.
    box = np.pad(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1)
    _, regions = ndimage.label(box, structure=np.ones((3, 3), dtype=np.uint8))
    _, outside = ndimage.label(~box)
    notes = []
    if mask.all():
        notes.append("is full: the whole photograph is lesion")
    if regions > 1:
        notes.append(f"has {regions} regions; the challenge asks for one")
    if outside > 1:
        holes = "1 hole" if outside == 2 else f"{outside - 1} holes"
        notes.append(f"has {holes}; the challenge asks for none")
    return notes
