"""A run's folder: what it was started with, its split, its lock."""

import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from pydantic import ValidationError

from nevus import __version__
from nevus.errors import RunLockedError, TrainingError
from nevus.labels import NOTICE
from nevus.recipe import Recipe
from nevus.training.state import find_states

FIXED = ("recipe", "data", "world_size")
"""What a resumed run must share with the run before it."""


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
    folder.path.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder.path / ".lock", timeout=0.5):
            yield
    except Timeout as error:
        raise RunLockedError(
            f"another trainer is at work in {folder.path}", hint="wait for it, or use another --out"
        ) from error


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
    folder: RunFolder, manifest: dict[str, Any], *, resume: bool, allow_changes: bool
) -> dict[str, Any]:
    """Begin a run folder or take an old one up again; return the manifest in force.

    Raises:
        TrainingError: The folder holds a run and `resume` is not set, or what must not change
            has changed; every difference is shown.
    """
    if not folder.manifest.is_file():
        folder.manifest.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        return manifest
    before = json.loads(folder.manifest.read_text(encoding="utf-8"))
    before["recipe"] = _fill_in(before.get("recipe"))
    if not resume and find_states(folder.state):
        raise TrainingError(
            f"{folder.path} already holds a run", hint="--resume to go on, or another --out"
        )
    differences = [
        line for key in FIXED for line in _differences(before.get(key), manifest[key], key)
    ]
    if differences and find_states(folder.state) and not allow_changes:
        raise TrainingError(
            f"{folder.path} was started differently: {'; '.join(differences)}",
            hint="start as before, or add --allow-changes",
        )
    if differences:
        folder.manifest.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        return manifest
    return dict(before)


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
