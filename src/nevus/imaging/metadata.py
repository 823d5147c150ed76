"""What a file says about its picture: which way up, in which colours. Judged, never passed on."""

import struct
from typing import Final

from PIL import Image

from nevus.imaging.headers import read_profile

ORIENTATION_TAG: Final = 0x0112

_EXIF_MARK: Final = b"Exif\0\0"
_BYTE_ORDERS: Final = {b"II*\0": "<", b"MM\0*": ">"}
_ENTRY: Final = 12
_PROFILE_HEADER, _SIGNATURE = 128, slice(36, 40)
_USUAL: Final = (b"sRGB", "sRGB".encode("utf-16-be"))


def read_orientation(image: Image.Image, odd: list[str]) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where it is not said, or not soundly.

    Args:
        image: Opened and loaded.
        odd: Gets a sentence where the EXIF data is odd.
    """
    exif = image.info.get("exif")
    if isinstance(exif, bytes) and not _is_sound(exif):
        odd.append("the EXIF data is damaged and ignored")
        return 1
    try:
        value = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:
        odd.append("the EXIF data is damaged and ignored")
        return 1
    if isinstance(value, int) and 1 <= value <= 8:
        return value
    odd.append("the EXIF orientation is none of 1 to 8 and ignored")
    return 1


def describe_profile(data: bytes) -> str | None:
    """Return what is odd about a file's ICC profile, a sentence; None for none and for sRGB.

    No profile is applied: the networks learnt from photographs as they are stored.

    Args:
        data: The whole file.

    Raises:
        ImageError: ``corrupt``, the file has too many parts.
    """
    profile = read_profile(data)
    if profile is None:
        return None
    # ICC.1:2022, section 7.2: a header of 128 bytes with this signature in it.
    if len(profile) <= _PROFILE_HEADER or profile[_SIGNATURE] != b"acsp":
        return "the colour profile is damaged and ignored"
    if any(name in profile for name in _USUAL):
        return None
    return "the colour profile is not applied: colours are taken for sRGB"


def _is_sound(exif: bytes) -> bool:
    """Return whether there is a TIFF header and a first directory that lies within."""
    block = exif.removeprefix(_EXIF_MARK)
    order = _BYTE_ORDERS.get(block[:4])
    if order is None or len(block) < 8:
        return False
    place = struct.unpack_from(f"{order}I", block, 4)[0]
    if place + 2 > len(block):
        return False
    count = struct.unpack_from(f"{order}H", block, place)[0]
    return bool(place + 2 + _ENTRY * count <= len(block))
