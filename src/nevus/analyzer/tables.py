"""What is written about a whole call: tables and the report's pages."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from nevus.analysis.lesion import Abcd
from nevus.analysis.report import Neighbours, write_sheets
from nevus.analysis.results import Analysis
from nevus.analysis.tables import write_diagnoses
from nevus.analyzer.folder import Outcome
from nevus.analyzer.naming import Input
from nevus.analyzer.outputs import read_sheet, sheet_path
from nevus.errors import UsageError
from nevus.imaging.cells import guard_cell
from nevus.imaging.files import write_atomically
from nevus.inference.inputs import write_failures
from nevus.labels import ATTRIBUTES, DIAGNOSES

PER_PAGE: Final = 200
"""Photographs on one page of the report: what a browser opens without effort."""

_MEASURES: Final = tuple(
    name
    for name in Abcd.model_fields
    if name not in ("empty", "area_share", "colours", "colour_shares")
)
_PAGE: Final = re.compile(r"report-(\d+)\.html")


def write_tables(outcome: Outcome, *, table: bool = False) -> None:
    """Write ``diagnosis.csv`` and ``errors.csv`` of a call, from the answers in its folder.

    Without a diagnosis there is no ``diagnosis.csv``.

    Args:
        outcome: The call.
        table: Also write ``analysis.csv``, everything in one row for each photograph.

    Raises:
        DiskFullError: There is no room.
    """
    rows = (
        (one.stem, answer.diagnosis.probabilities)
        for one, answer in outcome.answers()
        if answer.diagnosis is not None and answer.diagnosis.probabilities is not None
    )
    diagnoses = outcome.out / "diagnosis.csv"
    if any(answer.diagnosis is not None for _, answer in outcome.answers()):
        write_diagnoses(diagnoses, rows)
    else:
        # Of an earlier call: it would pass for this one's.
        diagnoses.unlink(missing_ok=True)
    write_failures(outcome.out / "errors.csv", outcome.failures)
    if table:
        rows_of_all = (make_row(one, answer) for one, answer in outcome.answers())
        _write_rows(outcome.out / "analysis.csv", rows_of_all)


def make_row(one: Input, answer: Analysis) -> dict[str, Any]:
    """Return an answer as one row of a table; what is not known is left empty."""
    kind, lesion, diagnosis = answer.dermoscopy, answer.segmentation, answer.diagnosis
    row: dict[str, Any] = {
        "image": one.stem,
        "file": answer.image,
        "height": answer.size.height,
        "width": answer.size.width,
        "dermoscopy_score": None if kind is None else kind.score,
        "is_dermoscopy": None if kind is None else kind.is_dermoscopy,
        "quality": " ".join(flag.code for flag in answer.quality),
        "lesion_empty": None if lesion is None else lesion.empty,
        "lesion_area_share": None if lesion is None else lesion.area_share,
    }
    for name in ATTRIBUTES:
        found = answer.attributes.get(name)
        row[name] = None if found is None else found.present
        row[f"{name}_probability"] = None if found is None else found.probability
        row[f"{name}_area_share"] = None if found is None else found.area_share
    for name in _MEASURES:
        row[name] = getattr(answer.abcd, name, None)
    row["colours"] = " ".join((answer.abcd.colours if answer.abcd else None) or ())
    probabilities = (diagnosis.probabilities if diagnosis else None) or {}
    row |= {name: probabilities.get(name) for name in DIAGNOSES}
    row["conformal_set"] = " ".join(diagnosis.conformal_set if diagnosis else ())
    row["abstained"] = None if diagnosis is None else diagnosis.abstained
    return row


def write_pages(outcome: Outcome, title: str) -> Path:
    """Write the report, page after page, and return its first page.

    Failures stand on the first page. Pages of an earlier, longer report are removed.

    Raises:
        UsageError: The folder cannot be written.
    """
    failed = {failure.path for failure in outcome.failures}
    stems = [one.stem for one in outcome.inputs if one.path not in failed]
    parts = [stems[place : place + PER_PAGE] for place in range(0, len(stems), PER_PAGE)] or [[]]
    files = tuple(_name_page(place) for place in range(1, len(parts) + 1))
    for place, part in enumerate(parts, start=1):
        write_sheets(
            outcome.out / files[place - 1],
            _read_sheets(outcome.out, part),
            title,
            failures=outcome.failures if place == 1 else (),
            pages=Neighbours(place, files),
        )
    for path in outcome.out.glob("report-*.html"):
        if _PAGE.fullmatch(path.name) and path.name not in files:
            path.unlink()
    return outcome.out / files[0]


def _name_page(place: int) -> str:
    return "report.html" if place == 1 else f"report-{place}.html"


def _read_sheets(out: Path, stems: Sequence[str]) -> Iterator[dict[str, Any]]:
    for stem in stems:
        sheet = read_sheet(out, stem)
        if sheet is None:
            raise UsageError(
                f"{sheet_path(out, stem)} is gone or damaged", hint="the same command makes it anew"
            )
        yield sheet


def _write_rows(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for place, row in enumerate(rows):
        if place == 0:
            writer.writerow(row)
        writer.writerow([_make_cell(value) for value in row.values()])
    write_atomically(path, text.getvalue().encode("utf-8", errors="backslashreplace"))


def _make_cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return guard_cell(value)
    return "" if value is None else str(value)
