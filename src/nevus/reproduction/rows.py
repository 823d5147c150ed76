"""The rows of the paper's three tables as data: `tables/*.toml`, strict about their keys."""

import tomllib
from collections.abc import Sequence
from importlib import resources
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError, model_validator

from nevus.errors import RecipeError, UsageError
from nevus.options import Section

Scale = Literal["compact", "paper", "tiny"]
SplitKind = Literal["grouped", "leaking", "held_out"]
SCALES: Final[tuple[Scale, ...]] = ("compact", "paper", "tiny")
TABLES: Final = ("table1", "table2", "table3")


class Start(Section):
    """Where a scale's recipe of a run departs from its table's."""

    recipe: str = ""
    set: tuple[str, ...] = ()


class ScaleSpec(Section):
    """What all runs of a table share at one scale."""

    about: str
    recipe: str
    set: tuple[str, ...] = ()
    validate_epochs: Annotated[int, Field(ge=1)] = 1


class RunSpec(Section):
    """One training: a recipe and what is changed of it."""

    like: str = ""
    """Another run of the table whose recipe and changes come first."""
    seed: Annotated[int, Field(ge=0)] = 0
    set: tuple[str, ...] = ()
    """Changes at every scale."""
    split: SplitKind | None = None
    start_from: str = ""
    """``table:run`` whose checkpoint gives the encoder."""
    compact: Start = Start()
    paper: Start = Start()
    tiny: Start = Start()


class RowSpec(Section):
    """One line of a table: trainings, and how photographs are predicted with them."""

    name: str
    title: str
    group: Literal["paper", "ablation", "ours"]
    paper: float | None = None
    runs: Annotated[tuple[str, ...], Field(min_length=1)]
    steps: str | tuple[dict[str, Any], ...] = "none"
    """Segmentation: ``none``, ``challenge``, ``paper``, or the steps themselves."""
    by: Literal["logits", "gallery", "both"] | None = None
    per_class: Annotated[int, Field(ge=0)] = 0
    """Diagnosis: photographs of each class in the gallery; 0: all that the checkpoint has."""
    scales: tuple[Scale, ...] = SCALES
    note: str = ""


class ClaimSpec(Section):
    """What is said of two rows.

    `gain` is the difference that is claimed, or for ``no gain`` the least that would count as one.
    `by` says whose claim it is: the paper's, or a question of ours put to its ablations.
    """

    name: str
    text: str
    better: str
    worse: str
    kind: Literal["gain", "no gain"] = "gain"
    gain: Annotated[float, Field(gt=0)]
    by: Literal["paper", "ours"] = "paper"
    note: str = ""


class TableSpec(Section):
    """A table of the paper and what was added to it."""

    name: str
    title: str
    task: Literal["segmentation", "attributes", "diagnosis"]
    metric: str
    paper_n: int
    split: SplitKind = "grouped"
    scales: dict[Scale, ScaleSpec]
    runs: dict[str, RunSpec]
    rows: tuple[RowSpec, ...]
    claims: tuple[ClaimSpec, ...]

    @model_validator(mode="after")
    def _names_are_known(self) -> "TableSpec":
        names = [row.name for row in self.rows]
        if len(set(names)) < len(names):
            raise ValueError("two rows share a name")
        asked = {run for row in self.rows for run in row.runs}
        asked |= {run.like for run in self.runs.values() if run.like}
        lost = sorted(asked - set(self.runs))
        lost += sorted({n for c in self.claims for n in (c.better, c.worse)} - set(names))
        if lost:
            raise ValueError(f"nothing is named {', '.join(lost)}")
        return self

    def row(self, name: str) -> RowSpec:
        """Return a row by name.

        Raises:
            UsageError: There is none.
        """
        for row in self.rows:
            if row.name == name:
                return row
        known = ", ".join(row.name for row in self.rows)
        raise UsageError(f"{self.name} has no row {name!r}", hint=f"it has {known}")

    def rows_at(self, scale: Scale) -> tuple[RowSpec, ...]:
        """Return the rows that a scale has."""
        return tuple(row for row in self.rows if scale in row.scales)

    def change(self, run: str, scale: Scale) -> tuple[str, tuple[str, ...]]:
        """Return a run's recipe and its ``KEY=VALUE`` changes at a scale, last one wins."""
        recipe, changes = self.scales[scale].recipe, list(self.scales[scale].set)
        for spec in self._ancestry(run):
            start: Start = getattr(spec, scale)
            recipe = start.recipe or recipe
            changes += [*spec.set, *start.set]
        seed = self.runs[run].seed
        return recipe, merge([*changes, *([f"training.seed={seed}"] if seed else [])])

    def split_of(self, run: str) -> SplitKind:
        """Return how a run's photographs are split."""
        given = [spec.split for spec in self._ancestry(run) if spec.split]
        return given[-1] if given else self.split

    def start_of(self, run: str) -> str:
        """Return ``table:run`` whose checkpoint a run starts from, or nothing."""
        given = [spec.start_from for spec in self._ancestry(run) if spec.start_from]
        return given[-1] if given else ""

    def _ancestry(self, run: str) -> list[RunSpec]:
        spec = self.runs[run]
        return [*(self._ancestry(spec.like) if spec.like else []), spec]


def merge(changes: Sequence[str]) -> tuple[str, ...]:
    """Return changes with each key once, at its last value."""
    last = {change.partition("=")[0].strip(): change for change in changes}
    return tuple(last.values())


def read_table(name: str) -> TableSpec:
    """Return one of the three tables.

    Raises:
        UsageError: There is no such table.
        RecipeError: Its file has an unknown key or a wrong value.
    """
    if name not in TABLES:
        raise UsageError(f"there is no table {name!r}", hint=f"one of {', '.join(TABLES)}")
    path = resources.files("nevus") / "reproduction" / "tables" / f"{name}.toml"
    return parse_table(path.read_text(encoding="utf-8"), origin=name)


def parse_table(text: str, *, origin: str) -> TableSpec:
    """Return a table from its TOML; `origin` names it in errors.

    Raises:
        RecipeError: It is no TOML, or has an unknown key or a wrong value.
    """
    try:
        return TableSpec.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{origin} is no valid TOML: {error}") from error
    except ValidationError as error:
        found = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise RecipeError(f"{origin}: {'; '.join(found)}") from error
