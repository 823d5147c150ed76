"""`nevus crossval`."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nevus.cli.training import DataOption, DeviceOption, RecipeArgument, SetOption, report
from nevus.labels import NOTICE

if TYPE_CHECKING:
    from nevus.evaluation.crossval import CrossValidation


def crossval(
    recipe: RecipeArgument,
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Folder for one run folder per fold.")],
    folds: Annotated[int, typer.Option(min=2, help="How many folds.")] = 5,
    only: Annotated[
        list[int] | None, typer.Option(help="Just this fold; repeatable. Default: all.")
    ] = None,
    overrides: SetOption = None,
    max_minutes: Annotated[
        float | None, typer.Option(min=0, help="Stop cleanly after so long, per fold.")
    ] = None,
    device: DeviceOption = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train, predict and score every fold; the same command goes on after a stop.

    Example: nevus crossval segmentation-compact --data isic2018 --out runs/cv
    """
    from nevus.cli.progress import TrainingProgress
    from nevus.evaluation.crossval import cross_validate
    from nevus.recipe import read_recipe
    from nevus.training.train import TrainOptions

    options = TrainOptions(data=data, out=out, device=device, max_minutes=max_minutes)
    chosen = read_recipe(recipe, overrides or ())
    with TrainingProgress() as progress:
        result = cross_validate(
            chosen, options, folds=folds, only=only, reporter=progress, note=progress.noted
        )
    if as_json:
        typer.echo(json.dumps(result.to_json(), indent=1))
    elif result.results:
        _print_table(result)
    if result.outcome is not None and not result.outcome.finished:
        report(result.outcome)


def _print_table(result: "CrossValidation") -> None:
    from nevus.cli.results import make_table, print_table

    total = sum(fold.scores.n for fold in result.results)
    title = f"{result.recipe}: {len(result.results)} of {result.folds} folds, n = {total}"
    table = make_table(title)
    table.add_column("fold")
    summary = result.summary()
    for name in summary:
        table.add_column(name, justify="right")
    for fold in result.results:
        values = (f"{fold.scores.means[name]:.4f}" for name in summary)
        table.add_row(f"{fold.fold} (n = {fold.scores.n})", *values)
    table.add_row("mean", *(f"{row['mean']:.4f}" for row in summary.values()))
    spreads = (row["spread"] for row in summary.values())
    table.add_row("spread", *("-" if math.isnan(s) else f"{s:.4f}" for s in spreads))
    print_table(table)
    typer.echo(NOTICE)
