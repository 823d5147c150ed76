"""All that was found at one scale: rows over their folds, claims, what was not run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nevus.labels import NOTICE
from nevus.reproduction.claims import RULE, Verdict, judge
from nevus.reproduction.commands import render_row
from nevus.reproduction.pooling import (
    COMPARISONS,
    POOLS,
    Pooled,
    join_folds,
    pair_photographs,
    recall_by_class,
    to_cases,
)
from nevus.reproduction.results import FoldResult, read_arrays, read_result, result_path
from nevus.reproduction.rows import RowSpec, Scale, TableSpec


@dataclass(frozen=True)
class RowFindings:
    """A row over the folds that are done.

    Attributes:
        table: Its table.
        row: Its line.
        results: One per fold; empty where it was not run.
        arrays: Of all folds' photographs.
        pooled: Its number over them; None where it was not run.
    """

    table: TableSpec
    row: RowSpec
    results: tuple[FoldResult, ...]
    arrays: Mapping[str, NDArray[Any]]
    pooled: Pooled | None

    @property
    def hours(self) -> float:
        """Hours of training and predicting; a training that rows share counts for each."""
        return sum(sum(result.hours.values()) for result in self.results)

    @property
    def trainings(self) -> list[dict[str, Any]]:
        """What is known of its trainings, each once."""
        known = {t["key"]: t for result in self.results for t in result.trainings}
        return list(known.values())

    @property
    def seeds(self) -> list[int]:
        """The seeds its trainings drew from."""
        return sorted({training["seed"] for training in self.trainings})

    @property
    def devices(self) -> list[str]:
        """What it was trained on, with the number of threads."""
        return sorted(
            {f"{device}, {t['threads']} threads" for t in self.trainings for device in t["devices"]}
        )

    @property
    def command(self) -> str:
        """What gives the number."""
        if not self.results:
            return ""
        folds = [(result.fold, result.commands) for result in self.results]
        name = f"{self.table.name}-{self.row.name}-{self.results[0].scale}"
        return render_row(self.table.task, name, folds)

    def to_json(self) -> dict[str, Any]:
        """Return everything but values of single photographs; None for what is not defined."""
        if self.pooled is None:
            return {"title": self.row.title, "paper": self.row.paper, "run": False}
        return {
            "title": self.row.title,
            "paper": self.row.paper,
            "run": True,
            **pooled_json(self.pooled),
            "per_fold": {f"{r.fold[0]}/{r.fold[1]}": r.value for r in self.results},
            **self._details(),
            "split": self.results[0].trainings[-1]["split"],
            "seeds": self.seeds,
            "devices": self.devices,
            "hours": round(self.hours, 3),
            "command": self.command,
            "deviations": self.row.note,
            "prediction": self.results[0].prediction,
            "trainings": [{k: v for k, v in t.items() if k != "curve"} for t in self.trainings],
        }

    def _details(self) -> dict[str, Any]:
        if self.table.task == "diagnosis":
            return {"recall": recall_by_class(self.arrays)}
        if self.table.task == "segmentation":
            return {"jaccard": float(self.arrays["jaccard"].mean())}
        return {}

    def per_photograph(self) -> list[float] | list[int] | list[list[float]]:
        """Return one entry per photograph: Jaccard; tp, fp, fn as shares; or the label."""
        if self.table.task == "segmentation":
            return [round(value, 5) for value in self.arrays["jaccard"].tolist()]
        if self.table.task == "attributes":
            shares = self.arrays["shares"].sum(axis=1)[:, :3]
            return [[round(value, 7) for value in row] for row in shares.tolist()]
        return [int(label) for label in to_cases(self.arrays).labels]


@dataclass(frozen=True)
class Findings:
    """All rows and claims at one scale.

    Attributes:
        scale: Which.
        folds: How many there are in all.
        tables: By name.
        rows: (table, row) -> findings, in the tables' order.
        verdicts: (table, claim) -> verdict.
    """

    scale: Scale
    folds: int
    tables: Mapping[str, TableSpec]
    rows: Mapping[tuple[str, str], RowFindings]
    verdicts: Mapping[tuple[str, str], Verdict]

    def rows_of(self, table: str) -> list[RowFindings]:
        """Return the rows of a table."""
        return [row for (name, _), row in self.rows.items() if name == table]

    def to_json(self) -> dict[str, Any]:
        """Return everything but values of single photographs."""
        return {
            "notice": NOTICE,
            "scale": self.scale,
            "folds": self.folds,
            "rule": RULE,
            "tables": {
                name: {
                    "title": table.title,
                    "metric": table.metric,
                    "about": table.scales[self.scale].about,
                    "rows": {row.row.name: row.to_json() for row in self.rows_of(name)},
                }
                for name, table in self.tables.items()
            },
            "claims": {
                f"{table}:{name}": _verdict_json(verdict)
                for (table, name), verdict in self.verdicts.items()
            },
        }


def collect_findings(
    out: Path, tables: Mapping[str, TableSpec], scale: Scale, folds: int
) -> Findings:
    """Return what a reproduction's folder holds of a scale.

    Raises:
        DataError: A result is damaged.
    """
    rows = {
        (name, row.name): _collect_row(out, table, row, scale, folds)
        for name, table in tables.items()
        for row in table.rows_at(scale)
    }
    verdicts = {}
    for name, table in tables.items():
        for claim in table.claims:
            if not {(name, claim.better), (name, claim.worse)} <= rows.keys():
                # A question of ours to rows that this scale does not have.
                continue
            better, worse = rows[name, claim.better], rows[name, claim.worse]
            difference, shared = compare_rows(better, worse)
            verdicts[name, claim.name] = judge(claim, difference, folds=shared)
    return Findings(scale, folds, tables, rows, verdicts)


def compare_rows(first: RowFindings, second: RowFindings) -> tuple[Pooled | None, int]:
    """Return first minus second over the folds that both have, and how many those are."""
    own = {result.fold for result in first.results}
    shared = own & {result.fold for result in second.results}
    if first.pooled is None or second.pooled is None or not shared:
        return None, 0
    left, right = pair_photographs(first.arrays, second.arrays)
    return COMPARISONS[first.table.task](left, right), len(shared)


def pooled_json(pooled: Pooled) -> dict[str, Any]:
    """Return value, n and interval; None for an interval that is not defined."""
    known = not np.isnan(pooled.low)
    return {
        "value": pooled.value,
        "ci95": [pooled.low, pooled.high] if known else None,
        "n": pooled.n,
    }


def _collect_row(
    out: Path, table: TableSpec, row: RowSpec, scale: Scale, folds: int
) -> RowFindings:
    paths = [result_path(out, scale, table.name, row.name, (k, folds)) for k in range(folds)]
    found = [(path, result) for path in paths if (result := read_result(path))]
    if not found:
        return RowFindings(table, row, (), {}, None)
    # Folds of a row that was changed in between are not one row.
    keys = Counter(result.recipe_key for _, result in found)
    kept = [(path, one) for path, one in found if one.recipe_key == keys.most_common(1)[0][0]]
    arrays = join_folds([read_arrays(path) for path, _ in kept])
    results: Sequence[FoldResult] = [result for _, result in kept]
    return RowFindings(table, row, tuple(results), arrays, POOLS[table.task](arrays))


def _verdict_json(verdict: Verdict) -> dict[str, Any]:
    found = {
        "text": verdict.claim.text,
        "verdict": verdict.verdict,
        "reason": verdict.reason,
        "first": verdict.claim.better,
        "second": verdict.claim.worse,
        "claimed": verdict.claim.gain,
        "folds": verdict.folds,
    }
    return found if verdict.difference is None else found | pooled_json(verdict.difference)
