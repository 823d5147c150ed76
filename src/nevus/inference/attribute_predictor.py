"""Folders of photographs to five masks each, one bad file not stopping the rest."""

import json
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nevus.imaging.files import write_atomically
from nevus.imaging.limits import DEFAULT_LIMITS, Limits
from nevus.imaging.masks import write_mask
from nevus.inference.inputs import Failure, read_ahead, refuse_same_names, write_failures
from nevus.inference.predictor import Progress
from nevus.labels import ATTRIBUTES, NOTICE, attribute_name
from nevus.metrics.thresholds import Rules

Pixels = NDArray[np.uint8]


class Detected(Protocol):
    """Attribute maps and presences of one photograph."""

    @property
    def maps(self) -> NDArray[np.float32]:
        """(5, H, W) probabilities in the order of `ATTRIBUTES`."""

    @property
    def presences(self) -> NDArray[np.float64]:
        """(5,) probabilities of being there at all."""


class Attributor(Protocol):
    """Anything that finds attributes in a photograph."""

    def detect(self, pixels: Pixels) -> Detected:
        """Return what it finds in (H, W, 3) uint8 RGB."""


def detect_attributes(
    members: Sequence[Attributor], pixels: Pixels
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the mean maps (5, H, W) and presences (5,) of several networks."""
    found = [member.detect(pixels) for member in members]
    maps: NDArray[np.float32] = np.mean([one.maps for one in found], axis=0, dtype=np.float32)
    return maps, np.asarray(np.mean([one.presences for one in found], axis=0))


def predict_attribute_folder(
    members: Sequence[Attributor],
    images: Sequence[Path],
    out: Path,
    *,
    rules: Rules,
    limits: Limits = DEFAULT_LIMITS,
    workers: int = 2,
    progress: Progress | None = None,
) -> list[Failure]:
    """Write five masks by their official names for each photograph, and ``errors.csv``.

    ``presences.json`` holds each attribute's probability of being there at all.

    Args:
        members: Networks; several make an ensemble.
        images: Photographs.
        out: Folder, made if needed.
        rules: How probabilities become masks.
        limits: What is refused before decoding.
        workers: Threads beside the network.
        progress: Called with (done, total).

    Returns:
        The failures, which also stand in ``errors.csv``; the file is removed if there are none.

    Raises:
        UsageError: Two photographs have one name.
    """
    refuse_same_names(images)
    out.mkdir(parents=True, exist_ok=True)
    failures: list[Failure] = []
    presences: dict[str, dict[str, float]] = {}
    ahead = max(workers, 1) + 1
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        writing: list[Future[None]] = []
        for done, (path, photograph) in enumerate(read_ahead(pool, images, limits, ahead), 1):
            if isinstance(photograph, Failure):
                failures.append(photograph)
            else:
                maps, likely = detect_attributes(members, photograph.pixels)
                presences[path.stem] = dict(zip(ATTRIBUTES, likely.round(6).tolist(), strict=True))
                writing.append(pool.submit(_write, out, path.stem, rules, maps, likely))
            while len(writing) > ahead:
                writing.pop(0).result()
            if progress:
                progress(done, len(images))
        for future in writing:
            future.result()
    document = json.dumps({"notice": NOTICE, "presences": presences}, indent=1, allow_nan=False)
    write_atomically(out / "presences.json", document.encode())
    write_failures(out / "errors.csv", failures)
    return failures


def _write(
    out: Path,
    image_id: str,
    rules: Rules,
    maps: NDArray[np.float32],
    presences: NDArray[np.float64],
) -> None:
    masks = rules.apply(maps, presences)
    for name, mask in zip(ATTRIBUTES, masks, strict=True):
        write_mask(out / attribute_name(image_id, name), mask)
