"""The five dermoscopic attributes drawn into a phantom, with exact truth."""

import numpy as np
from numpy.typing import NDArray

from nevus.labels import ATTRIBUTES

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]

RATES: dict[str, dict[str, float]] = {
    "MEL": {
        "pigment_network": 0.65,
        "negative_network": 0.18,
        "streaks": 0.12,
        "milia_like_cyst": 0.2,
        "globules": 0.35,
    },
    "NV": {
        "pigment_network": 0.7,
        "negative_network": 0.06,
        "streaks": 0.035,
        "milia_like_cyst": 0.2,
        "globules": 0.25,
    },
    "BCC": {"pigment_network": 0.03, "milia_like_cyst": 0.25, "globules": 0.15},
    "AKIEC": {"pigment_network": 0.05, "milia_like_cyst": 0.2},
    "BKL": {
        "pigment_network": 0.3,
        "negative_network": 0.05,
        "milia_like_cyst": 0.75,
        "globules": 0.08,
    },
    "DF": {"pigment_network": 0.6, "negative_network": 0.1, "milia_like_cyst": 0.1},
    "VASC": {},
}
"""Diagnosis to how often each attribute is drawn (absent: never); over a mixed set about 0.58,
0.07, 0.04, 0.26 and 0.22 in the order of `ATTRIBUTES`."""

_BROWN, _LIGHT, _CREAM = (62, 38, 28), (238, 214, 194), (246, 238, 216)


def draw_attributes(
    picture: Float, distance: Float, kind: str, generator: np.random.Generator
) -> tuple[Float, dict[str, Mask]]:
    """Return the picture with attributes drawn in, and (H, W) truth for each of the five.

    The truth of a network is the area its mesh covers, as in the official masks; of streaks,
    cysts and globules it is the drawn marks themselves.

    Args:
        picture: (H, W, 3), RGB, 0 to 255.
        distance: (H, W), below 1 inside the lesion.
        kind: The diagnosis, which sets the rates.
        generator: The phantom's own.
    """
    present = {name: generator.random() < RATES[kind].get(name, 0.0) for name in ATTRIBUTES}
    truth = {name: np.zeros(distance.shape, bool) for name in ATTRIBUTES}
    picture = picture.copy()
    sector = _draw_sector(distance, generator)
    if present["pigment_network"]:
        truth["pigment_network"] = area = sector & (distance < 0.98) & (distance > 0.3)
        _mix(picture, _draw_mesh(area, generator), _BROWN, 0.55)
    if present["negative_network"]:
        truth["negative_network"] = area = ~sector & (distance < 0.9)
        _mix(picture, _draw_mesh(area, generator), _LIGHT, 0.6)
    if present["streaks"]:
        cover = _draw_streaks(distance, generator)
        truth["streaks"] = cover > 0.5
        _mix(picture, cover, _BROWN, 0.75)
    if present["globules"]:
        cover = _draw_dots(distance < 0.92, (8, 25), 1 / 75, generator)
        truth["globules"] = cover > 0.5
        _mix(picture, cover, _BROWN, 0.7)
    if present["milia_like_cyst"]:
        cover = _draw_dots(distance < 0.85, (3, 9), 1 / 70, generator)
        truth["milia_like_cyst"] = cover > 0.5
        _mix(picture, cover, _CREAM, 0.9)
    return picture, truth


def _mix(picture: Float, cover: Float, colour: tuple[int, int, int], strength: float) -> None:
    picture += strength * cover[..., None] * (np.array(colour, np.float32) - picture)


def _draw_sector(distance: Float, generator: np.random.Generator) -> Mask:
    """Return a half plane that holds the middle of the lesion, with a wavy edge."""
    height, width = distance.shape
    rows, columns = np.ogrid[:height, :width]
    middle = np.unravel_index(int(distance.argmin()), distance.shape)
    turn, short = generator.uniform(0, 2 * np.pi), min(height, width)
    down, right = rows - middle[0], columns - middle[1]
    ahead = down * np.sin(turn) + right * np.cos(turn)
    aside = down * np.cos(turn) - right * np.sin(turn)
    wave = 0.03 * short * np.sin(aside * 14 / short + turn)
    return np.asarray(ahead + wave > generator.uniform(-0.3, 0.05) * short)


def _draw_mesh(area: Mask, generator: np.random.Generator) -> Float:
    """Return the cover of a wavy mesh of thin lines, inside the area only."""
    height, width = area.shape
    pitch = max(min(height, width) / generator.uniform(20, 28), 3.0)
    rows, columns = np.ogrid[:height, :width]
    phases = generator.uniform(0, 2 * np.pi, 4)
    down = rows + 0.35 * pitch * np.sin(columns / (1.7 * pitch) + phases[0])
    right = columns + 0.35 * pitch * np.sin(rows / (1.9 * pitch) + phases[1])
    first = np.cos(np.pi * (down + right) / pitch + phases[2])
    second = np.cos(np.pi * (down - right) / pitch + phases[3])
    # Lines run along the crests of two crossed waves; the ramp softens their edges.
    mesh = np.clip((np.maximum(np.abs(first), np.abs(second)) - 0.78) * 5, 0, 1)
    return np.asarray(mesh * area, np.float32)


def _draw_streaks(distance: Float, generator: np.random.Generator) -> Float:
    height, width = distance.shape
    rows, columns = np.ogrid[:height, :width]
    middle = np.unravel_index(int(distance.argmin()), distance.shape)
    angle = np.arctan2(rows - middle[0], columns - middle[1])
    count, phase = int(generator.integers(18, 30)), generator.uniform(0, 2 * np.pi)
    rays = np.clip((np.cos(count * (angle + phase)) - 0.55) * 4, 0, 1)
    side = np.cos(angle + phase) > generator.uniform(-0.6, 0.3)
    return np.asarray(rays * side * ((distance > 0.76) & (distance < 0.99)), np.float32)


def _draw_dots(
    area: Mask, number: tuple[int, int], radius: float, generator: np.random.Generator
) -> Float:
    """Return the cover of round dots; `radius` is a share of the shorter side."""
    height, width = area.shape
    places = np.flatnonzero(area)
    cover = np.zeros(area.shape, np.float32)
    for place in generator.choice(places, int(generator.integers(*number))):
        row, column = divmod(int(place), width)
        reach = max(1.0, radius * min(height, width) * generator.uniform(0.7, 1.3))
        span = int(reach) + 2
        top, left = max(row - span, 0), max(column - span, 0)
        rows, columns = np.ogrid[top : min(row + span, height), left : min(column + span, width)]
        disc = np.clip(reach + 0.5 - np.hypot(rows - row, columns - column), 0, 1)
        window = cover[top : top + disc.shape[0], left : left + disc.shape[1]]
        np.maximum(window, disc, out=window)
    return np.asarray(cover * area, np.float32)
