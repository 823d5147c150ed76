"""Drawn pictures of anything but dermoscopy, for fitting and testing the not-dermoscopy score.

No picture is taken from anywhere: textures, landscapes, pages, screens, faces, rooms, skies and
noise, each drawn anew from a generator.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from odd_brushes import (
    draw_field,
    draw_grain,
    fill_blob,
    fill_ellipse,
    paint_field,
    pick_colour,
    round_off,
    shade,
    vary_colour,
)
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Pixels = NDArray[np.uint8]
Generator = np.random.Generator

WORDS = (*"abcdefghijklm", "results", "patient", "visit", "nothing", "letter", "12", "4.5", "2031")


def draw_odd(kind: str, generator: Generator) -> Pixels:
    """Return (H, W, 3) uint8 of a kind in `KINDS`, its long side 160 to 480 pixels."""
    long_side = int(generator.integers(160, 481))
    short_side = int(long_side * generator.uniform(0.56, 1.0))
    size = (short_side, long_side) if generator.random() < 0.75 else (long_side, short_side)
    return np.ascontiguousarray(KINDS[kind](size, generator)[: size[0], : size[1]])


def draw_noise(size: tuple[int, int], generator: Generator) -> Pixels:
    """White, coarse or grey noise."""
    grain = int(generator.choice([1, 1, 2, 4, 9, 30]))
    channels = int(generator.choice([1, 3]))
    coarse = generator.uniform(0, 256, (size[0] // grain + 1, size[1] // grain + 1, channels))
    return round_off(np.repeat(np.repeat(coarse, grain, 0), grain, 1) + np.zeros(3))


def draw_plain(size: tuple[int, int], generator: Generator) -> Pixels:
    """One colour, or a gradient between two or four."""
    corners = generator.uniform(0, 256, (2, 2, 3))
    if generator.random() < 0.3:
        corners[:] = corners[0, 0]
    elif generator.random() < 0.5:
        corners[:, 1] = corners[:, 0]
    picture = Image.fromarray(corners.astype(np.uint8)).resize(size[::-1], Image.Resampling.BICUBIC)
    return round_off(
        np.asarray(picture) + generator.normal(0, generator.choice([0, 1, 5]), (*size, 3))
    )


def draw_clouds(size: tuple[int, int], generator: Generator) -> Pixels:
    """Noise whose energy falls with frequency, in two to four colours: marble, cloud, rust, fur."""
    field = draw_field(size, generator.uniform(0.6, 2.2), generator, generator.uniform(1, 6))
    return round_off(paint_field(field, generator) + draw_grain(size, generator))


def draw_leaves(size: tuple[int, int], generator: Generator) -> Pixels:
    """Shapes that hide each other, sizes after a power law: the statistics of natural pictures."""
    image = Image.new("RGB", size[::-1], pick_colour(generator))
    draw = ImageDraw.Draw(image)
    colours = [pick_colour(generator) for _ in range(int(generator.integers(3, 12)))]
    smallest = generator.uniform(2, 12)
    for _ in range(int(generator.integers(80, 900))):
        radius = min(smallest / (1 - generator.random()) ** 0.6, max(size) / 2)
        place = generator.uniform(-20, 20, 2) + generator.random(2) * size[::-1]
        colour = vary_colour(colours[generator.integers(len(colours))], 25, generator)
        fill_blob(draw, place, radius, colour, generator)
    return round_off(shade(np.asarray(image), generator) + draw_grain(size, generator))


def draw_landscape(size: tuple[int, int], generator: Generator) -> Pixels:
    """Sky, ridges one behind the other, and ground."""
    sky = np.array([pick_colour(generator), pick_colour(generator)], np.float64)
    if generator.random() < 0.6:
        sky = np.array([(90, 140, 220), (200, 220, 245)]) + generator.normal(0, 25, (2, 3))
    ramp = np.linspace(0, 1, size[0])[:, None, None]
    picture = (
        sky[0] * (1 - ramp) + sky[1] * ramp + 12 * draw_field(size, 1.5, generator, 3)[..., None]
    )
    horizon = size[0] * generator.uniform(0.2, 0.6)
    rows = np.arange(size[0])[:, None]
    ground = np.array(pick_colour(generator), np.float64)
    for depth in range(int(generator.integers(1, 5))):
        ridge = draw_field((1, size[1]), 1.6, generator)[0]
        line = horizon + size[0] * (0.08 * ridge + 0.14 * depth)
        texture = 25 * draw_field(size, generator.uniform(0.5, 1.4), generator)[..., None]
        colour = ground * (0.6 + 0.2 * depth) + texture
        picture = np.where((rows > line)[..., None], colour, picture)
    return round_off(picture + draw_grain(size, generator))


def draw_page(size: tuple[int, int], generator: Generator) -> Pixels:
    """Printed text, grey or coloured paper, lit from one side."""
    paper = int(generator.integers(190, 256))
    image = Image.new(
        "RGB", size[::-1], (paper, paper, max(0, paper - int(generator.integers(25))))
    )
    draw = ImageDraw.Draw(image)
    height = int(generator.integers(8, 26))
    font = ImageFont.load_default(height)
    left = int(generator.uniform(0.02, 0.12) * size[1])
    for top in range(int(generator.integers(0, 20)), size[0], int(height * 1.4)):
        if generator.random() < 0.08:
            continue
        words = " ".join(generator.choice(WORDS, int(generator.integers(2, 16))))
        draw.text((left, top), words, fill=(30, 30, 35), font=font)
    if generator.random() < 0.3:
        draw.rectangle((left, size[0] // 2, size[1] - left, size[0] - left), pick_colour(generator))
    picture = image.rotate(generator.normal(0, 2), fillcolor=(paper, paper, paper))
    return round_off(shade(np.asarray(picture), generator) + draw_grain(size, generator))


def draw_screen(size: tuple[int, int], generator: Generator) -> Pixels:
    """Windows with bars, buttons, text, tables and curves."""
    image = Image.new("RGB", size[::-1], pick_colour(generator))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(int(generator.integers(9, 18)))
    for _ in range(int(generator.integers(1, 6))):
        left, top = generator.random(2) * (size[1] * 0.6, size[0] * 0.6)
        right, bottom = (
            left + generator.uniform(0.3, 0.9) * size[1],
            top + size[0] * generator.uniform(0.2, 0.9),
        )
        back = (255, 255, 255) if generator.random() < 0.5 else pick_colour(generator)
        draw.rectangle((left, top, right, bottom), back, pick_colour(generator))
        draw.rectangle((left, top, right, top + 14), pick_colour(generator))
        ink = (20, 20, 20) if sum(back) > 380 else (230, 230, 230)
        for line in np.arange(top + 20, bottom - 12, 18):
            draw.text((left + 6, line), str(generator.choice(WORDS)), fill=ink, font=font)
        heights = bottom - generator.random(8) * (bottom - top) * 0.6
        for number, tall in enumerate(heights):
            place = (left + right) / 2 + number * 9
            draw.rectangle((place, tall, place + 6, bottom), pick_colour(generator))
    return np.asarray(image)


def draw_chart(size: tuple[int, int], generator: Generator) -> Pixels:
    """Stripes, checks, rings or spokes."""
    rows, columns = np.mgrid[: size[0], : size[1]] / max(size)
    turn = generator.uniform(0, np.pi)
    across = rows * np.cos(turn) + columns * np.sin(turn)
    along = columns * np.cos(turn) - rows * np.sin(turn)
    away = np.hypot(rows - generator.uniform(0.2, 0.6), columns - generator.uniform(0.3, 0.7))
    angle = np.arctan2(rows - 0.4, columns - 0.5)
    number = generator.uniform(2, 40)
    waves = {
        "stripes": np.sin(across * number * 6),
        "checks": np.sin(across * number * 6) * np.sin(along * number * 6),
        "rings": np.sin(away * number * 8),
        "spokes": np.sin(angle * round(number)),
    }
    wave = waves[str(generator.choice(list(waves)))]
    if generator.random() < 0.6:
        wave = np.sign(wave)
    return round_off(paint_field(wave, generator) + draw_grain(size, generator))


def draw_wood(size: tuple[int, int], generator: Generator) -> Pixels:
    """Boards: brown, with long fibres."""
    fibres = draw_field(size, 1.0, generator, generator.uniform(6, 30))
    tone = np.array((150, 105, 65)) * generator.uniform(0.5, 1.5) + generator.normal(0, 12, 3)
    picture = tone + fibres[..., None] * generator.uniform(8, 30) * np.array((1, 0.85, 0.65))
    width = int(generator.integers(20, 160))
    for place in range(int(generator.integers(width)), size[0], width):
        picture[place : place + 2] *= 0.5
        picture[place:] += generator.normal(0, 12)
    return round_off(picture + draw_grain(size, generator))


def draw_grass(size: tuple[int, int], generator: Generator) -> Pixels:
    """Many thin strokes: grass, hair, straw, fabric."""
    image = Image.new("RGB", size[::-1], pick_colour(generator))
    draw = ImageDraw.Draw(image)
    tone, lean = pick_colour(generator), generator.uniform(0, np.pi)
    if generator.random() < 0.4:
        tone = vary_colour((90, 140, 50), 40, generator)
    for _ in range(int(generator.integers(400, 2500))):
        start = generator.random(2) * size[::-1]
        turn, reach = lean + generator.normal(0, 0.5), generator.uniform(5, 60)
        end = start + reach * np.array([np.cos(turn), np.sin(turn)])
        draw.line((*start, *end), vary_colour(tone, 40, generator), int(generator.integers(1, 4)))
    return round_off(np.asarray(image) + draw_grain(size, generator))


def draw_sky(size: tuple[int, int], generator: Generator) -> Pixels:
    """Stars, galaxies, a planet or a lamp on black."""
    picture = np.full((*size, 3), generator.uniform(0, 25)) + generator.normal(0, 4, (*size, 3))
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(int(generator.integers(20, 600))):
        radius = min(0.6 / (1 - generator.random()) ** 0.5, 12)
        colour = vary_colour((225, 215, 215), 45, generator)
        fill_ellipse(draw, generator.random(2) * size[::-1], (radius, radius), colour)
    if generator.random() < 0.4:
        radius = generator.uniform(0.1, 0.45) * min(size)
        fill_ellipse(
            draw, generator.random(2) * size[::-1], (radius, radius), pick_colour(generator)
        )
    softened = image.filter(ImageFilter.GaussianBlur(float(generator.choice([0, 0.7, 2]))))
    return round_off(np.asarray(softened) + draw_grain(size, generator))


def draw_face(size: tuple[int, int], generator: Generator) -> Pixels:
    """A head on shoulders before a wall: skin, but from a metre away."""
    image = Image.new("RGB", size[::-1], pick_colour(generator))
    draw = ImageDraw.Draw(image)
    skin = vary_colour(
        ((232, 198, 182), (205, 150, 122), (140, 95, 70))[generator.integers(3)], 12, generator
    )
    dark = vary_colour((60, 40, 30), 30, generator)
    scale = generator.uniform(0.16, 0.5) * min(size)
    x, y = generator.uniform(0.3, 0.7) * size[1], generator.uniform(0.25, 0.6) * size[0]
    fill_ellipse(draw, (x, y + 2.6 * scale), (2.1 * scale, 1.6 * scale), pick_colour(generator))
    draw.rectangle(
        (x - 0.35 * scale, y, x + 0.35 * scale, y + 1.5 * scale), vary_colour(skin, 15, generator)
    )
    fill_ellipse(draw, (x, y - 0.25 * scale), (0.95 * scale, 1.15 * scale), dark)
    fill_ellipse(draw, (x, y), (0.75 * scale, scale), skin)
    for side in (-0.3, 0.3):
        fill_ellipse(
            draw,
            (x + side * scale, y - 0.15 * scale),
            (0.13 * scale, 0.07 * scale),
            (245, 245, 245),
        )
        fill_ellipse(draw, (x + side * scale, y - 0.15 * scale), (0.06 * scale, 0.06 * scale), dark)
    fill_ellipse(draw, (x, y + 0.5 * scale), (0.28 * scale, 0.08 * scale), (170, 70, 75))
    softened = image.filter(ImageFilter.GaussianBlur(generator.uniform(0.5, 3)))
    return round_off(shade(np.asarray(softened), generator) + draw_grain(size, generator))


def draw_limb(size: tuple[int, int], generator: Generator) -> Pixels:
    """An arm or leg with a few spots before a cloth: skin from half a metre away."""
    picture = np.array(pick_colour(generator)) + 10 * draw_field(size, 1.2, generator)[..., None]
    rows, columns = np.mgrid[: size[0], : size[1]] / max(size)
    turn = generator.uniform(0, np.pi)
    across = (rows - 0.4) * np.cos(turn) + (columns - 0.5) * np.sin(turn)
    half = generator.uniform(0.08, 0.25)
    inside = np.abs(across) < half
    skin = np.array(((232, 198, 182), (205, 150, 122), (140, 95, 70))[generator.integers(3)])
    rounded = np.sqrt(np.clip(1 - (across / half) ** 2, 0, 1))[..., None]
    limb = skin * (0.45 + 0.6 * rounded) + 4 * draw_field(size, 1.0, generator)[..., None]
    for _ in range(int(generator.integers(0, 9))):
        spot = np.hypot(rows - generator.uniform(0, 0.8), columns - generator.random())
        limb = np.where((spot < generator.uniform(0.005, 0.02))[..., None], limb * 0.55, limb)
    return round_off(np.where(inside[..., None], limb, picture) + draw_grain(size, generator))


def draw_room(size: tuple[int, int], generator: Generator) -> Pixels:
    """Walls, floor, boxes, a window, round things on a table."""
    image = Image.new("RGB", size[::-1], vary_colour((200, 190, 180), 40, generator))
    draw = ImageDraw.Draw(image)
    floor = generator.uniform(0.5, 0.85) * size[0]
    draw.rectangle((0, floor, size[1], size[0]), pick_colour(generator))
    for _ in range(int(generator.integers(3, 25))):
        x, y = generator.random(2) * (size[1], size[0])
        wide, tall = generator.uniform(0.04, 0.35, 2) * max(size)
        shape = draw.rectangle if generator.random() < 0.6 else draw.ellipse
        shape((x, y - tall, x + wide, y), pick_colour(generator))
    softened = image.filter(ImageFilter.GaussianBlur(generator.uniform(0, 2)))
    return round_off(shade(np.asarray(softened), generator) + draw_grain(size, generator))


def draw_plate(size: tuple[int, int], generator: Generator) -> Pixels:
    """A cup or plate seen from above: the round brown thing most like a lesion."""
    image = Image.new("RGB", size[::-1], pick_colour(generator))
    draw = ImageDraw.Draw(image)
    centre = generator.uniform(0.35, 0.65, 2) * size[::-1]
    radius = generator.uniform(0.25, 0.6) * min(size)
    flat = generator.uniform(0.6, 1.0)
    rim = vary_colour((215, 210, 205), 40, generator)
    for share, colour in (
        (1.0, rim),
        (0.92, vary_colour(rim, 20, generator)),
        (0.7, vary_colour((95, 60, 35), 35, generator)),
    ):
        fill_ellipse(draw, centre, (radius * share, radius * share * flat), colour)
    for _ in range(int(generator.integers(0, 30))):
        spot = centre + generator.normal(0, 0.3, 2) * radius
        fill_ellipse(
            draw, spot, tuple(generator.uniform(1, 0.1 * radius + 2, 2)), pick_colour(generator)
        )
    softened = image.filter(ImageFilter.GaussianBlur(generator.uniform(0.3, 2)))
    return round_off(shade(np.asarray(softened), generator) + draw_grain(size, generator))


def draw_cells(size: tuple[int, int], generator: Generator) -> Pixels:
    """Stained tissue under a microscope: many small dark discs on pink, blue or grey."""
    ground = vary_colour(
        ((225, 180, 205), (205, 205, 225), (190, 190, 190))[generator.integers(3)], 20, generator
    )
    image = Image.new("RGB", size[::-1], ground)
    draw = ImageDraw.Draw(image)
    nucleus = vary_colour((95, 60, 130), 35, generator)
    smallest = generator.uniform(1.5, 6)
    for _ in range(int(generator.integers(60, 900))):
        radius = smallest * generator.uniform(0.7, 1.8)
        fill_blob(
            draw,
            generator.random(2) * size[::-1],
            radius,
            vary_colour(nucleus, 25, generator),
            generator,
        )
    softened = np.asarray(image.filter(ImageFilter.GaussianBlur(generator.uniform(0.4, 1.5))))
    texture = 12 * draw_field(size, 1.0, generator)[..., None]
    return round_off(softened + texture + draw_grain(size, generator))


KINDS: dict[str, Callable[[tuple[int, int], Generator], Pixels]] = {
    "noise": draw_noise, "plain": draw_plain, "clouds": draw_clouds, "leaves": draw_leaves,
    "landscape": draw_landscape, "page": draw_page, "screen": draw_screen, "chart": draw_chart,
    "wood": draw_wood, "grass": draw_grass, "sky": draw_sky, "face": draw_face,
    "limb": draw_limb, "room": draw_room, "plate": draw_plate, "cells": draw_cells,
}  # fmt: skip
"""Each value: ``(size, generator) -> (H, W, 3) uint8``."""
