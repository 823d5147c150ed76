"""`nevus data leaks`."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nevus.errors import DataError

if TYPE_CHECKING:
    from nevus.data.leak_report import LeakReport, Place

_KINDS = {
    "same_photograph": "one photograph",
    "identical_file": "copies of a file",
    "identical_pixels": "equal pixels",
    "look_alike": "near-identical",
}
_EXAMPLES = 3


def leaks(
    split: Annotated[
        list[Path],
        typer.Argument(
            help="A run's split.json; or files of image_ids; or folders of photographs."
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="Data root of the image_ids; for folders only to tell the lesions."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print lesions and pairs as one JSON object.")
    ] = False,
    page: Annotated[
        Path | None, typer.Option(help="Write an HTML page of the pairs, to look at them.")
    ] = None,
    pairs: Annotated[
        int, typer.Option(min=1, max=2000, help="Pairs of each kind on the page at most.")
    ] = 60,
    strict: Annotated[
        bool, typer.Option("--strict", help="Leave with exit code 2 where anything leaks.")
    ] = False,
    lookalikes: Annotated[
        bool,
        typer.Option("--lookalikes/--no-lookalikes", help="Compare looks, besides files."),
    ] = True,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Threads that decode.")] = 2,
) -> None:
    """Find lesions and pictures that stand on both sides of a split.

    Example: nevus data leaks runs/compact/split.json --data isic2018 --page leaks.html
    """
    from nevus.cli.progress import counting
    from nevus.data.grouping import find_pairs_file
    from nevus.data.leaks import find_leaks
    from nevus.data.split_parts import read_parts

    parts = read_parts(split, data)
    with counting("decoding, then comparing") as progress:
        report = find_leaks(
            parts,
            lookalikes=lookalikes,
            cache=find_pairs_file(photo.image for part in parts for photo in part.photos),
            workers=workers,
            progress=progress,
        )
    if page is not None:
        from nevus.evaluation.leak_pages import write_leak_page

        write_leak_page(page, report, most=pairs)
    if as_json:
        typer.echo(json.dumps(report.to_json(), indent=1, allow_nan=False))
    else:
        _print_report(report)
    if strict and not report.clean:
        raise DataError(f"the split leaks: {_summarise(report)}")


def _summarise(report: "LeakReport") -> str:
    from nevus.data.leak_report import KINDS

    counts = {"lesions": len(report.lesions)}
    counts |= {_KINDS[kind]: len(report.of_kind(kind)) for kind in KINDS}
    return ", ".join(f"{name} {n}" for name, n in counts.items() if n)


def _print_report(report: "LeakReport") -> None:
    from rich.markup import escape

    from nevus.cli.results import make_table, print_table
    from nevus.data.case_listing import shorten
    from nevus.data.leak_report import KINDS, count_by_part

    table = make_table()
    for title in ("on more than one side", "n", "photographs", "for example"):
        table.add_column(title, justify="right" if title == "n" else "left")

    def add(title: str, n: int, places: list["Place"], names: Sequence[str]) -> None:
        counts = (f"{part} {count}" for part, count in count_by_part(places).items())
        examples = "\n".join(names[:_EXAMPLES])
        table.add_row(title, str(n), escape("\n".join(counts)), escape(examples))

    members = [place for group in report.lesions.values() for place in group]
    add("lesions", len(report.lesions), members, [shorten(name) for name in report.lesions])
    for kind in KINDS:
        pairs = report.of_kind(kind)
        places = [place for pair in pairs for place in (pair.first, pair.second)]
        names = [
            f"{shorten(pair.first.photo.image_id)} / {shorten(pair.second.photo.image_id)}"
            for pair in pairs
        ]
        add(_KINDS[kind], len(pairs), places, names)
    print_table(table)
    for line in _describe(report):
        typer.echo(line)


def _describe(report: "LeakReport") -> Iterator[str]:
    parts = " and ".join(f"{name} ({n})" for name, n in report.parts.items())
    if report.clean:
        yield f"Clean: nothing is shared by {parts}."
    else:
        touched = ", ".join(
            f"{report.affected[name]} of {n} photographs of {name}"
            for name, n in report.parts.items()
        )
        yield f"This split leaks: {touched} share a lesion or a picture with another part."
        yield "Scores on it flatter. nevus train --fold keeps lesions and look-alikes together."
    unforeseen = len(report.unforeseen())
    if report.lesions and unforeseen:
        pairs = "1 pair has" if unforeseen == 1 else f"{unforeseen} pairs have"
        yield f"{pairs} no common lesion_id: look at --page, plain dark spots can deceive."
    if not report.compared:
        yield "Looks were not compared: near-identical photographs may be left."
    if report.unreadable:
        yield f"{len(report.unreadable)} photographs cannot be opened: nevus data check names them."
