"""Whose files lie in a folder of results: nothing that nevus did not write is ever replaced."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from nevus.analyzer.naming import Input
from nevus.analyzer.outputs import KEPT, answer_path, list_possible, read_answer
from nevus.imaging.files import refuse_foreign

CLAIMS: Final = "claimed.jsonl"
"""Names of photographs whose files are nevus's, one JSON string a line, before they are written."""

TABLES: Final = ("errors.csv", "diagnosis.csv", "analysis.csv", "report.html")
"""What is about a whole call."""


def require_ours(out: Path, inputs: Sequence[Input]) -> None:
    """Check, before anything is written, that a call replaces nothing but earlier results.

    Args:
        out: Folder of results, there or not.
        inputs: The call's photographs.

    Raises:
        UsageError: Files of the names of results lie there that no call of nevus wrote, or a
            photograph of this call has such a name.
    """
    try:
        present = {entry.name.casefold() for entry in os.scandir(out)}
    except OSError:
        # Not there yet; what else may be wrong with it is told by whoever makes it.
        return
    photographs = {one.path.absolute() for one in inputs}
    foreign = [
        path.name
        for path, is_ours in _list_targets(out, inputs)
        if path.name.casefold() in present
        and os.path.lexists(path)
        and (not is_ours or path.absolute() in photographs)
    ]
    refuse_foreign(out, foreign, "analyze")


def claim(out: Path, inputs: Sequence[Input]) -> None:
    """Note that the files of these photographs are nevus's from now on."""
    known = _read(out)
    new = [one.stem for one in inputs if one.stem not in known]
    if new:
        # A line end first: a killed call may have left half a line.
        lines = "\n".join(json.dumps(stem) for stem in new)
        with (out / KEPT / CLAIMS).open("a", encoding="utf-8") as file:
            file.write(f"\n{lines}\n")


def _list_targets(out: Path, inputs: Sequence[Input]) -> Iterator[tuple[Path, bool]]:
    """Yield each file a call may write, and whether an earlier call wrote or claimed it."""
    known = _read(out)
    # Answers tell that they are ours, too: KEPT may be deleted.
    ours = {one.stem for one in inputs if one.stem in known or read_answer(out, one.stem)}
    tables_are_ours = bool(ours) or (out / KEPT).is_dir()
    for name in TABLES:
        yield out / name, tables_are_ours
    for one in inputs:
        for path in (answer_path(out, one.stem), *list_possible(out, one.stem)):
            yield path, one.stem in ours


def _read(out: Path) -> set[str]:
    try:
        lines = (out / KEPT / CLAIMS).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return set()
    return {stem for line in lines if (stem := _read_line(line)) is not None}


def _read_line(line: str) -> str | None:
    try:
        stem = json.loads(line)
    except ValueError:
        return None
    return stem if isinstance(stem, str) else None
