"""Any colours a JPEG or PNG may have, as RGB of 8 bits on white paper."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Channels = NDArray[np.uint8]

WHITE = 255
_LAYERED = ("RGBA", "LA", "PA")
# Pillow keeps the first byte of each pair; read as if the order were the other, the second.
_SECOND_BYTES = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L", "LA;16B": "RGBA"}


def flatten_colors(image: Image.Image, data: bytes, bits: int) -> tuple[Channels, list[str]]:
    """Return (H, W, 3) uint8 RGB and what was odd, a sentence each.

    Args:
        image: Opened and loaded.
        data: The file it was opened from.
        bits: Per channel, in the file.

    Raises:
        OSError: As Pillow, when 16 bits are decoded.
    """
    odd = _describe_colors(image, bits)
    transparent = _is_transparent(image)
    if transparent:
        odd.append("transparent parts are shown on white")
    if bits == 16:
        return _flatten_deep(image, data), odd
    if transparent:
        image = _lay_on_white(image, bits)
    # Converting to what it is already would copy a large picture for nothing.
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB")), odd


def narrow(values: NDArray[np.uint16]) -> Channels:
    """Return 8-bit values for 16-bit ones, rounded; 65535 / 255 = 257."""
    # Integers: floats of 8 bytes would take eight times the room of the picture.
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _describe_colors(image: Image.Image, bits: int) -> list[str]:
    odd = ["16 bits per channel, reduced to 8"] if bits == 16 else []
    if image.mode in ("L", "1", "LA") or image.mode.startswith("I"):
        odd.append("grey, no colours")
    elif image.mode == "CMYK":
        odd.append("CMYK, converted to RGB without a colour profile")
    elif image.mode in ("P", "PA"):
        odd.append("a palette of few colours")
    return odd


def _is_transparent(image: Image.Image) -> bool:
    # Many programs write an alpha channel that hides nothing.
    if image.mode in _LAYERED and image.getchannel("A").getextrema() != (WHITE, WHITE):
        return True
    return "transparency" in image.info


def _lay_on_white(image: Image.Image, bits: int) -> Image.Image:
    key = image.info.get("transparency")
    if image.mode in ("L", "1") and isinstance(key, int) and bits < 8:
        # The file names the grey in its own bits, Pillow has spread the pixels over 0 to 255.
        image.info["transparency"] = key * (255 // (2**bits - 1))
    layered = image.convert("RGBA")
    paper = Image.new("RGBA", layered.size, (WHITE, WHITE, WHITE, 255))
    return Image.alpha_composite(paper, layered)


def _flatten_deep(image: Image.Image, data: bytes) -> Channels:
    values = _deep_values(image, data)
    colours = values[:, :, :-1] if values.shape[2] in (2, 4) else values
    if values.shape[2] in (2, 4):
        flat = _blend(narrow(colours), narrow(values[:, :, -1:]))
    else:
        flat = narrow(colours)
        key = image.info.get("transparency")
        if key is not None:
            flat[(values == np.asarray(key)).all(axis=2)] = WHITE
    return np.ascontiguousarray(np.broadcast_to(flat, (*flat.shape[:2], 3)))


def _blend(colours: Channels, alpha: Channels) -> Channels:
    weight = alpha.astype(np.uint32)
    mixed = colours * weight + WHITE * (255 - weight)
    return ((mixed + 127) // 255).astype(np.uint8)


def _deep_values(image: Image.Image, data: bytes) -> NDArray[np.uint16]:
    """Return (H, W, 1 to 4) of 16 bits, which Pillow has for grey alone."""
    if image.mode.startswith("I"):
        return np.expand_dims(np.asarray(image), 2).astype(np.uint16)
    first, rawmode = np.asarray(image), ""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as again:
        tiles = []
        for codec, extents, offset, mode in again.tile:
            rawmode = str(mode)
            tiles.append((codec, extents, offset, _SECOND_BYTES[rawmode]))
        # Pillow declares named tuples here and reads plain ones.
        again.tile = tiles  # type: ignore[assignment]
        second = np.asarray(again)
    if rawmode == "LA;16B":
        pairs: NDArray[np.uint16] = np.ascontiguousarray(second).view(">u2").astype(np.uint16)
        return pairs
    joined: NDArray[np.uint16] = first.astype(np.uint16) << 8 | second
    return joined
