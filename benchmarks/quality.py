"""How often quality flags are raised on real photographs, and on spoilt copies of them.

    python benchmarks/quality.py --data DATA --count 200

False alarms: the share of real photographs with a flag (some are rightly flagged: hair, dark
corners). Hits: the share of copies spoilt by a known amount that get the flag. For hair, drawn over
photographs in which none was found, also how much of it is found.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from nevus.analysis.cielab import convert_lab
from nevus.analysis.disturbances import find_hair
from nevus.analysis.quality import assess_quality
from nevus.imaging.drawing import fit_within
from nevus.imaging.files import find_images
from nevus.imaging.masks import read_truth
from nevus.imaging.reading import read_image

Pixels = NDArray[np.uint8]
SOURCES = ("ISIC2018_Task1-2_Training_Input", "ISIC2018_Task3_Training_Input", "fullsize")
CODES = ("blur", "under_exposed", "over_exposed", "dark_corners", "hair")
SIGMAS = (0.003, 0.005, 0.0075, 0.01, 0.02)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200, help="per source")
    parser.add_argument("--spoilt", type=int, default=60, help="of them spoilt, per source")
    arguments = parser.parse_args()
    generator = np.random.default_rng(0)
    for source in SOURCES:
        paths = pick(arguments.data, source, arguments.count, generator)
        found: dict[str, list[bool]] = {code: [] for code in CODES}
        hits: dict[str, list[float]] = {}
        for place, path in enumerate(paths):
            pixels = fit_within(read_image(path).pixels, 1024)
            codes = {flag.code for flag in assess_quality(pixels)}
            for code in CODES:
                found[code].append(code in codes)
            if place < arguments.spoilt:
                for name, hit in spoil(pixels, codes, generator):
                    hits.setdefault(name, []).append(hit)
        print(f"{source}, n = {len(paths)}: share with each flag")
        print("  " + ", ".join(f"{code} {np.mean(marks):.3f}" for code, marks in found.items()))
        for name, marks in hits.items():
            print(f"  {name}: {np.mean(marks):.2f} (n = {len(marks)})")
    check_masks(arguments.data, arguments.count, generator)


def pick(data: Path, folder: str, count: int, generator: np.random.Generator) -> list[Path]:
    paths = find_images([next(data.rglob(folder))])
    return [paths[place] for place in generator.permutation(len(paths))[:count]]


def spoil(
    pixels: Pixels, codes: set[str], generator: np.random.Generator
) -> Iterator[tuple[str, float]]:
    """Yield what was done and whether it was noticed."""
    long_side = max(pixels.shape[:2])
    for sigma in SIGMAS:
        blurred = gaussian_filter(pixels, (sigma * long_side, sigma * long_side, 0), truncate=3)
        yield f"blurred by {100 * sigma:g} % of the long side: hit", notices(blurred, "blur")
    for factor in (0.5, 0.3):
        dark = (pixels * factor).astype(np.uint8)
        yield f"light times {factor}: hit", notices(dark, "under_exposed")
    for factor in (1.5, 2.0):
        bright = np.clip(pixels * factor, 0, 255).astype(np.uint8)
        yield f"light times {factor}: hit", notices(bright, "over_exposed")
    if "hair" not in codes:
        drawn, hair = draw_hair(fit_within(pixels, 256), generator)
        marked = find_hair(convert_lab(drawn)[..., 0])
        yield f"hair drawn over {100 * 0.06:g} % or more: hit", notices(drawn, "hair")
        yield "hair drawn: share of it found", float((marked & hair).sum() / hair.sum())


def notices(pixels: Pixels, code: str) -> float:
    return float(any(flag.code == code for flag in assess_quality(pixels)))


def draw_hair(pixels: Pixels, generator: np.random.Generator) -> tuple[Pixels, NDArray[np.bool_]]:
    """Return a copy with soft dark arcs over at least 6 % of it, and where they are."""
    height, width = pixels.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    cover = np.zeros((height, width))
    while (cover > 0.5).mean() < 0.06:
        radius = generator.uniform(0.5, 3) * width
        centre = generator.uniform(-1, 2, 2) * (height, width)
        away = np.abs(np.hypot(rows - centre[0], columns - centre[1]) - radius)
        cover = np.maximum(cover, np.clip(1.6 - away, 0, 1) * generator.uniform(0.6, 1))
    mixed = pixels + cover[..., None] * 0.85 * (np.array((45, 32, 28)) - pixels.astype(float))
    return np.rint(mixed).astype(np.uint8), cover > 0.5


def check_masks(data: Path, count: int, generator: np.random.Generator) -> None:
    """Print how often the lesion's own flags are raised on official masks."""
    folder = next(data.rglob("ISIC2018_Task1_Training_GroundTruth"))
    paths = sorted(folder.glob("*.png"))
    raised: dict[str, int] = {}
    for place in generator.permutation(len(paths))[:count]:
        mask = read_truth(paths[place]).mask
        grey = np.full((*mask.shape, 3), 128, np.uint8)
        for flag in assess_quality(grey, mask):
            key = f"{flag.code} {flag.severity}"
            raised[key] = raised.get(key, 0) + 1
    print(f"official masks, n = {count}: {dict(sorted(raised.items()))}")


if __name__ == "__main__":
    main()
