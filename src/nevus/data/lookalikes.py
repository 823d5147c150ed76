"""Photographs of the same lesion under different names, found by what they look like.

Two photographs look alike when their structure agrees, whichever way they are turned: both are
shrunk to grey thumbnails, slow shading and the dark rim of the lens are taken out, and what is left
is correlated twice: as it is, and with local contrast evened out, so that the skin's texture counts
as much as the lesion's outline. The two thresholds were set by looking at pairs of ISIC 2018
photographs: of the 43 pairs found among 2,076, about half show one lesion, the others are merely
alike, which costs folds nothing.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from nevus.data.records import Record
from nevus.errors import ImageError
from nevus.imaging.reading import read_image
from nevus.imaging.resizing import resize_image

SIDE = 48
COARSE, FINE = 0.85, 0.79
_BLOCK = 1024

Vectors = NDArray[np.float32]


def perceptual_hash(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (48, 48) uint8, the grey thumbnail that photographs are compared by."""
    return resize_image(pixels, (SIDE, SIDE)).mean(axis=2).round().astype(np.uint8)


def find_lookalikes(
    records: Sequence[Record], cache: Path | None = None, *, workers: int = 2
) -> list[tuple[str, str]]:
    """Return pairs of image_ids whose photographs look alike, sorted.

    Args:
        records: Photographs; those that cannot be read are left out, `nevus data check` names
            them.
        cache: A folder where thumbnails are kept for the next call, or None.
        workers: Threads that decode.
    """
    image_ids, thumbnails = _load_thumbnails(records, cache, workers)
    if len(image_ids) < 2:
        return []
    pairs = _find_pairs(thumbnails.astype(np.float32))
    return sorted((image_ids[a], image_ids[b]) for a, b in pairs)


def group_lookalikes(
    image_ids: Iterable[str], pairs: Iterable[tuple[str, str]]
) -> dict[str, str]:
    """Return image_id to the smallest id of all it is joined to by pairs, directly or not."""
    group = {image_id: image_id for image_id in image_ids}

    def root(image_id: str) -> str:
        while group[image_id] != image_id:
            image_id = group[image_id]
        return image_id

    for first, second in pairs:
        low, high = sorted((root(first), root(second)))
        group[high] = low
    return {image_id: root(image_id) for image_id in group}


def _load_thumbnails(
    records: Sequence[Record], cache: Path | None, workers: int
) -> tuple[list[str], NDArray[np.uint8]]:
    stamps = [_stamp(record.image) for record in records]
    key = hashlib.sha256(json.dumps(stamps).encode()).hexdigest()[:16]
    place = cache / f"thumbnails-{SIDE}-{key}.npy" if cache else None
    if place is not None and place.is_file():
        stored: NDArray[np.uint8] = np.load(place, allow_pickle=False)
        if stored.shape == (len(records), SIDE, SIDE):
            return _readable(records, stored)
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        thumbnails = np.stack(list(pool.map(_thumbnail, records)))
    if place is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = place.with_suffix(".partial.npy")
        np.save(partial, thumbnails, allow_pickle=False)
        partial.replace(place)
    return _readable(records, thumbnails)


def _stamp(path: Path) -> tuple[str, int, int]:
    try:
        status = path.stat()
    except OSError:
        return (path.name, -1, -1)
    return (path.name, status.st_size, status.st_mtime_ns)


def _thumbnail(record: Record) -> NDArray[np.uint8]:
    try:
        return perceptual_hash(read_image(record.image).pixels)
    except ImageError:
        return np.zeros((SIDE, SIDE), np.uint8)


def _readable(
    records: Sequence[Record], thumbnails: NDArray[np.uint8]
) -> tuple[list[str], NDArray[np.uint8]]:
    # A thumbnail of one value has no structure: unreadable, or an empty picture.
    kept = np.flatnonzero(thumbnails.std(axis=(1, 2)) > 0)
    return [records[i].image_id for i in kept], thumbnails[kept]


def _find_pairs(grey: Vectors) -> list[tuple[int, int]]:
    coarse = _detail(grey, 0.7, 4.0)
    fine = _even_contrast(_detail(grey, 0.6, 3.0))
    window = _window()
    upright_coarse, upright_fine = _normalise(coarse * window), _normalise(fine * window)
    found: set[tuple[int, int]] = set()
    for turn in range(8):
        turned_coarse = _normalise(_turn(coarse, turn) * window)
        turned_fine = _normalise(_turn(fine, turn) * window)
        for start in range(0, len(grey), _BLOCK):
            alike = upright_coarse[start : start + _BLOCK] @ turned_coarse.T
            for row, column in np.argwhere(alike > COARSE):
                first, second = int(row) + start, int(column)
                if first < second and upright_fine[first] @ turned_fine[second] > FINE:
                    found.add((first, second))
    return sorted(found)


def _detail(grey: Vectors, fine: float, coarse: float) -> Vectors:
    sharp = gaussian_filter(grey, (0, fine, fine))
    detail: Vectors = sharp - gaussian_filter(grey, (0, coarse, coarse))
    return detail


def _even_contrast(detail: Vectors) -> Vectors:
    power = gaussian_filter(detail * detail, (0, 4.0, 4.0))
    # The constant keeps noise and compression blocks of flat skin from being blown up.
    even: Vectors = detail / (np.sqrt(power) + 1.5)
    return even


def _window() -> Vectors:
    side = np.cos(np.linspace(-1, 1, SIDE) * np.pi / 2)
    return np.clip(np.outer(side, side) * 1.6, 0, 1).astype(np.float32)


def _turn(pictures: Vectors, turn: int) -> Vectors:
    turned = np.rot90(pictures, turn % 4, (1, 2))
    return turned[:, :, ::-1] if turn >= 4 else turned


def _normalise(pictures: Vectors) -> Vectors:
    flat = pictures.reshape(len(pictures), -1)
    centred = flat - flat.mean(axis=1, keepdims=True)
    norms: Vectors = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(norms, 1e-6), np.float32)
