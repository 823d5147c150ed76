"""What is kept of a row on one fold: scores, one value per photograph, where they come from."""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nevus.errors import DataError
from nevus.imaging.files import write_atomically

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class FoldResult:
    """A row on one fold.

    Attributes:
        table: The row's table.
        row: Its name.
        scale: At which it ran.
        fold: (k, n).
        key: The same for the same trainings and prediction.
        recipe_key: The same on every fold of an unchanged row.
        n: Photographs scored.
        value: The table's metric on this fold.
        training_photographs: How many trained.
        validation_photographs: How many were validated on.
        hours: Of the trainings, and of predicting.
        machine: What it was predicted on, see `describe_machine`.
        trainings: Per training its name, changes, seed, steps, hours, devices, curve.
        prediction: How photographs were predicted.
        data: The cache key of the first training's photographs.
        commands: ``train`` and ``predict`` lines, see `render_fold`.
    """

    table: str
    row: str
    scale: str
    fold: tuple[int, int]
    key: str
    recipe_key: str
    n: int
    value: float
    training_photographs: int
    validation_photographs: int
    hours: dict[str, float]
    machine: dict[str, Any]
    trainings: tuple[dict[str, Any], ...]
    prediction: dict[str, Any]
    data: dict[str, Any]
    commands: dict[str, list[str]]


def result_path(out: Path, scale: str, table: str, row: str, fold: tuple[int, int]) -> Path:
    """Return where a row's result on a fold is kept; its arrays lie beside, as ``.npz``."""
    return out / "rows" / scale / table / row / f"fold-{fold[0]}-of-{fold[1]}.json"


def write_result(out: Path, result: FoldResult, arrays: Arrays) -> None:
    """Write scores and arrays; the JSON comes last and says that both are there.

    Raises:
        DiskFullError: There is no room.
    """
    path = result_path(out, result.scale, result.table, result.row, result.fold)
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    write_atomically(path.with_suffix(".npz"), stream.getvalue())
    text = json.dumps(asdict(result), indent=1, allow_nan=False)
    write_atomically(path, text.encode())


def read_result(path: Path) -> FoldResult | None:
    """Return a result, or None where there is none.

    Raises:
        DataError: The file is no result.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        stored["fold"] = tuple(stored["fold"])
        stored["trainings"] = tuple(stored["trainings"])
        return FoldResult(**stored)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is no result of a row: {type(error).__name__}", hint="remove it, run again"
        ) from error


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays beside a result, one entry per photograph each.

    Raises:
        DataError: They are missing or damaged.
    """
    place = path.with_suffix(".npz")
    try:
        with np.load(place, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:
        # zipfile, zlib and numpy each have errors of their own for a damaged file.
        raise DataError(
            f"{place} cannot be read: {type(error).__name__}", hint="remove it, run again"
        ) from error
