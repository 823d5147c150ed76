"""What odd_pictures.py draws with."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]
Generator = np.random.Generator


def draw_field(
    size: tuple[int, int], fall: float, generator: Generator, stretch: float = 1.0
) -> Floats:
    """Return (H, W) noise, mean 0, deviation 1, whose energy falls with frequency."""
    down, right = np.fft.fftfreq(size[0])[:, None] * stretch, np.fft.rfftfreq(size[1])[None]
    frequency = np.hypot(down, right)
    frequency[0, 0] = 1
    spectrum = np.fft.rfft2(generator.standard_normal(size)) / frequency**fall
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, size)
    return np.asarray(field / (field.std() + 1e-9))


def paint_field(field: Floats, generator: Generator) -> Floats:
    """Return (H, W, 3): a field from -2 to 2 in a few colours and what lies between."""
    stops = np.linspace(-2, 2, int(generator.integers(2, 5)))
    colours = np.array([pick_colour(generator) for _ in stops], np.float64)
    return np.stack([np.interp(field, stops, colours[:, channel]) for channel in range(3)], axis=-1)


def pick_colour(generator: Generator) -> tuple[int, int, int]:
    """Return a colour; half of them muted, as most things are, some grey."""
    colour = generator.uniform(0, 256, 3)
    mute = float(generator.choice([0, 0.5, 0.8, 1.0], p=[0.35, 0.3, 0.2, 0.15]))
    muted = colour * (1 - mute) + colour.mean() * mute
    return int(muted[0]), int(muted[1]), int(muted[2])


def vary_colour(
    colour: tuple[int, int, int], much: float, generator: Generator
) -> tuple[int, int, int]:
    """Return a colour near another."""
    varied = np.clip(np.array(colour) + generator.normal(0, much, 3), 0, 255)
    return int(varied[0]), int(varied[1]), int(varied[2])


def shade(pixels: Pixels, generator: Generator) -> Floats:
    """Return a picture lit unevenly."""
    light = generator.uniform(0.5, 1.1, (2, 2)) * 255
    field = Image.fromarray(light.clip(0, 255).astype(np.uint8)).resize(
        pixels.shape[1::-1], Image.Resampling.BILINEAR
    )
    return np.asarray(pixels * (np.asarray(field)[..., None] / 255.0))


def draw_grain(size: tuple[int, int], generator: Generator) -> Floats:
    """Return (H, W, 3) sensor noise."""
    return np.asarray(generator.normal(0, generator.uniform(0, 6), (*size, 3)))


def fill_ellipse(
    draw: ImageDraw.ImageDraw,
    centre: object,
    radii: tuple[float, float],
    colour: tuple[int, int, int],
) -> None:
    """Fill an ellipse."""
    x, y = np.asarray(centre, np.float64)
    draw.ellipse((x - radii[0], y - radii[1], x + radii[0], y + radii[1]), fill=colour)


def fill_blob(
    draw: ImageDraw.ImageDraw,
    centre: Floats,
    radius: float,
    colour: tuple[int, int, int],
    generator: Generator,
) -> None:
    """Fill an angular blob."""
    turns = np.sort(generator.uniform(0, 2 * np.pi, int(generator.integers(3, 12))))
    reach = radius * generator.uniform(0.6, 1.2, turns.size)
    points = centre + np.stack([np.cos(turns) * reach, np.sin(turns) * reach], axis=1)
    draw.polygon([(float(x), float(y)) for x, y in points], fill=colour)


def round_off(picture: NDArray[np.floating]) -> Pixels:
    """Return 8 bits."""
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
