"""Jobs: each row on each fold, in the order in which they tell most."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from nevus.data.cache import CacheItem
from nevus.errors import UsageError
from nevus.recipe import find_recipes, read_recipe
from nevus.reproduction.results import read_result, result_path
from nevus.reproduction.rows import RowSpec, TableSpec
from nevus.reproduction.trainings import (
    Asked,
    Place,
    Training,
    digest,
    fingerprint,
    make_training,
)
from nevus.training.train import MATERIALS

FINISHED = "finished.json"
"""In a run folder: the training reached its end."""


@dataclass(frozen=True)
class Job:
    """A row on one fold.

    Attributes:
        table: Of the paper.
        row: Its line.
        trainings: What it predicts with.
        fold: (k, n).
        tier: 0: a claim rests on it; 1: the paper's other rows; 2: ablations; 3: ours.
    """

    table: TableSpec
    row: RowSpec
    trainings: tuple[Training, ...]
    fold: tuple[int, int]
    tier: int

    @property
    def name(self) -> str:
        """Table, row and fold in words."""
        return f"{self.table.name} {self.row.name} fold {self.fold[0]}/{self.fold[1]}"

    @property
    def key(self) -> str:
        """The same for the same trainings and prediction."""
        row = self.row.model_dump(mode="json", include={"steps", "by", "per_class"})
        return digest([row, [training.key for training in self.trainings]])[:16]

    @property
    def recipe_key(self) -> str:
        """The same on every fold, as long as the row is not changed."""
        row = self.row.model_dump(mode="json", include={"steps", "by", "per_class"})
        recipes = [[t.recipe.model_dump(mode="json"), t.split] for t in self.chain]
        return digest([row, recipes])[:16]

    @property
    def chain(self) -> tuple[Training, ...]:
        """Every training the row needs, each after what it starts from."""
        found: dict[str, Training] = {}
        for training in self.trainings:
            if training.start:
                found[training.start.key] = training.start
            found[training.key] = training
        return tuple(found.values())

    def result(self, out: Path) -> Path:
        """Return where its result is kept."""
        return result_path(out, self.trainings[0].scale, self.table.name, self.row.name, self.fold)

    @property
    def folder(self) -> str:
        """Table, row and scale as folders are called."""
        return f"{self.table.name}-{self.row.name}-{self.trainings[0].scale}"

    def predictions(self, out: Path) -> Path:
        """Return where its photographs are predicted to."""
        k, n = self.fold
        return out / "predictions" / f"{self.folder}-{k}of{n}"

    def is_done(self, out: Path) -> bool:
        """Return whether a result of just this job is there."""
        result = read_result(self.result(out))
        return result is not None and result.key == self.key


def is_finished(place: Place, training: Training) -> bool:
    """Return whether a training reached its end."""
    return (place.run(training) / FINISHED).is_file()


def make_jobs(
    tables: Mapping[str, TableSpec],
    chosen: Sequence[str],
    asked: Asked,
    data: Path,
    *,
    rows: Sequence[str] = (),
) -> list[Job]:
    """Return the jobs of some tables, those that tell most first.

    First what the claims rest on, claim by claim, one fold of everything before the next; then
    the paper's other rows; then ablations.

    Args:
        tables: All three by name.
        chosen: Names of those wanted.
        asked: Scale, folds, changes.
        data: Data root.
        rows: Only these, as ``row`` or ``table:row``; default all.

    Raises:
        UsageError: There is no such row.
        DataError: Photographs are missing.
    """
    wanted = _read_rows(tables, chosen, asked, rows)
    needed: set[str] = {tables[t].task for t, _ in wanted}
    needed |= {
        tables[start.partition(":")[0]].task
        for t, row in wanted
        for run in row.runs
        if (start := tables[t].start_of(run))
    }
    known = {task: find_fingerprint(task, data) for task in sorted(needed)}
    jobs = [
        Job(
            table=tables[t],
            row=row,
            trainings=tuple(make_training(tables, t, run, asked, fold, known) for run in row.runs),
            fold=(fold, asked.folds),
            tier=_find_tier(tables[t], row),
        )
        for t, row in wanted
        for fold in range(asked.folds)
    ]
    order = {(t, row.name): place for place, (t, row) in enumerate(_rank(wanted, tables))}
    return sorted(jobs, key=lambda j: (j.tier, j.fold[0], order[j.table.name, j.row.name]))


def find_image_folders(task: str, data: Path) -> tuple[Path, ...]:
    """Return the folders of a task's photographs, relative to the data root, sorted."""
    folders = {item.image.parent for item in _find_items(task, data)}
    return tuple(sorted(folder.relative_to(data) for folder in folders))


def find_fingerprint(task: str, data: Path) -> str:
    """Return the short name of a task's photographs below a data root.

    Raises:
        DataError: There are none, or some lack their truth.
    """
    items = _find_items(task, data)
    return fingerprint((item.image_id, (item.image, *item.masks)) for item in items)


def count_photographs(task: str, data: Path) -> int:
    """Return how many photographs of a task there are."""
    return len(_find_items(task, data))


@lru_cache(maxsize=8)
def _find_items(task: str, data: Path) -> Sequence[CacheItem]:
    name = next(n for n in find_recipes() if read_recipe(n).task == task)
    recipe = read_recipe(name, ["network.lesion_map=false"])
    return tuple(MATERIALS[task](recipe, data).items())


def _read_rows(
    tables: Mapping[str, TableSpec], chosen: Sequence[str], asked: Asked, rows: Sequence[str]
) -> list[tuple[str, RowSpec]]:
    known = [(t, row) for t in chosen for row in tables[t].rows_at(asked.scale)]
    names = {name for t, row in known for name in (row.name, f"{t}:{row.name}")}
    lost = [name for name in rows if name not in names]
    if lost:
        raise UsageError(
            f"no row {lost[0]!r} at scale {asked.scale}",
            hint=f"one of {', '.join(f'{t}:{row.name}' for t, row in known)}",
        )
    return [(t, row) for t, row in known if not rows or {row.name, f"{t}:{row.name}"} & set(rows)]


def _find_tier(table: TableSpec, row: RowSpec) -> int:
    if any(row.name in (claim.better, claim.worse) for claim in table.claims):
        return 0
    return {"paper": 1, "ablation": 2, "ours": 3}[row.group]


def _rank(
    wanted: Sequence[tuple[str, RowSpec]], tables: Mapping[str, TableSpec]
) -> list[tuple[str, RowSpec]]:
    """Return rows in the order of the claims, one claim of each table after the other."""
    claimed: dict[tuple[str, str], int] = {}
    for t, table in tables.items():
        for place, claim in enumerate(table.claims):
            for name in (claim.worse, claim.better):
                claimed.setdefault((t, name), place)
    last = len(wanted)
    return sorted(wanted, key=lambda one: claimed.get((one[0], one[1].name), last))
