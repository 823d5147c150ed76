"""Metadata: told where it matters, never a reason to stumble."""

import contextlib
import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile, PngImagePlugin

from nevus.errors import ImageError
from nevus.imaging.reading import read_image

NOISE = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)
ROWS, COLUMNS = np.mgrid[:40, :56]
SMOOTH = np.stack([ROWS * 5, COLUMNS * 4, 255 - ROWS * 3], axis=2).astype(np.uint8)
BOMB = zlib.compress(bytes(50_000_000), 1)


def encode(
    picture: Image.Image | NDArray[np.generic], kind: str = "PNG", **options: object
) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(content, zlib.crc32(name)))
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_told_and_not_applied(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    read = read_image(encode(SMOOTH, kind, exif=exif))
    plain = read_image(encode(SMOOTH, kind))
    assert np.array_equal(read.pixels, plain.pixels)
    assert read.orientation == orientation
    assert len(read.warnings) == (orientation != 1)


def insert(segment: bytes, count: int) -> bytes:
    whole = encode(SMOOTH, "JPEG")
    return whole[:2] + segment * count + whole[2:]


def odd_metadata() -> dict[str, bytes]:
    exif = Image.Exif()
    exif[0x0112] = 99
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "x" * 200_000, zip=True)
    whole = encode(SMOOTH)
    return {
        "orientation 99": encode(SMOOTH, "JPEG", exif=exif),
        "exif of zeros": encode(SMOOTH, "JPEG", exif=b"Exif\0\0" + bytes(50)),
        "exif of noise": encode(SMOOTH, "JPEG", exif=b"Exif\0\0" + NOISE.tobytes()[:500]),
        "exif in circles": encode(
            SMOOTH, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\4\0\1\0\0\0\x08\0\0\0"
        ),
        "icc of noise": encode(SMOOTH, "JPEG", icc_profile=NOISE.tobytes()[:500]),
        "icc in png": encode(SMOOTH, icc_profile=NOISE.tobytes()[:500]),
        "icc bomb": whole[:33] + chunk(b"iCCP", b"x\0\0" + BOMB) + whole[33:],
        "text with a wrong checksum": whole[:33] + chunk(b"tEXt", b"x\0y")[:-1] + b"!" + whole[33:],
        "many exif": insert(b"\xff\xe1\x0c\x08Exif\0\0" + bytes(3072), 1000),
        "many profiles": insert(b"\xff\xe2\0\x10ICC_PROFILE\0\1\1", 1000),
        "damaged layers": insert(b"\xff\xed\0\x16Photoshop 3.0\x008BIM\0\1", 1),
        "comments": insert(b"\xff\xfe\0\5abc", 1000),
        "long text": encode(SMOOTH, pnginfo=text),
    }


@pytest.mark.parametrize("name", odd_metadata())
def test_odd_metadata_does_no_harm(name: str) -> None:
    read = read_image(odd_metadata()[name])
    assert read.pixels.shape == SMOOTH.shape
    assert read.orientation == 1
    if name == "orientation 99":
        assert read.warnings == ("the EXIF orientation is none of 1 to 8 and ignored",)
    elif name in ("exif of zeros", "exif of noise", "many exif"):
        assert read.warnings == ("the EXIF data is damaged and ignored",)
    elif name.startswith("icc") or name == "many profiles":
        assert read.warnings == ("the colour profile is damaged and ignored",)
    else:
        assert read.warnings == ()


@pytest.mark.parametrize(
    ("block", "sound"),
    [
        (b"II*\0\x08\0\0\0\0\0\0\0\0\0", True),
        (b"MM\0*\0\0\0\x08\0\0", True),
        (b"", False),
        (b"II*\0\x08", False),
        (b"II*\0\xff\0\0\0\0\0", False),
        (b"II*\0\x08\0\0\0\2\0" + bytes(23), False),
        (b"XX*\0\x08\0\0\0\0\0", False),
    ],
)
def test_exif_is_damaged_or_not(block: bytes, sound: bool) -> None:
    read = read_image(encode(SMOOTH, "JPEG", exif=b"Exif\0\0" + block))
    assert read.orientation == 1
    assert read.warnings == (() if sound else ("the EXIF data is damaged and ignored",))


def rename(profile: bytes, name: str) -> bytes:
    for coding in ("ascii", "utf-16-be"):
        profile = profile.replace("sRGB".encode(coding), name.encode(coding))
    return profile


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_colour_profiles(kind: str) -> None:
    usual = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = read_image(encode(SMOOTH, kind))
    for profile, warnings_ in (
        (usual, ()),
        (rename(usual, "wide"), ("the colour profile is not applied: colours are taken for sRGB",)),
        (usual[:100], ("the colour profile is damaged and ignored",)),
    ):
        read = read_image(encode(SMOOTH, kind, icc_profile=profile))
        assert np.array_equal(read.pixels, plain.pixels)
        assert read.warnings == warnings_


def test_a_profile_in_a_foreign_place_is_none() -> None:
    whole = encode(SMOOTH, "JPEG")
    late = whole[:-2] + b"\xff\xe2\0\x10ICC_PROFILE\0\1\1" + whole[-2:]
    assert read_image(late).warnings == ()


@pytest.mark.parametrize("head", [b"zTXtC\0\0", b"iTXtC\0\1\0\0\0", b"iCCPx\0\0"])
@pytest.mark.parametrize("where", ["before", "after"])
def test_text_that_swells_stays_packed(head: bytes, where: str) -> None:
    bomb = chunk(head[:4], head[4:] + BOMB)
    whole = encode(SMOOTH)
    place = 33 if where == "before" else -12
    assert np.array_equal(read_image(whole[:place] + bomb + whole[place:]).pixels, SMOOTH)


def test_of_several_pictures_the_first_is_used() -> None:
    first, second = Image.fromarray(SMOOTH), Image.fromarray(NOISE)
    read = read_image(encode(first, "MPO", save_all=True, append_images=[second], quality=95))
    assert np.abs(read.pixels.astype(int) - SMOOTH).max() <= 8
    assert read.warnings == ("several pictures in one file: the first is used",)


@pytest.fixture
def settled() -> tuple[object, ...]:
    return (
        Image.MAX_IMAGE_PIXELS,
        ImageFile.LOAD_TRUNCATED_IMAGES,
        PngImagePlugin.MAX_TEXT_CHUNK,
        PngImagePlugin.MAX_TEXT_MEMORY,
        tuple(warnings.filters),
    )


def test_global_state_stays_as_it_was(settled: tuple[object, ...]) -> None:
    for data in [*odd_metadata().values(), encode(NOISE)[:-300], encode(NOISE, "GIF"), b""]:
        with contextlib.suppress(ImageError):
            read_image(data)
    assert settled == (
        Image.MAX_IMAGE_PIXELS,
        ImageFile.LOAD_TRUNCATED_IMAGES,
        PngImagePlugin.MAX_TEXT_CHUNK,
        PngImagePlugin.MAX_TEXT_MEMORY,
        tuple(warnings.filters),
    )
