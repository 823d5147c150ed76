"""The pictures of a page, each as a link that holds its bytes."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nevus.analysis.overlay import encode_layer, layer_colour
from nevus.analysis.wording import ATTRIBUTE_WORDS, DIAGNOSIS_WORDS
from nevus.imaging.drawing import draw_outline, encode_jpeg, fit_within
from nevus.imaging.resizing import resize_mask, resize_probability
from nevus.labels import ATTRIBUTES

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]
Row = dict[str, Any]

_THUMBNAIL: Final = 240
_NEAR: Final = 160
_QUALITY, _SMALL_QUALITY = 84, 72
_EVIDENCE: Final = (255, 214, 0)
_DIMMED: Final = 0.75
_STRONGEST: Final = 0.8


def link_photograph(pixels: Pixels) -> Row:
    """Return source, height and width of a photograph as it is."""
    return _link_jpeg(pixels, _QUALITY)


def link_thumbnail(pixels: Pixels, lesion: Mask | None) -> Row:
    """Return source, height and width of a small copy with the lesion's outline on it.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        lesion: (h, w) bool, of the same proportions; None for no outline.
    """
    small = fit_within(pixels, _THUMBNAIL)
    if lesion is not None and lesion.any():
        mask = resize_mask(lesion, (small.shape[0], small.shape[1]))
        small = draw_outline(small, mask, layer_colour("lesion"), 2)
    return _link_jpeg(small, _SMALL_QUALITY)


def link_similar(row: Row, pictures: Mapping[str, Pixels]) -> Row:
    """Return a similar case's row with its picture, or with a source of None."""
    picture = pictures.get(row["image_id"])
    if picture is None:
        return {**row, "source": None}
    return {**row, **_link_jpeg(fit_within(picture, _NEAR), _SMALL_QUALITY)}


def link_layers(
    lesion: Mask | None, attributes: Mapping[str, Mask], long_side: int
) -> Iterator[Row]:
    """Yield name, words and source of each layer that shows something, the outline last.

    All are of one size whatever the photograph's, so that lines look alike on small ones.

    Args:
        lesion: (H, W) bool, drawn as an outline.
        attributes: Name to (H, W) bool, hatched.
        long_side: Of the layers, pixels.
    """
    masks = {name: attributes.get(name) for name in ATTRIBUTES}
    for name, mask in {**masks, "lesion": lesion}.items():
        if mask is None or not mask.any():
            continue
        factor = long_side / max(mask.shape)
        height, width = (max(1, round(side * factor)) for side in mask.shape)
        data = encode_layer(_resize_quickly(mask, (height, width)), name)
        words = ATTRIBUTE_WORDS.get(name, "Lesion outline")
        yield {"name": name, "words": words, "source": _link(data, "png")}


def link_evidence(pixels: Pixels, evidence: Mapping[str, Floats]) -> Iterator[Row]:
    """Yield name, words, note and source of a picture of each diagnosis's evidence.

    Grey is the photograph; the more yellow, the more a place adds to the diagnosis, from nothing
    to the most that any place adds. What speaks against it is not shown.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        evidence: Diagnosis to (h, w) float32, of the whole photograph.
    """
    grey = np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2) * _DIMMED
    size = (pixels.shape[0], pixels.shape[1])
    for name, values in evidence.items():
        most = float(values.max())
        share = np.clip(values / most, 0, 1) if most > 0 else np.zeros_like(values)
        strength = _STRONGEST * resize_probability(share, size)[..., None]
        drawn = (1 - strength) * grey + strength * np.array(_EVIDENCE, np.float32)
        picture = _link_jpeg(np.rint(drawn).astype(np.uint8), _SMALL_QUALITY)
        note = "" if most > 0 else "no place raised it"
        yield {"name": name, "words": DIAGNOSIS_WORDS[name], "note": note, **picture}


def _resize_quickly(mask: Mask, size: tuple[int, int]) -> Mask:
    # In bytes: three times faster than `resize_mask`, whose ties are exact, for a page to look at.
    image = Image.fromarray(mask.view(np.uint8) * np.uint8(255))
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR)) > 127


def _link_jpeg(pixels: Pixels, quality: int) -> Row:
    source = _link(encode_jpeg(pixels, quality), "jpeg")
    return {"source": source, "height": pixels.shape[0], "width": pixels.shape[1]}


def _link(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
