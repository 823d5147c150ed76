"""Skin, lesion and what lies over them in a phantom: everything but the attributes."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Float = NDArray[np.float32]
Colour = tuple[int, int, int]

_TONES: tuple[Colour, ...] = (
    (232, 198, 182),
    (222, 172, 150),
    (205, 150, 122),
    (235, 205, 205),
    (172, 122, 94),
)
_COLOURS: dict[str, tuple[Colour, ...]] = {
    "MEL": ((70, 45, 40), (120, 70, 50), (60, 60, 85), (165, 95, 70)),
    "NV": ((130, 82, 58), (105, 65, 48)),
    "BCC": ((205, 140, 130), (120, 120, 145), (180, 100, 95)),
    "AKIEC": ((205, 110, 98), (215, 145, 125)),
    "BKL": ((150, 112, 80), (120, 90, 68), (175, 140, 105)),
    "DF": ((165, 115, 92), (150, 100, 80)),
    "VASC": ((165, 50, 62), (140, 38, 62)),
}
_IRREGULAR = {"MEL": 0.16, "BKL": 0.09, "AKIEC": 0.1}
_PLAIN = 0.05
_MOST_HAIRS = 14


def draw_field(size: tuple[int, int], grain: float, generator: np.random.Generator) -> Float:
    """Return smooth (H, W) noise, mean about 0, deviation 1, with blobs about `grain` pixels wide.

    Drawn coarse and enlarged, which is many times faster than blurring at full size.
    """
    coarse = tuple(max(2, round(side / grain)) + 1 for side in size)
    noise = generator.standard_normal(coarse, dtype=np.float32)
    smooth = Image.fromarray(noise).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    field = np.asarray(smooth, np.float32)
    return np.asarray(field / (field.std() + np.float32(1e-6)))


def draw_skin(size: tuple[int, int], generator: np.random.Generator) -> Float:
    """Return (H, W, 3) skin of a random tone, with soft shading and fine grain."""
    tone = np.array(_TONES[generator.integers(len(_TONES))]) + generator.normal(0, 6, 3)
    shade = 8 * draw_field(size, max(size) / 2.5, generator) + 3 * draw_field(size, 3, generator)
    return np.asarray(tone + shade[..., None] * np.array([1.0, 0.9, 0.85]), np.float32)


def draw_shape(size: tuple[int, int], kind: str, generator: np.random.Generator) -> Float:
    """Return (H, W), below 1 inside the lesion and growing outwards like a radius.

    The outline is an ellipse whose radius is multiplied by a random Fourier series of the angle.
    """
    rows, columns = np.ogrid[: size[0], : size[1]]
    short = min(size)
    centre = np.array(size) / 2 + generator.uniform(-0.12, 0.12, 2) * short
    radius = short * generator.uniform(0.17, 0.38)
    stretch, tilt = generator.uniform(0.8, 1.25), generator.uniform(0, np.pi)
    down, right = (rows - centre[0]).astype(np.float32), (columns - centre[1]).astype(np.float32)
    along = (right * np.cos(tilt) + down * np.sin(tilt)) * stretch
    across = (down * np.cos(tilt) - right * np.sin(tilt)) / stretch
    turn = np.linspace(-np.pi, np.pi, 1025)
    border = np.ones_like(turn)
    for order in range(1, 10):
        weight = generator.normal(0, _IRREGULAR.get(kind, _PLAIN) / order**0.7)
        border += weight * np.cos(order * turn + generator.uniform(0, 2 * np.pi))
    reach = np.interp(np.arctan2(across, along), turn, np.clip(border, 0.4, 1.6))
    return np.asarray(np.hypot(along, across) / (radius * reach), np.float32)


def paint_lesion(skin: Float, distance: Float, kind: str, generator: np.random.Generator) -> Float:
    """Return the skin with a soft-edged lesion in the colours of diagnosis `kind` over it."""
    size = (distance.shape[0], distance.shape[1])
    paint = np.broadcast_to(np.array(_COLOURS[kind][0], np.float32), skin.shape)
    for colour in _COLOURS[kind][1:]:
        blob = draw_field(size, min(size) / 5, generator)
        paint = _mix(paint, colour, 1 / (1 + np.exp(-5 * blob)))
    paint = _paint_signs(paint, distance, kind, generator)
    paint = paint + 7 * draw_field(size, 2, generator)[..., None]
    softness = generator.uniform(0.03, 0.09)
    edge = np.clip((distance - 1) / softness, -30, 30)
    return _mix(skin, paint, generator.uniform(0.8, 0.97) / (1 + np.exp(edge)))


def draw_disturbances(picture: Float, generator: np.random.Generator) -> Float:
    """Return the picture with hairs, sometimes a dark rim and a ruler's marks over it."""
    size = (picture.shape[0], picture.shape[1])
    number = int(generator.choice([0, 0, 0, 2, 5, _MOST_HAIRS]))
    if number:
        picture = _draw_hairs(picture, number, generator)
    if generator.random() < 0.12:
        picture = picture.copy()
        _draw_ruler(picture)
    if generator.random() < 0.3:
        rows, columns = np.ogrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j]
        away = np.hypot(rows * size[0] / size[1], columns)
        edge = np.clip((away - generator.uniform(0.84, 1.05)) / 0.02, -30, 30)
        picture = _mix(picture, (6, 5, 5), 1 - 1 / (1 + np.exp(edge)))
    return picture


