"""Masks as see-through layers for pages, and as one picture with a legend."""

import io
import zlib
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from nevus.analysis.wording import ATTRIBUTE_WORDS
from nevus.imaging.drawing import tint
from nevus.imaging.palette import ATTRIBUTE_COLORS
from nevus.labels import ATTRIBUTES, NOTICE

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Colour = tuple[int, int, int]

LESION_COLOUR: Final[Colour] = (255, 255, 255)

_HALO: Final[Colour] = (20, 20, 20)
_HATCH_ALPHA, _HALO_ALPHA = 190, 150
_STRENGTH: Final = 0.75
# Steps along rows and columns, one a kind: where attributes lie upon each other both are seen.
_HATCHING: Final[Mapping[str, tuple[int, int]]] = {
    "pigment_network": (1, 1),
    "negative_network": (1, -1),
    "streaks": (1, 0),
    "milia_like_cyst": (0, 1),
    "globules": (2, 1),
}
_BETWEEN: Final = 6
_LEGEND: Final[Mapping[str, str]] = {"lesion": "Lesion outline", **ATTRIBUTE_WORDS}


def encode_layer(mask: Mask, name: str, *, width: int = 2) -> bytes:
    """Return a PNG that shows a mask and lets everything else through.

    Its outline lies on a dark line of the same width, so that it is seen on any skin. An attribute
    is hatched: between the lines the skin keeps its colour.

    Args:
        mask: (H, W) bool.
        name: ``lesion`` or an attribute; decides colour and hatching.
        width: Of the outline, pixels, at least 1.
    """
    line, halo = _lines(mask, width)
    colour = layer_colour(name)
    places = np.zeros(mask.shape, np.uint8)
    if name in _HATCHING:
        places[mask & _hatch(mask.shape, name, width)] = 1
    places[halo] = 2
    places[line] = 3
    image = Image.fromarray(places)
    image.putpalette([0, 0, 0, *colour, *_HALO, *colour])
    shown, stream = bytes([0, _HATCH_ALPHA, _HALO_ALPHA, 255]), io.BytesIO()
    image.save(stream, "PNG", transparency=shown, bits=2, compress_type=zlib.Z_RLE)
    return stream.getvalue()


def draw_overlay(pixels: Pixels, lesion: Mask, attributes: Mapping[str, Mask]) -> Pixels:
    """Return the photograph with the lesion's outline, hatched attributes and a legend below.

    Hatched, not tinted: between the lines the skin keeps its colour, which is read, too.

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
            lines = mask & _hatch(mask.shape, name, width)
            drawn = tint(drawn, lines, ATTRIBUTE_COLORS[name], _STRENGTH)
            drawn = _trace(drawn, mask, name, width)
            shown.append(name)
    if lesion.any():
        drawn = _trace(drawn, lesion, "lesion", width)
        shown.insert(0, "lesion")
    return np.concatenate([drawn, _draw_legend(pixels.shape[1], shown)])


def layer_colour(name: str) -> Colour:
    """Return the colour of ``lesion`` or an attribute."""
    return LESION_COLOUR if name == "lesion" else ATTRIBUTE_COLORS[name]


def _lines(mask: Mask, width: int) -> tuple[Mask, Mask]:
    """Return the inner outline, and a line around it."""
    # What is outside a mask, widened, is all but its inside; the border counts as outside.
    line = mask & _widen(~mask, width, beyond=True)
    around = _widen(line, max(1, width // 2), beyond=False)
    return line, around & ~line


def _widen(mask: Mask, reach: int, *, beyond: bool) -> Mask:
    """Return a mask widened by a square of 2 `reach` + 1 pixels.

    Shifted copies of bytes, once for rows and once for columns, doubling what a copy covers: ten
    times faster than filters.

    Args:
        mask: (H, W) bool.
        reach: Pixels, at least 1.
        beyond: What lies outside the picture.
    """
    wide = np.pad(mask, reach, constant_values=beyond)
    for axis in (0, 1):
        covered, wanted = 1, 2 * reach + 1
        while covered < wanted:
            step = min(covered, wanted - covered)
            length = wide.shape[axis] - step
            start = wide[:length] if axis == 0 else wide[:, :length]
            end = wide[step:] if axis == 0 else wide[:, step:]
            wide = start | end
            covered += step
    return wide


def _trace(pixels: Pixels, mask: Mask, name: str, width: int) -> Pixels:
    line, halo = _lines(mask, width)
    drawn = tint(pixels, halo, _HALO, _HALO_ALPHA / 255)
    drawn[line] = layer_colour(name)
    return drawn


def _hatch(shape: tuple[int, ...], name: str, width: int) -> Mask:
    """Return parallel lines over a whole picture, half as wide as outlines."""
    down, right = _HATCHING[name]
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    place = (down * rows + right * columns) % (_BETWEEN * width * max(abs(down), abs(right)))
    return np.asarray(place < max(1, width // 2) * max(abs(down), abs(right)), np.bool_)


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
