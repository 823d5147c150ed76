"""The five dermoscopic attributes drawn into a phantom, with exact truth."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from nevus.labels import ATTRIBUTES

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]

RATES = {
    "pigment_network": 0.58,
    "negative_network": 0.07,
    "streaks": 0.05,
    "milia_like_cyst": 0.26,
    "globules": 0.23,
}
"""How often each is drawn; about the rates of ISIC 2018 task 2."""


def draw_attributes(
    picture: Float, distance: Float, generator: np.random.Generator
) -> tuple[Float, dict[str, Mask]]:
    """Return the picture with attributes drawn in, and (H, W) truth for each of the five.

    Args:
        picture: (H, W, 3), RGB, 0 to 255.
        distance: (H, W), below 1 inside the lesion.
        generator: The phantom's own.
    """
    present = {name: generator.random() < RATES[name] for name in ATTRIBUTES}
    truth = {name: np.zeros(distance.shape, bool) for name in ATTRIBUTES}
    picture = picture.copy()
    sector = _draw_sector(distance, generator)
    if present["pigment_network"]:
        truth["pigment_network"] = sector & (distance > 0.35)
        picture[_draw_mesh(truth["pigment_network"], generator)] *= 0.72
    if present["negative_network"]:
        truth["negative_network"] = ~sector & (distance < 0.9)
        lines = _draw_mesh(truth["negative_network"], generator)
        picture[lines] = picture[lines] * 0.6 + 0.4 * 235
    if present["streaks"]:
        truth["streaks"] = _draw_streaks(distance, generator)
        picture[truth["streaks"]] *= 0.5
    if present["milia_like_cyst"]:
        truth["milia_like_cyst"] = _draw_dots(distance < 0.85, (3, 9), generator)
        picture[truth["milia_like_cyst"]] = (244, 236, 214)
    if present["globules"]:
        truth["globules"] = _draw_dots(distance < 0.95, (8, 25), generator)
        picture[truth["globules"]] *= 0.55
    return picture, truth


def _draw_sector(distance: Float, generator: np.random.Generator) -> Mask:
    height, width = distance.shape
    rows, columns = np.mgrid[:height, :width]
    turn = generator.uniform(0, 2 * np.pi)
    side = (rows - height / 2) * np.sin(turn) + (columns - width / 2) * np.cos(turn)
    return np.asarray((distance < 0.98) & (side > -0.1 * min(height, width)))


def _draw_mesh(area: Mask, generator: np.random.Generator) -> Mask:
    height, width = area.shape
    pitch = max(min(height, width) / generator.uniform(22, 30), 3)
    rows, columns = np.mgrid[:height, :width]
    wobble = 0.3 * pitch * np.sin(columns / (2.3 * pitch)), 0.3 * pitch * np.cos(rows / (2 * pitch))
    first = np.abs(((rows + columns + wobble[0]) / pitch) % 2 - 1) < 0.24
    second = np.abs(((rows - columns + wobble[1]) / pitch) % 2 - 1) < 0.24
    return np.asarray(area & (first | second))


def _draw_streaks(distance: Float, generator: np.random.Generator) -> Mask:
    height, width = distance.shape
    rows, columns = np.mgrid[:height, :width]
    inside = distance < 1
    centre = rows[inside].mean(), columns[inside].mean()
    angle = np.arctan2(rows - centre[0], columns - centre[1])
    count = int(generator.integers(18, 30))
    phase = generator.uniform(0, 2 * np.pi)
    rays = np.cos(count * (angle + phase)) > 0.82
    half = np.cos(angle + phase) > generator.uniform(-0.6, 0.3)
    return np.asarray(rays & half & (distance > 0.78) & (distance < 0.99))


def _draw_dots(area: Mask, number: tuple[int, int], generator: np.random.Generator) -> Mask:
    places = np.flatnonzero(area)
    dots = np.zeros(area.shape, bool)
    if places.size:
        dots.flat[generator.choice(places, int(generator.integers(*number)))] = True
    radius = max(1, round(min(area.shape) / 120))
    grown: Mask = binary_dilation(dots, np.ones((3, 3), bool), iterations=radius)
    return grown & area