def _mix(under: Float, over: Float | Colour, share: NDArray[np.floating]) -> Float:
    part = share[..., None].astype(np.float32)
    return np.asarray(under + part * (np.asarray(over, np.float32) - under))


def _paint_signs(paint: Float, distance: Float, kind: str, generator: np.random.Generator) -> Float:
    """Add what marks a diagnosis besides its colours: scales, a pale centre, lacunae."""
    size = (distance.shape[0], distance.shape[1])
    if kind == "DF":
        return _mix(paint, (236, 212, 198), np.clip(1.3 - distance / 0.45, 0, 0.85))
    if kind == "AKIEC":
        scales = draw_field(size, max(min(size) / 28, 2), generator)
        return _mix(paint, (244, 226, 206), np.clip(scales - 0.9, 0, 0.8))
    if kind == "VASC":
        lacunae = draw_field(size, min(size) / 12, generator)
        return _mix(paint, (82, 22, 62), np.clip(3 * lacunae, 0, 0.9))
    return paint


def _draw_hairs(picture: Float, number: int, generator: np.random.Generator) -> Float:
    height, width = picture.shape[:2]
    cover = np.zeros((height, width), np.float32)
    places = np.linspace(0, 1, 2 * max(height, width))[:, None]
    thick = max(1.0, min(height, width) / 190) * generator.uniform(0.8, 1.4)
    reach = int(np.ceil(thick))
    for _ in range(number):
        start, end = generator.uniform(-0.1, 1.1, (2, 2)) * (height, width)
        bend = generator.normal(0, 0.08, 2) * (height, width)
        curve = start + (end - start) * places + 4 * bend * places * (1 - places)
        near = np.rint(curve).astype(int)
        for down in range(-reach, reach + 1):
            for right in range(-reach, reach + 1):
                spot = near + np.array((down, right))
                dark = np.clip(thick / 2 + 0.5 - np.hypot(*(spot - curve).T), 0, 1)
                inside = ((spot >= 0) & (spot < (height, width))).all(axis=1)
                rows, columns = spot[inside].T
                np.maximum.at(cover, (rows, columns), dark[inside].astype(np.float32))
    return _mix(picture, (45, 32, 28), 0.85 * cover)


def _draw_ruler(picture: Float) -> None:
    height, width = picture.shape[:2]
    step = max(width // 24, 4)
    for number, column in enumerate(range(step // 2, width, step)):
        length = height // (9 if number % 5 == 0 else 16)
        picture[height - length :, column] = (40, 40, 45)
