"""Trainings: a run of a table at a scale on a fold, with the key that says two are the same."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nevus.errors import RecipeError, UsageError
from nevus.recipe import Recipe, read_recipe
from nevus.reproduction.rows import Scale, SplitKind, TableSpec, merge

START_KEY = "attributes.start_from"


@dataclass(frozen=True)
class Place:
    """Where photographs are and where results go.

    Attributes:
        data: Data root.
        out: The reproduction's folder.
    """

    data: Path
    out: Path

    @property
    def lock(self) -> Path:
        """Held by the one process that works here."""
        return self.out / ".lock"

    def split(self, training: "Training") -> Path:
        """Return the folder of a split that no fold of `nevus train` gives."""
        fold, folds = training.fold
        name = f"{training.recipe.task}-{training.split}-{fold}of{folds}"
        return self.out / "splits" / name

    def run(self, training: "Training") -> Path:
        """Return a training's run folder."""
        return self.out / "runs" / training.name

    def checkpoint(self, training: "Training") -> Path:
        """Return the checkpoint that is scored: the last; the best was chosen by validation."""
        return self.run(training) / "last.safetensors"

    def gallery(self, training: "Training", per_class: int) -> Path:
        """Return a checkpoint with a smaller gallery."""
        return self.run(training) / f"gallery-{per_class}.safetensors"

    def scored(self, training: "Training") -> Path:
        """Return the split whose validation photographs are scored."""
        if training.split == "grouped":
            return self.run(training) / "split.json"
        return self.split(training) / "scored.json"


@dataclass(frozen=True)
class Training:
    """One run of `nevus train`.

    Attributes:
        key: The same for the same recipe, split and data.
        name: Of its run folder.
        run: Table and run in short.
        scale: At which it runs.
        recipe_name: What the changes are of.
        changes: ``KEY=VALUE``, without where the encoder comes from.
        recipe: The recipe with all changes.
        split: How photographs are split.
        fold: (k, n).
        validate_epochs: Epochs between validations.
        start: The training whose checkpoint gives the encoder, if any.
    """

    key: str
    name: str
    run: str
    scale: Scale
    recipe_name: str
    changes: tuple[str, ...]
    recipe: Recipe
    split: SplitKind
    fold: tuple[int, int]
    validate_epochs: int
    start: "Training | None" = None

    def overrides(self, place: Place) -> tuple[str, ...]:
        """Return the ``--set`` values, the encoder's checkpoint included."""
        if self.start is None:
            return self.changes
        path = json.dumps(place.checkpoint(self.start).as_posix())
        return (*self.changes, f"{START_KEY}={path}")

    def read_recipe(self, place: Place) -> Recipe:
        """Return the recipe as the trainer takes it."""
        return read_recipe(self.recipe_name, self.overrides(place))

    @property
    def shape(self) -> str:
        """Name what decides how long a step takes."""
        recipe = self.recipe
        parts: dict[str, Any] = {
            "network": recipe.network.model_dump(exclude={"pretrained"}),
            "input": recipe.input.model_dump(mode="json"),
            "learner": recipe.learner,
            "batch": [recipe.training.batch_size, recipe.training.precision],
            "critic": recipe.adversarial.critic_channels,
        }
        return digest(parts)[:12]


@dataclass(frozen=True)
class Asked:
    """What a user wants of all rows.

    Attributes:
        scale: ``paper``, ``compact`` or ``tiny``.
        folds: How many; every photograph is scored once.
        changes: ``[ENCODER:]KEY=VALUE``; with an encoder, only where a network has it.
    """

    scale: Scale = "compact"
    folds: int = 2
    changes: tuple[str, ...] = ()

    def changes_for(self, recipe: Recipe) -> tuple[str, ...]:
        """Return the changes that concern a recipe, as ``KEY=VALUE``."""
        found = []
        for change in self.changes:
            key, separator, value = change.partition("=")
            encoder, colon, rest = key.rpartition(":")
            if not separator or not rest:
                raise UsageError(f"--set {change!r} is no [ENCODER:]KEY=VALUE")
            from_scratch = rest == "network.pretrained" and recipe.network.pretrained is False
            if (not colon or encoder == recipe.network.encoder) and not from_scratch:
                found.append(f"{rest}={value}")
        return tuple(found)


def make_training(
    tables: Mapping[str, TableSpec],
    table: str,
    run: str,
    asked: Asked,
    fold: int,
    fingerprints: Mapping[str, str],
) -> Training:
    """Return a table's run as a training.

    Args:
        tables: All three by name: runs may start from another table's.
        table: Its table.
        run: Its name there.
        asked: Scale, folds, changes.
        fold: Which fold is held out.
        fingerprints: task -> `fingerprint` of its photographs.

    Raises:
        RecipeError: A change has an unknown key or a wrong value.
    """
    spec = tables[table]
    name, changes = spec.change(run, asked.scale)
    changes = merge([*changes, *asked.changes_for(read_recipe(name, changes))])
    recipe = read_recipe(name, changes)
    if recipe.task != spec.task:
        raise RecipeError(f"{table}, {run}: {name} is a recipe for {recipe.task}, not {spec.task}")
    start = spec.start_of(run)
    other = None
    if start:
        there, _, which = start.partition(":")
        other = make_training(tables, there, which, asked, fold, fingerprints)
    split = spec.split_of(run)
    content = {
        "recipe": recipe.model_dump(mode="json", exclude={"about"}),
        "split": split,
        "fold": [fold, asked.folds],
        "data": fingerprints[spec.task],
        "start": other.key if other else "",
    }
    key = digest(content)
    return Training(
        key=key,
        name=f"{table}-{run}-{asked.scale}-{fold}of{asked.folds}-{key[:6]}",
        run=f"{table}:{run}",
        scale=asked.scale,
        recipe_name=name,
        changes=changes,
        recipe=recipe,
        split=split,
        fold=(fold, asked.folds),
        validate_epochs=spec.scales[asked.scale].validate_epochs,
        start=other,
    )


def fingerprint(items: Iterable[tuple[str, Sequence[Path]]]) -> str:
    """Return a short name of a data set: its image_ids and the sizes of their files.

    Whether their content is the same, the trainer itself asks before it resumes.
    """
    lines = [
        f"{image_id} {' '.join(str(path.stat().st_size) for path in paths)}"
        for image_id, paths in items
    ]
    return digest(sorted(lines))[:16]


def digest(content: Any) -> str:
    """Return the sha256 of JSON values."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
