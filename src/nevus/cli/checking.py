"""`nevus data check`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nevus.errors import DataError, UsageError

if TYPE_CHECKING:
    from nevus.data.checks import Report
    from nevus.data.records import Listing

_EXAMPLES = 3


def check(
    root: Annotated[
        Path | None,
        typer.Argument(help="Data root: the official folders, or images/ with masks/."),
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

    Example: nevus data check isic2018 --json > findings.json
    """
    from nevus.cli.progress import counting
    from nevus.data.checks import check_listing

    listing = _find_listing(root, images, masks)
    with counting("checking") as progress:
        report = check_listing(listing, lookalikes=lookalikes, workers=workers, progress=progress)
    if as_json:
        typer.echo(json.dumps(report.to_json(), indent=1, allow_nan=False))
    else:
        _print_report(report)
    _raise_errors(report, root or listing.images, as_json=as_json)


def _find_listing(root: Path | None, images: Path | None, masks: Path | None) -> "Listing":
    from nevus.data.records import find_listing, list_folders

    if images is not None:
        if root is not None:
            raise UsageError("both a data root and --images were given", hint="give one of them")
        return list_folders(images, masks)
    if masks is not None:
        raise UsageError("--masks needs --images")
    if root is None:
        raise UsageError("no data to check", hint="nevus data check ROOT, or --images DIR")
    return find_listing(root)


def _print_report(report: "Report") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from nevus.imaging.reading import describe

    counts, sizes = report.counts, report.sizes
    console = Console()
    console.print(
        f"{counts['photographs']} photographs ({counts['readable']} readable), "
        f"{counts['masks']} with a mask"
    )
    if sizes:
        spans = (
            f"{side} {sizes[f'{side}_min']:g} to {sizes[f'{side}_max']:g}, "
            f"median {sizes[f'{side}_median']:g}"
            for side in ("width", "height")
        )
        console.print(f"pixels: {'; '.join(spans)}; {sizes['different']:g} different sizes")
    if not report.findings:
        console.print("nothing wrong, nothing odd")
        return
    table = Table()
    for title in ("", "code", "n", "for example"):
        table.add_column(title, justify="right" if title == "n" else "left")
    for code, group in report.by_code().items():
        shown = [f"{describe(Path(f.name))}: {f.text}" for f in group[:_EXAMPLES]]
        examples = escape("\n".join(shown))
        table.add_row(group[0].severity, escape(code), str(len(group)), examples)
    console.print(table)


def _raise_errors(report: "Report", place: Path, *, as_json: bool) -> None:
    errors = report.of_severity("error")
    if not errors:
        return
    codes = (
        f"{code} {len(group)}"
        for code, group in report.by_code().items()
        if group[0].severity == "error"
    )
    raise DataError(
        f"{place}: {len(errors)} {'error' if len(errors) == 1 else 'errors'}: {', '.join(codes)}",
        problems=[f"{error.name}: {error.text}" for error in errors],
        hint=None if as_json else "--json lists every file",
    )
