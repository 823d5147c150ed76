"""`nevus analyze`."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from nevus.errors import InterruptedRunError, SomeInputsFailedError
from nevus.labels import NOTICE

if TYPE_CHECKING:
    from nevus.analyzer.folder import Outcome
    from nevus.analyzer.naming import Input
    from nevus.analyzer.options import Options
    from nevus.analyzer.outputs import Wanted

DEFAULT_OUT = Path("nevus-results")


def analyze(
    sources: Annotated[
        list[str], typer.Argument(metavar="PHOTO...", help="Photographs, folders or patterns.")
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the results; made if needed.")
    ] = DEFAULT_OUT,
    models: Annotated[
        Path | None,
        typer.Option(help="Folder of models made by nevus export. Default: those that ship."),
    ] = None,
    masks: Annotated[
        bool, typer.Option("--masks/--no-masks", help="Masks, 0 / 255, at the photograph's size.")
    ] = True,
    overlay: Annotated[
        bool, typer.Option("--overlay", help="A picture with outline and attributes drawn on.")
    ] = False,
    report: Annotated[
        bool, typer.Option("--report/--no-report", help="report.html, one page for people.")
    ] = True,
    table: Annotated[
        bool, typer.Option("--csv", help="analysis.csv, everything in one row per photograph.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each answer as one line of JSON.")
    ] = False,
    coverage: Annotated[
        float, typer.Option(help="Share of cases whose diagnosis the set shall hold.")
    ] = 0.9,
    mm_per_pixel: Annotated[
        float | None, typer.Option(help="Scale: gives diameters in mm.")
    ] = None,
    similar: Annotated[
        int, typer.Option(min=0, max=100, help="Similar training cases to name.")
    ] = 5,
    photographs: Annotated[
        Path | None,
        typer.Option(help="Your copy of the training photographs: shows similar cases' pictures."),
    ] = None,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Also show where the network's evidence lies.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=0, max=64, help="Processes. Default: by the number of photographs."),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="For the views of a photograph, in each process."),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh/--resume", help="Do all again, or keep what is done [resume]."),
    ] = False,
    max_mib: Annotated[
        float, typer.Option(min=0.001, max=2**20, help="Larger files are refused unread.")
    ] = 32.0,
    max_megapixels: Annotated[
        float,
        typer.Option(min=0.001, max=10_000, help="Larger photographs are refused undecoded."),
    ] = 50.0,
) -> None:
    """Analyse photographs: lesion, attributes, class probabilities, measures, quality, report.

    Example: nevus analyze photo.jpg

    Example: nevus analyze photos --out results --csv --overlay

    Besides sizes, refused are sides below 32 pixels or above 20 : 1, JPEGs of more than 64 scans,
    and all but JPEG and PNG. What cannot be analysed stands in errors.csv; the exit code is
    then 3. An interrupted call goes on where it was: photographs that are done, unchanged and
    of the same models and options are kept.
    """
    from nevus.analyzer.analyzer import check_options
    from nevus.analyzer.casebook import check_casebook
    from nevus.analyzer.naming import find_inputs
    from nevus.analyzer.options import Options, choose_workers
    from nevus.imaging.limits import Limits

    check_options(coverage=coverage, similar=similar, mm_per_pixel=mm_per_pixel)
    check_casebook(photographs)
    inputs = find_inputs(sources)
    choose_workers(len(inputs), workers, threads)
    options = Options(
        models=models,
        coverage=coverage,
        similar=similar,
        mm_per_pixel=mm_per_pixel,
        evidence=evidence,
        photographs=photographs,
        wanted=_choose_files(len(inputs), masks=masks, overlay=overlay, report=report),
        limits=Limits(max_bytes=int(max_mib * 2**20), max_pixels=int(max_megapixels * 1_000_000)),
    )
    typer.echo(NOTICE, err=True)
    _say_left_out(sources, out)
    with _stopping(out):
        outcome = _run(inputs, out, options, workers=workers, threads=threads, fresh=fresh)
        if mm_per_pixel is not None:
            _say_scale(outcome)
        _finish(outcome, report=report, table=table, as_json=as_json)


def _say_left_out(sources: list[str], out: Path) -> None:
    from nevus.imaging.files import count_masks, count_other_pictures

    others = count_other_pictures(map(Path, sources))
    if others:
        kinds = ", ".join(f"{count:,} {suffix}" for suffix, count in sorted(others.items()))
        typer.echo(
            f"nevus: pictures of other kinds left out: {kinds} (save them as JPEG or PNG)", err=True
        )
    # The results' own masks are no surprise to anyone.
    count = count_masks(map(Path, sources), besides=out)
    if count:
        typer.echo(
            f"nevus: {count:,} file{'s' if count > 1 else ''} named as masks (_segmentation, "
            "_attribute_, _superpixels) left out",
            err=True,
        )


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM came: handled as Ctrl-C is, so that processes end and half-written files go."""


