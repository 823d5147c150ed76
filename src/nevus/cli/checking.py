"""`nevus data check`."""

import json
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nevus.errors import DataError, UsageError
from nevus.labels import NOTICE

if TYPE_CHECKING:
    from nevus.data.checks import Report
    from nevus.data.task_checks import Check

_EXAMPLES = 3


def check(
    root: Annotated[
        Path | None,
        typer.Argument(
            help="Data root: the official folders, images/ with masks/, or a folder per class."
        ),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of photographs, instead of a root.")
    ] = None,
    masks: Annotated[Path | None, typer.Option(help="Folder of masks, with --images.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print every finding as one JSON object.")
    ] = False,
    lookalikes: Annotated[
        bool,
        typer.Option("--lookalikes/--no-lookalikes", help="Look for one lesion under two names."),
    ] = True,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Threads that decode; default one per core.")
    ] = None,
) -> None:
    """Open every photograph and mask and list all that is wrong, missing, doubled or odd.

    Every task whose data is there is checked. Comparing the looks of ten thousand photographs
    takes minutes; --no-lookalikes leaves it out.

    Example: nevus data check isic2018 --json > findings.json
    """
    from nevus.cli.progress import counting

    reports: dict[str, Report] = {}
    for task, run in _find_checks(root, images, masks).items():
        with counting(f"checking {task}") as progress:
            reports[task] = run(lookalikes=lookalikes, workers=workers, progress=progress)
        if not as_json:
            _print_report(task, reports[task])
    if as_json:
        found = {task: report.to_json() for task, report in reports.items()}
        document = {"notice": NOTICE, "tasks": found}
        typer.echo(json.dumps(document, indent=1, allow_nan=False))
    _raise_errors(reports, root or images, as_json=as_json)


def _find_checks(root: Path | None, images: Path | None, masks: Path | None) -> dict[str, "Check"]:
    from nevus.data.checks import check_listing
    from nevus.data.records import list_folders
    from nevus.data.task_checks import find_checks

    if images is not None:
        if root is not None:
            raise UsageError("both a data root and --images were given", hint="give one of them")
        return {"segmentation": partial(check_listing, list_folders(images, masks))}
    if masks is not None:
        raise UsageError("--masks needs --images")
    if root is None:
        raise UsageError("no data to check", hint="nevus data check ROOT, or --images DIR")
    return find_checks(root)


def _print_report(task: str, report: "Report") -> None:
    from rich.markup import escape

    from nevus.cli.results import make_table, print_table
    from nevus.imaging.reading import describe

    counts, sizes = report.counts, report.sizes
    known = {"masks": "with a mask", "lesions": "lesions"}
    more = "".join(f", {counts[name]} {told}" for name, told in known.items() if name in counts)
    typer.echo(f"{task}: {counts['photographs']} photographs ({counts['readable']} readable){more}")
    if sizes:
        spans = (
            f"{side} {sizes[f'{side}_min']:g} to {sizes[f'{side}_max']:g}, "
            f"median {sizes[f'{side}_median']:g}"
            for side in ("width", "height")
        )
        typer.echo(f"pixels: {'; '.join(spans)}; {sizes['different']:g} different sizes")
    for title, numbers in report.tables.items():
        typer.echo(f"{title}: {', '.join(f'{name} {n}' for name, n in numbers.items())}")
    if not report.findings:
        typer.echo("nothing wrong, nothing odd")
        return
    table = make_table()
    for title in ("", "code", "n", "for example"):
        table.add_column(title, justify="right" if title == "n" else "left")
    for code, group in report.by_code().items():
        shown = [f"{describe(Path(f.name))}: {f.text}" for f in group[:_EXAMPLES]]
        examples = escape("\n".join(shown))
        table.add_row(group[0].severity, escape(code), str(len(group)), examples)
    print_table(table)


def _raise_errors(reports: dict[str, "Report"], place: Path | None, *, as_json: bool) -> None:
    errors = [error for report in reports.values() for error in report.of_severity("error")]
    if not errors:
        return
    codes = Counter(error.code for error in errors)
    told = ", ".join(f"{code} {n}" for code, n in sorted(codes.items()))
    raise DataError(
        f"{place}: {len(errors)} {'error' if len(errors) == 1 else 'errors'}: {told}",
        problems=[f"{error.name}: {error.text}" for error in errors],
        hint=None if as_json else "--json lists every file",
    )
