"""Folders of photographs to `diagnosis.csv`, one bad file not stopping the rest."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nevus.imaging.cells import guard_cell
from nevus.imaging.files import write_atomically
from nevus.imaging.limits import DEFAULT_LIMITS, Limits
from nevus.inference.inputs import Failure, read_ahead, refuse_same_names, write_failures
from nevus.inference.predictor import Progress
from nevus.labels import DIAGNOSES, NOTICE
from nevus.models.gallery import Neighbour

Pixels = NDArray[np.uint8]


class Diagnosed(Protocol):
    """Class probabilities and similar cases of one photograph."""

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """(7,) in the order of `DIAGNOSES`, summing to 1."""

    @property
    def similar(self) -> tuple[Neighbour, ...]:
        """Photographs of the gallery, nearest first."""


class Diagnoser(Protocol):
    """Anything that diagnoses a photograph."""

    def diagnose(self, pixels: Pixels) -> Diagnosed:
        """Return what it says about (H, W, 3) uint8 RGB."""


def predict_diagnoses(
    members: Sequence[Diagnoser],
    images: Sequence[Path],
    *,
    limits: Limits = DEFAULT_LIMITS,
    workers: int = 2,
) -> Iterator[tuple[Path, NDArray[np.float64], tuple[Neighbour, ...]] | Failure]:
    """Yield per photograph, in order, the mean of the members' probabilities.

    Similar cases are the first member's: distances of different networks cannot be compared.
    """
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        for path, photograph in read_ahead(pool, images, limits, max(workers, 1) + 1):
            if isinstance(photograph, Failure):
                yield photograph
                continue
            results = [member.diagnose(photograph.pixels) for member in members]
            mean = np.mean([result.probabilities for result in results], axis=0)
            yield path, mean, results[0].similar


def predict_diagnosis_folder(
    members: Sequence[Diagnoser],
    images: Sequence[Path],
    out: Path,
    *,
    limits: Limits = DEFAULT_LIMITS,
    workers: int = 2,
    progress: Progress | None = None,
) -> list[Failure]:
    """Write ``diagnosis.csv`` with the official columns, ``similar.json`` and ``errors.csv``.

    Returns:
        The failures, which also stand in ``errors.csv``; the file is removed if there are none.

    Raises:
        UsageError: Two photographs have one name.
    """
    refuse_same_names(images)
    out.mkdir(parents=True, exist_ok=True)
    failures: list[Failure] = []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", *DIAGNOSES])
    similar: dict[str, object] = {}
    results = predict_diagnoses(members, images, limits=limits, workers=workers)
    for done, result in enumerate(results, start=1):
        if isinstance(result, Failure):
            failures.append(result)
        else:
            path, probabilities, neighbours = result
            writer.writerow([guard_cell(path.stem), *format_row(probabilities)])
            similar[path.stem] = [asdict(neighbour) for neighbour in neighbours]
        if progress:
            progress(done, len(images))
    write_atomically(out / "diagnosis.csv", text.getvalue().encode(errors="backslashreplace"))
    document = json.dumps({"notice": NOTICE, "similar": similar}, indent=1, allow_nan=False)
    write_atomically(out / "similar.json", document.encode())
    write_failures(out / "errors.csv", failures)
    return failures


def format_row(probabilities: NDArray[np.float64]) -> list[str]:
    """Return probabilities as decimals that read back exactly, never as whole numbers.

    Ties count as wrong in the official score; fewer digits would make some.
    """
    return [f"{value:.17g}" if value % 1 else f"{value:.1f}" for value in probabilities]