@contextmanager
def _stopping(out: Path) -> Iterator[None]:
    """Say in one line that a signal stopped the call, and how to go on.

    Raises:
        InterruptedRunError: SIGINT or SIGTERM came.
    """

    def terminate(_number: int, _frame: FrameType | None) -> None:
        raise _TerminatedError

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except KeyboardInterrupt as error:
        was_terminated = isinstance(error, _TerminatedError)
        raise InterruptedRunError(
            f"stopped; what is done is kept in {out}",
            signal_number=signal.SIGTERM if was_terminated else signal.SIGINT,
            hint="the same command goes on",
        ) from error
    finally:
        signal.signal(signal.SIGTERM, before)


def _choose_files(count: int, *, masks: bool, overlay: bool, report: bool) -> "Wanted":
    from nevus.analysis.report import choose_long_side
    from nevus.analyzer.outputs import Wanted

    return Wanted(masks=masks, overlay=overlay, sheet=choose_long_side(count) if report else 0)


def _run(
    inputs: "tuple[Input, ...]",
    out: Path,
    options: "Options",
    *,
    workers: int | None,
    threads: int | None,
    fresh: bool,
) -> "Outcome":
    from nevus.analyzer.folder import analyze_folder

    def say_changes(changes: list[str]) -> None:
        typer.echo(
            f"nevus: other settings than the call before into {out}, photographs are analysed "
            f"again: {'; '.join(changes)}",
            err=True,
        )

    if len(inputs) == 1:
        return analyze_folder(
            inputs, out, options, workers=workers, threads=threads, fresh=fresh, changed=say_changes
        )
    from nevus.cli.progress import counting

    with counting("analysing") as progress:
        return analyze_folder(
            inputs,
            out,
            options,
            workers=workers,
            threads=threads,
            fresh=fresh,
            progress=progress,
            changed=say_changes,
        )


def _finish(outcome: "Outcome", *, report: bool, table: bool, as_json: bool) -> None:
    """Write what is about the whole call, and say what was found.

    Raises:
        SomeInputsFailedError: Some photographs could not be analysed.
    """
    from nevus.analyzer.tables import write_pages, write_tables

    write_tables(outcome, table=table)
    page = write_pages(outcome, _make_title(outcome)) if report else None
    _say_what_stays(outcome, table=table, report=report)
    if as_json:
        for _, answer in outcome.answers():
            typer.echo(answer.model_dump_json())
    else:
        from nevus.cli.summaries import print_summary

        print_summary(outcome, page)
    if outcome.failures:
        first, total = outcome.failures[0], len(outcome.inputs)
        raise SomeInputsFailedError(
            f"{len(outcome.failures)} of {total} photograph{'s' if total > 1 else ''} failed, "
            f"first: {first.text}; all in {outcome.out / 'errors.csv'}"
        )


def _say_scale(outcome: "Outcome") -> None:
    sizes = {(answer.size.height, answer.size.width) for _, answer in outcome.answers()}
    if len(sizes) > 1:
        typer.echo(
            f"nevus: one scale for photographs of {len(sizes):,} sizes: millimetres are right only "
            "where a pixel is as large as --mm-per-pixel says",
            err=True,
        )


def _say_what_stays(outcome: "Outcome", *, table: bool, report: bool) -> None:
    """Name what earlier calls left in the folder and this one did not write anew."""
    ours = {one.stem for one in outcome.inputs}
    others = sum(path.stem not in ours for path in outcome.out.glob("*.json"))
    if others:
        typer.echo(
            f"nevus: {outcome.out} also holds {others:,} answer{'s' if others > 1 else ''} of "
            "earlier calls about other photographs; no table or report of this call has them",
            err=True,
        )
    if outcome.replaced:
        typer.echo(
            f"nevus: {outcome.replaced:,} of these photographs had the name of another file, "
            f"analysed into {outcome.out} before; its results are replaced",
            err=True,
        )
    if not table and (outcome.out / "analysis.csv").exists():
        typer.echo("nevus: analysis.csv is of an earlier call; --csv writes it anew", err=True)
    if not report and (outcome.out / "report.html").exists():
        typer.echo("nevus: report.html is of an earlier call; --report writes it anew", err=True)


def _make_title(outcome: "Outcome") -> str:
    count = len(outcome.inputs)
    return f"Analysis of {count:,} photograph{'' if count == 1 else 's'}"
