"""What `nevus analyze` prints for people."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nevus.analysis import readout
from nevus.analyzer.naming import tell_stem
from nevus.cli.results import ResultConsole

if TYPE_CHECKING:
    from nevus.analysis.results import Analysis
    from nevus.analyzer.folder import Outcome
    from nevus.analyzer.naming import Input

_STYLES = {"serious": "bold red", "warning": "yellow", "info": "default"}
_MOST_ROWS = 20
_BAR = 20


def print_summary(outcome: "Outcome", page: Path | None) -> None:
    """Print what was found, and where everything lies."""
    # File names are strangers' text: nothing here is read as markup.
    console = ResultConsole(highlight=False, markup=False, emoji=False, soft_wrap=True)
    if len(outcome.inputs) == 1:
        for _, answer in outcome.answers():
            _print_one(console, answer)
    else:
        _print_many(console, outcome, page)
    if page is not None:
        console.print(f"Report: {page}")
    console.print(f"Results: {outcome.out}")


def _print_one(console: Console, answer: "Analysis") -> None:
    size = f"{answer.size.width} x {answer.size.height} pixels"
    console.print(Text(answer.image, "bold"), f" {size}", sep="")
    for finding in readout.list_findings(answer):
        console.print(Text(f"{finding['word']}: ", _STYLES[finding["severity"]]), end="")
        console.print(finding["text"])
    console.print(readout.describe_lesion(answer))
    _print_diagnosis(console, answer)
    _print_attributes(console, answer)
    _print_measures(console, answer)
    near = ", ".join(f"{one.image_id} ({one.diagnosis})" for one in answer.similar)
    if near:
        console.print(f"Similar training cases: {near}")


def _print_diagnosis(console: Console, answer: "Analysis") -> None:
    shown = readout.describe_diagnosis(answer.diagnosis)
    if shown is None:
        return
    if shown["reason"]:
        console.print(f"Diagnosis: no statement. {shown['reason']}")
        return
    if shown["verdict"]:
        console.print(Text(shown["verdict"], "bold"), shown["left"])
    table = Table(box=None, show_header=False, padding=(0, 1))
    for bar in shown["bars"]:
        filled = round(float(bar["length"]) / 100 * _BAR)
        style = "bold" if bar["chosen"] else "default"
        table.add_row(
            Text(bar["name"], style), Text(bar["words"], style), Text("█" * filled, "cyan"),
            Text(bar["percent"], style, justify="right"),
        )  # fmt: skip
    console.print(table)
    console.print(shown["worth"])


def _print_attributes(console: Console, answer: "Analysis") -> None:
    rows = readout.list_attributes(answer)
    if rows:
        found = [
            f"{row['words']} ({row['share']} of the area)" if row["present"]
            else f"{row['words']} ({row['found']})"
            for row in rows if row["found"] != "no"
        ]  # fmt: skip
        console.print(f"Attributes: {', '.join(found) or 'none of the five'}")


def _print_measures(console: Console, answer: "Analysis") -> None:
    for row in readout.list_measures(answer.abcd):
        console.print(f"  {row['letter'] or ' '}  {row['words']}: {row['value']}")


def _print_many(console: Console, outcome: "Outcome", page: Path | None) -> None:
    where = f", all in {page}" if page else f", one .json each in {outcome.out}"
    table = Table(box=None, padding=(0, 1))
    for name in ("photograph", "lesion", "set", "most likely", "quality"):
        table.add_column(name)
    counts: Counter[str] = Counter()
    total = 0
    for total, (one, answer) in enumerate(outcome.answers(), start=1):
        counts.update(_count(answer))
        if total <= _MOST_ROWS:
            table.add_row(*(Text(cell) for cell in _make_cells(one, answer)))
    if total:
        console.print(table)
    if total > _MOST_ROWS:
        console.print(f"... and {total - _MOST_ROWS:,} more{where}")
    parts = [f"{total:,} analysed"]
    parts += [f"{outcome.kept:,} of them before"] if outcome.kept else []
    parts += [f"{count:,} {what}" for what, count in sorted(counts.items())]
    console.print(", ".join(parts))


def _make_cells(one: "Input", answer: "Analysis") -> tuple[str, str, str, str, str]:
    diagnosis, lesion = answer.diagnosis, answer.segmentation
    likely = ""
    name = diagnosis.most_likely if diagnosis is not None else None
    if diagnosis is not None and diagnosis.probabilities is not None and name is not None:
        likely = f"{name} {100 * diagnosis.probabilities[name]:.0f} %"
    share = "" if lesion is None else "none" if lesion.empty else f"{100 * lesion.area_share:.0f} %"
    silent = diagnosis is not None and diagnosis.abstained
    flags = [flag.code for flag in answer.quality if flag.severity != "info"]
    if answer.dermoscopy is not None and not answer.dermoscopy.is_dermoscopy:
        flags.insert(0, "no dermoscopy")
    verdict = "no statement" if silent else readout.name_set(diagnosis)
    stem = tell_stem(answer.image, one.stem)
    name = f"{answer.image} ({stem})" if stem else answer.image
    return name, share, verdict, likely, ", ".join(flags)


def _count(answer: "Analysis") -> list[str]:
    found = []
    if answer.dermoscopy is not None and not answer.dermoscopy.is_dermoscopy:
        found.append("no dermoscopy")
    if answer.segmentation is not None and answer.segmentation.empty:
        found.append("without a lesion")
    return found
