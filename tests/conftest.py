"""Drawn data for every test that needs some, and where the real photographs are."""

import os
from pathlib import Path

# Before torch: threads that spin for each other make tiny networks many times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import torch
from PIL import Image

torch.set_num_threads(1)

REPOSITORY = Path(__file__).resolve().parent.parent


def real_data() -> Path | None:
    """Return the folder of the real photographs, or None."""
    place = Path(os.environ.get("NEVUS_DATA", REPOSITORY.parent / "shared" / "data"))
    return place if (place / "isic2018").is_dir() else None


@pytest.fixture(scope="session")
def real() -> Path:
    place = real_data()
    if place is None:
        pytest.skip("the real ISIC 2018 photographs are not here: set NEVUS_DATA")
    return place


def draw_lesion(index: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return a photograph of noise and one dark ellipse, and the ellipse."""
    generator = np.random.default_rng(index)
    rows, columns = np.mgrid[: size[0], : size[1]]
    centre = np.array(size) * generator.uniform(0.35, 0.65, 2)
    axes = np.array(size) * generator.uniform(0.15, 0.3, 2)
    inside = ((rows - centre[0]) / axes[0]) ** 2 + ((columns - centre[1]) / axes[1]) ** 2 < 1
    pixels = np.full((*size, 3), (220, 180, 160)) + generator.normal(0, 12, (*size, 3))
    pixels[inside] -= (90, 100, 90)
    return np.clip(pixels, 0, 255).astype(np.uint8), inside


def write_drawn(root: Path, count: int, size: tuple[int, int] = (60, 80)) -> Path:
    """Write `count` drawn samples as images/ and masks/."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for index in range(count):
        pixels, inside = draw_lesion(index, size)
        name = f"ISIC_{index:07d}"
        Image.fromarray(pixels).save(root / "images" / f"{name}.png")
        mask = Image.fromarray(inside.astype(np.uint8) * 255)
        mask.save(root / "masks" / f"{name}_segmentation.png")
    return root


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root of 24 drawn samples."""
    return write_drawn(tmp_path_factory.mktemp("drawn"), 24)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests out of the user's cache; one cache for all, as a user has."""
    monkeypatch.setenv("NEVUS_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
