"""A run's folder: what it was started with, its split, its lock."""

import json
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from nevus import __version__
from nevus.errors import TrainingError
from nevus.imaging.files import remove_partials, write_atomically
from nevus.labels import NOTICE
from nevus.models.tensorfile import remove_partials as remove_partial_tensors
from nevus.recipe import Recipe
from nevus.training.locking import hold
from nevus.training.state import find_states

FIXED = ("recipe", "data", "world_size")
"""What a resumed run must share with the run before it."""
SETTLED = ("data.fold ", "data.split ")
"""What it must share in any case: the split is kept, and who has trained cannot validate."""


@dataclass(frozen=True)
class RunFolder:
    """Paths inside a run folder.

    Attributes:
        path: The folder itself.
    """

    path: Path

    @property
    def state(self) -> Path:
        """Exact states, for resuming."""
        return self.path / "state"

    @property
    def manifest(self) -> Path:
        """What the run was started with."""
        return self.path / "run.json"

    @property
    def journal(self) -> Path:
        """Loss terms and scores, one JSON object a line."""
        return self.path / "metrics.jsonl"

    @property
    def split(self) -> Path:
        """Who trains and who validates."""
        return self.path / "split.json"

    def checkpoint(self, name: str) -> Path:
        """``best`` or ``last``, for prediction."""
        return self.path / f"{name}.safetensors"


@contextmanager
def locked(folder: RunFolder) -> Iterator[None]:
    """Hold a run folder for this process alone; a killed process lets go of it.

    Raises:
        RunLockedError: Another trainer holds it.
    """
    with hold(folder.path):
        remove_partials(folder.path)
        remove_partial_tensors(folder.path)
        yield


def refuse_second_start(folder: RunFolder) -> None:
    """Refuse to begin where a run has saved states; said before photographs are decoded.

    Raises:
        TrainingError: So.
    """
    if find_states(folder.state):
        raise TrainingError(
            f"{folder.path} already holds a run", hint="--resume to go on, or another --out"
        )


def make_manifest(
    recipe: Recipe, *, data: Mapping[str, Any], world_size: int, device: str
) -> dict[str, Any]:
    """Return what goes into ``run.json``."""
    return {
        "notice": NOTICE,
        "nevus": __version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "machine": platform.platform(terse=True),
        "device": device,
        "threads": torch.get_num_threads(),
        "world_size": world_size,
        "data": dict(data),
        "recipe": recipe.model_dump(mode="json"),
    }


def open_run(
    folder: RunFolder,
    manifest: dict[str, Any],
    *,
    allow_changes: bool,
    note: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Begin a run folder or take an old one up again; return the manifest in force.

    Args:
        folder: The run's.
        manifest: Of this start.
        allow_changes: Go on although something differs; never with another fold or split.
        note: Told what differs, where that is allowed.

    Raises:
        TrainingError: What must not change has changed: every difference is shown; or the old
            manifest is damaged.
    """
    if not find_states(folder.state):
        _write(folder.manifest, manifest)
        return manifest
    before = _read(folder.manifest)
    before["recipe"] = _fill_in(before.get("recipe"))
    differences = [
        line for key in FIXED for line in _differences(before.get(key), manifest[key], key)
    ]
    settled = [line for line in differences if line.startswith(SETTLED)]
    if settled and allow_changes:
        raise TrainingError(
            f"{folder.path} was started on another split: {'; '.join(settled)}",
            hint="start a new run folder with another --out",
        )
    if differences and not allow_changes:
        raise TrainingError(
            f"{folder.path} was started differently: {'; '.join(differences)}",
            hint="start as before, or add --allow-changes",
        )
    if differences:
        note(f"changed since the run began: {'; '.join(differences)}")
        _write(folder.manifest, manifest)
        return manifest
    return before


def find_changes(folder: RunFolder, recipe: Recipe, key: str) -> list[str]:
    """Return in what recipe and data differ from those of a run's start, a sentence each.

    Args:
        folder: The run's.
        recipe: To be compared.
        key: `Cache.key` of the data to be compared.

    Raises:
        TrainingError: The run's manifest is missing or damaged.
    """
    before = _read(folder.manifest)
    recipes = _fill_in(before.get("recipe")), recipe.model_dump(mode="json")
    data = before.get("data")
    known = data.get("key") if isinstance(data, dict) else None
    return _differences(*recipes, "recipe") + _differences(known, key, "data.key")


def _write(path: Path, manifest: Mapping[str, Any]) -> None:
    write_atomically(path, json.dumps(manifest, indent=1).encode())


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(
            f"{path} is missing or damaged: what its states belong to is not known",
            hint="begin again in another --out",
        ) from error


def _fill_in(recipe: Any) -> Any:
    # Options that a newer nevus has added stood at their defaults before.
    try:
        return Recipe.model_validate(recipe).model_dump(mode="json")
    except ValidationError:
        return recipe


def _differences(before: Any, now: Any, where: str) -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        keys = sorted(before.keys() | now.keys())
        return [
            line
            for key in keys
            for line in _differences(before.get(key), now.get(key), f"{where}.{key}")
        ]
    return [] if before == now else [f"{where} was {before!r}, is {now!r}"]
