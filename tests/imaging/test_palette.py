"""The five colours can be told apart, by everybody and on skin."""

from itertools import combinations

import numpy as np
import pytest

from nevus.analysis.cielab import convert_lab
from nevus.imaging.palette import ATTRIBUTE_COLORS
from nevus.labels import ATTRIBUTES

# Machado et al. 2009, severity 1; rows give linear R, G, B.
SIGHTS = {
    "all colours": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
SKIN = [(220, 180, 160), (190, 140, 115), (120, 80, 60), (70, 45, 35)]


def see(colors, matrix):
    """Return CIELAB of 8-bit colours as such eyes see them."""
    share = np.array(colors) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(matrix).T, 0, 1)
    back = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    return convert_lab(np.rint(back * 255).astype(np.uint8))


def test_every_attribute_has_its_colour():
    assert tuple(ATTRIBUTE_COLORS) == ATTRIBUTES


@pytest.mark.parametrize("sight", SIGHTS)
def test_colours_differ_for_every_kind_of_sight(sight):
    lab = see(list(ATTRIBUTE_COLORS.values()), SIGHTS[sight])
    assert min(np.linalg.norm(a - b) for a, b in combinations(lab, 2)) > 35
    skin = see(SKIN, SIGHTS[sight])
    assert min(np.linalg.norm(a - b) for a in lab for b in skin) > 12


def test_colours_are_lighter_than_a_lesion():
    assert see(list(ATTRIBUTE_COLORS.values()), np.eye(3))[:, 0].min() > 55
