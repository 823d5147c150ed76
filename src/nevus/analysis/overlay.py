"""Masks as see-through layers for pages, and as one picture with a legend."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import maximum_filter, minimum_filter

from nevus.analysis.wording import ATTRIBUTE_WORDS
from nevus.imaging.drawing import encode_png, tint
from nevus.imaging.files import write_atomically
from nevus.imaging.palette import ATTRIBUTE_COLORS
from nevus.labels import ATTRIBUTES, NOTICE

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Colour = tuple[int, int, int]

LESION_COLOUR: Final[Colour] = (255, 255, 255)

_HALO: Final[Colour] = (20, 20, 20)
_FILL_ALPHA, _HALO_ALPHA = 105, 150
_STRENGTH: Final = 0.3
_LEGEND: Final[Mapping[str, str]] = {"lesion": "Lesion outline", **ATTRIBUTE_WORDS}


def encode_layer(mask: Mask, colour: Colour, *, width: int = 2, filled: bool = True) -> bytes:
    """Return a PNG that shows a mask and lets everything else through.

    Its outline lies on a dark line of the same width, so that it is seen on any skin.

    Args:
        mask: (H, W) bool.
        colour: RGB, 0 to 255.
        width: Of the outline, pixels, at least 1.
        filled: Whether the inside is tinted.
    """
    line, halo = _lines(mask, width)
    places = np.zeros(mask.shape, np.uint8)
    if filled:
        places[mask] = 1
    places[halo] = 2
    places[line] = 3
    image = Image.fromarray(places)
    image.putpalette([0, 0, 0, *colour, *_HALO, *colour])
    stream = io.BytesIO()
    image.save(stream, "PNG", transparency=bytes([0, _FILL_ALPHA, _HALO_ALPHA, 255]), bits=2)
    return stream.getvalue()


def draw_overlay(pixels: Pixels, lesion: Mask, attributes: Mapping[str, Mask]) -> Pixels:
    """Return the photograph with the lesion's outline, tinted attributes and a legend below.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        lesion: (H, W) bool; nothing is drawn where it is empty.
        attributes: Name to (H, W) bool, those to draw.

    Returns:
        (H + legend, W, 3) uint8: the upper H rows are the photograph.
    """
    width = max(2, round(max(pixels.shape[:2]) / 350))
    drawn, shown = pixels, []
    for name in ATTRIBUTES:
        mask = attributes.get(name)
        if mask is not None and mask.any():
            drawn = _trace(tint(drawn, mask, ATTRIBUTE_COLORS[name], _STRENGTH), mask, name, width)
            shown.append(name)
    if lesion.any():
        drawn = _trace(drawn, lesion, "lesion", width)
        shown.insert(0, "lesion")
    return np.concatenate([drawn, _draw_legend(pixels.shape[1], shown)])


def write_overlay(path: Path, pixels: Pixels, lesion: Mask, attributes: Mapping[str, Mask]) -> None:
    """Write `draw_overlay` as a PNG without metadata.

    Raises:
        DiskFullError: There is no room.
    """
    write_atomically(path, encode_png(draw_overlay(pixels, lesion, attributes)))


def layer_colour(name: str) -> Colour:
    """Return the colour of ``lesion`` or an attribute."""
    return LESION_COLOUR if name == "lesion" else ATTRIBUTE_COLORS[name]


def _lines(mask: Mask, width: int) -> tuple[Mask, Mask]:
    """Return the inner outline, and a line around it."""
    # Filters by rows and columns: several times faster than erosion by a square.
    inner = minimum_filter(mask.view(np.uint8), 2 * width + 1, mode="constant", cval=0)
    line = mask & (inner == 0)
    around = maximum_filter(line.view(np.uint8), 2 * max(1, width // 2) + 1, mode="constant")
    return line, (around > 0) & ~line


def _trace(pixels: Pixels, mask: Mask, name: str, width: int) -> Pixels:
    line, halo = _lines(mask, width)
    drawn = tint(pixels, halo, _HALO, _HALO_ALPHA / 255)
    drawn[line] = layer_colour(name)
    return drawn


def _draw_legend(width: int, shown: list[str]) -> Pixels:
    height = int(np.clip(width / 40, 9, 40))
    font = ImageFont.load_default(height)
    entries = [(_LEGEND[name], layer_colour(name)) for name in shown]
    lines = _wrap(NOTICE.split(), font, width - height)
    image = Image.new("RGB", (width, round(1.5 * height * (len(entries) + len(lines)) + height)))
    draw = ImageDraw.Draw(image)
    top = height // 2
    for words, colour in entries:
        draw.rectangle((height // 2, top + 1, 2 * height, top + height), fill=colour)
        draw.text((2.5 * height, top), words, fill=(240, 240, 240), font=font)
        top += round(1.5 * height)
    for line in lines:
        draw.text((height // 2, top), line, fill=(240, 240, 240), font=font)
        top += round(1.5 * height)
    return np.asarray(image)


def _wrap(
    words: list[str], font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float
) -> list[str]:
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
