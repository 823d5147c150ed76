"""Drawn photographs and the plain models, loaded once."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nevus.analyzer.analyzer import Analyzer
from nevus.data.phantoms import draw_phantom


@pytest.fixture(scope="session")
def analyzer(plain_models: Path) -> Analyzer:
    return Analyzer(plain_models, threads=1, evidence=True)


@pytest.fixture(scope="session")
def dermoscopy() -> np.ndarray:
    """A drawn dermoscopy, 180 x 240."""
    return draw_phantom(1, 3, size=(180, 240)).pixels


@pytest.fixture(scope="session")
def cup() -> np.ndarray:
    """No dermoscopy: stripes of strong colours."""
    pixels = np.zeros((180, 240, 3), np.uint8)
    pixels[:, ::7] = (0, 255, 0)
    pixels[::5] = (0, 0, 255)
    return pixels


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four drawn photographs and three files that are none."""
    folder = tmp_path / "photos"
    (folder / "deeper").mkdir(parents=True)
    for index in range(3):
        pixels = draw_phantom(index + 1, 3, size=(90, 120)).pixels
        Image.fromarray(pixels).save(folder / f"{'abc'[index]}.png")
    Image.fromarray(pixels).save(folder / "deeper" / "a.jpg", quality=95)
    (folder / "cut.jpg").write_bytes((folder / "deeper" / "a.jpg").read_bytes()[:900])
    (folder / "empty.png").write_bytes(b"")
    (folder / "words.jpg").write_text("<html>", encoding="utf-8")
    return folder
