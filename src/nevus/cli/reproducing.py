"""`nevus reproduce`: the paper's tables, what is missing of them, the report."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from nevus.cli.training import DataOption, DeviceOption, read_fold
from nevus.errors import SomeInputsFailedError, UsageError

if TYPE_CHECKING:
    from nevus.reproduction.jobs import Job
    from nevus.reproduction.rows import Scale
    from nevus.reproduction.trainings import Asked, Place
    from nevus.reproduction.visit import Visited

TABLES = ("table1", "table2", "table3")


class _AllByDefault(TyperGroup):
    """`nevus reproduce --plan ...` is `nevus reproduce all --plan ...`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0].startswith("-") and args[0] not in ("-h", "--help"):
            args = ["all", *args]
        return super().parse_args(ctx, args)


reproduce_app = typer.Typer(
    cls=_AllByDefault,
    no_args_is_help=True,
    help="Run the rows of the paper's tables, in visits as long as one likes, and report them.\n\n"
    "Example: nevus reproduce table1 --data isic2018 --out reproduced\n\n"
    "Without a table, all of them; their options are those of `nevus reproduce all --help`:\n\n"
    "Example: nevus reproduce --plan --data isic2018 --out reproduced",
)

OutOption = Annotated[Path, typer.Option(help="Folder of runs and results.")]
ScaleOption = Annotated[
    str,
    typer.Option(
        help="paper: its networks, sizes and lengths; compact: a small encoder and few steps, the "
        "same for all rows of a table; tiny: for tests."
    ),
]
FoldsOption = Annotated[int, typer.Option(min=2, help="How many folds.")]


def _run(
    tables: Sequence[str],
    data: Path,
    out: Path,
    scale: str,
    folds: int,
    rows: list[str] | None,
    changes: list[str] | None,
    plan: bool,
    following: bool,
    max_minutes: float | None,
    device: str,
    save_minutes: float,
) -> None:
    from nevus.reproduction.jobs import make_jobs
    from nevus.reproduction.rows import TABLES as NAMES
    from nevus.reproduction.rows import read_table
    from nevus.reproduction.trainings import Asked, Place

    asked = Asked(_read_scale(scale), folds, tuple(changes or ()))
    place = Place(data, out)
    specs = {name: read_table(name) for name in NAMES}
    jobs = make_jobs(specs, tables, asked, data, rows=rows or ())
    if plan:
        _print_plan(jobs, place, asked, device)
        return
    limit = 1 if following and max_minutes is None else None
    _report(_visit(jobs, place, device, max_minutes, save_minutes, limit), place)


def _visit(
    jobs: "Sequence[Job]",
    place: "Place",
    device: str,
    max_minutes: float | None,
    save_minutes: float,
    limit: int | None,
) -> "Visited":
    from nevus.cli.progress import TrainingProgress
    from nevus.reproduction.visit import Visit, Watch

    with TrainingProgress() as progress:
        watch = Watch(progress, progress.noted, progress.decoded)
        visit = Visit(
            place, device, max_minutes=max_minutes, save_minutes=save_minutes, watch=watch
        )
        return visit.run(jobs, limit=limit)


def _report(visited: "Visited", place: "Place") -> None:
    typer.echo(f"{len(visited.done)} rows and folds done now, {visited.missing} missing")
    if visited.failed:
        name, text = visited.failed[0]
        raise SomeInputsFailedError(
            f"{len(visited.failed)} rows and folds failed, first {name}: {text}"
        )
    if not visited.missing:
        typer.echo(f"nevus reproduce report --out {place.out} --docs docs")


def _print_plan(jobs: "Sequence[Job]", place: "Place", asked: "Asked", device: str) -> None:
    from nevus.cli.results import make_table, print_table
    from nevus.reproduction.jobs import count_photographs
    from nevus.reproduction.plan import make_plan
    from nevus.reproduction.speed import SpeedBook
    from nevus.training.distributed import choose_device

    book = SpeedBook(place, choose_device(device))
    tasks: set[str] = {training.recipe.task for job in jobs for training in job.chain}
    tasks |= {job.table.task for job in jobs}
    sizes = {task: count_photographs(task, place.data) for task in sorted(tasks)}
    planned = make_plan(jobs, place, book, sizes)
    title = f"missing at scale {asked.scale}: {len(planned)} of {len(jobs)}, on {book.name}"
    table = make_table(title)
    for name in ("row", "fold", "trainings", "minutes", "together"):
        table.add_column(name, justify="left" if name in ("row", "trainings") else "right")
    total = 0.0
    for one in planned:
        total += one.minutes or 0.0
        table.add_row(
            f"{one.job.table.name} {one.job.row.name}",
            f"{one.job.fold[0]}/{one.job.fold[1]}",
            ", ".join(training.run for training in one.trainings) or "-",
            "?" if one.minutes is None else f"{one.minutes:.1f}",
            f"{total:.0f}",
        )
    print_table(table)
    unknown = sum(one.minutes is None for one in planned)
    more = f", and {unknown} that could not be measured" if unknown else ""
    typer.echo(f"{total:.0f} minutes in all{more}; a training that rows share counts once")


def _read_scale(text: str) -> "Scale":
    from nevus.reproduction.rows import SCALES

    for scale in SCALES:
        if text == scale:
            return scale
    raise UsageError(f"--scale {text!r} is none of {', '.join(SCALES)}")


def _add(name: str, tables: tuple[str, ...], what: str) -> None:
    def command(
        data: DataOption,
        out: OutOption,
        scale: ScaleOption = "compact",
        folds: FoldsOption = 2,
        rows: Annotated[
            list[str] | None,
            typer.Option("--row", help="Only this row, such as table1:segan; repeatable."),
        ] = None,
        changes: Annotated[
            list[str] | None,
            typer.Option(
                "--set",
                metavar="[ENCODER:]KEY=VALUE",
                help="Change every recipe, or those with this encoder; repeatable.",
            ),
        ] = None,
        plan: Annotated[
            bool, typer.Option("--plan", help="Only say what is missing and how long it takes.")
        ] = False,
        following: Annotated[
            bool,
            typer.Option(
                "--next", help="The next missing row and fold; with --max-minutes, all that fit."
            ),
        ] = False,
        max_minutes: Annotated[
            float | None,
            typer.Option(min=0, help="Stop after so long; the same command goes on."),
        ] = None,
        device: DeviceOption = "auto",
        save_minutes: Annotated[
            float, typer.Option(min=0, help="Minutes between a training's states.")
        ] = 5.0,
    ) -> None:
        _run(
            tables, data, out, scale, folds, rows, changes, plan, following, max_minutes, device,
            save_minutes,
        )  # fmt: skip

    command.__name__ = name
    command.__doc__ = (
        f"Run what is missing of {what}: train, predict, score, those that tell most first.\n\n"
        f"Example: nevus reproduce {name} --data isic2018 --out reproduced --max-minutes 20"
    )
    reproduce_app.command(name=name)(command)


for _name in TABLES:
    _add(_name, (_name,), f"table {_name[-1]}")
_add("all", TABLES, "all three tables")


@reproduce_app.command()
def report(
    out: OutOption,
    docs: Annotated[Path, typer.Option(help="Folder with reproduce.md.")],
    scale: Annotated[
        list[str] | None, typer.Option(help="Which scales; repeatable. Default: compact, paper.")
    ] = None,
    folds: FoldsOption = 2,
) -> None:
    """Write tables, verdicts, commands and pictures of what was run; says what was not run.

    Example: nevus reproduce report --out reproduced --docs docs
    """
    from nevus.reproduction.findings import collect_findings
    from nevus.reproduction.pages import write_report
    from nevus.reproduction.rows import TABLES as NAMES
    from nevus.reproduction.rows import read_table

    specs = {name: read_table(name) for name in NAMES}
    chosen = [_read_scale(text) for text in scale or ("compact", "paper")]
    findings = [collect_findings(out, specs, one, folds) for one in chosen]
    for path in write_report(docs, findings):
        typer.echo(str(path))
    for found in findings:
        for verdict in found.verdicts.values():
            typer.echo(f"{found.scale}: {verdict.claim.text}: {verdict.verdict}")


@reproduce_app.command()
def split(
    kind: Annotated[str, typer.Argument(help="leaking or held_out")],
    task: Annotated[str, typer.Argument(help="segmentation, attributes or diagnosis")],
    data: DataOption,
    fold: Annotated[str, typer.Option(metavar="K/N", help="Fold K of N is scored.")],
    out: Annotated[Path, typer.Option(help="Folder for training.json and scored.json.")],
) -> None:
    """Write a split that some rows are trained with.

    leaking: photographs of one lesion on both sides. held_out: a fifth of the training
    photographs is kept back to fit thresholds on, so that none is fitted on a scored one.

    Example: nevus reproduce split leaking diagnosis --data isic2018 --fold 0/2 --out split
    """
    from nevus.reproduction.splits import write_split

    chosen = read_fold(fold)
    if chosen is None:
        raise UsageError("--fold all leaves no photograph to score", hint="--fold 0/2")
    write_split(kind, task, data, chosen, out)
    typer.echo(f"{out / 'training.json'}, {out / 'scored.json'}")


@reproduce_app.command()
def gallery(
    checkpoint: Annotated[Path, typer.Argument(help="Of a diagnosis network.")],
    per_class: Annotated[int, typer.Option(min=1, help="Photographs of each class to keep.")],
    out: Annotated[Path, typer.Option(help="The new checkpoint.")],
    seed: Annotated[int, typer.Option(min=0, help="The run's.")] = 0,
) -> None:
    """Write a checkpoint with a smaller gallery, as training with that size would have drawn it.

    Example: nevus reproduce gallery last.safetensors --per-class 20 --out small.safetensors
    """
    from nevus.reproduction.galleries import shrink_gallery

    number = shrink_gallery(checkpoint, out, per_class=per_class, seed=seed)
    typer.echo(f"{out}: {number} photographs")
