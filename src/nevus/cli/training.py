"""`nevus train` and `nevus recipes`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nevus.errors import InterruptedRunError, UsageError

if TYPE_CHECKING:
    from nevus.training.journal import Reporter
    from nevus.training.train import Outcome

RecipeArgument = Annotated[
    str, typer.Argument(metavar="RECIPE", help="A name (see `nevus recipes`) or a .toml file.")
]
DataOption = Annotated[
    Path, typer.Option(help="Data root: official folders, or images/ and masks/.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a recipe value; repeatable."),
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]


def train(
    recipe: RecipeArgument,
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Run folder.")],
    fold: Annotated[
        str, typer.Option(metavar="K/N", help="Fold K of N validates; `all` trains on everything.")
    ] = "0/5",
    split: Annotated[
        Path | None, typer.Option(help="Use this split.json instead of a fold.")
    ] = None,
    overrides: SetOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out, bit for bit.")
    ] = False,
    allow_changes: Annotated[
        bool,
        typer.Option(
            "--allow-changes",
            help="Resume although recipe or data differ; the fold or split must not.",
        ),
    ] = False,
    max_minutes: Annotated[
        float | None, typer.Option(min=0, help="Stop cleanly, with a state, after so long.")
    ] = None,
    validate_at_stop: Annotated[
        bool,
        typer.Option(
            "--validate-at-stop",
            help="When --max-minutes is over, validate and write checkpoints.",
        ),
    ] = False,
    stop_epoch: Annotated[
        int, typer.Option(min=0, help="Validate and stop after this epoch; --resume goes on.")
    ] = 0,
    device: DeviceOption = "auto",
    save_minutes: Annotated[float, typer.Option(min=0, help="Minutes between states.")] = 5.0,
    save_steps: Annotated[int, typer.Option(min=0, help="Steps between states, besides.")] = 0,
    validate_epochs: Annotated[int, typer.Option(min=1, help="Epochs between validations.")] = 1,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write TensorBoard logs to RUN/tensorboard.")
    ] = False,
) -> None:
    """Train a recipe; writes best.safetensors, last.safetensors and metrics.jsonl.

    Example: nevus train segmentation-compact --data isic2018 --out runs/compact --fold 0/5

    Several GPUs: torchrun --nproc-per-node 2 -m nevus train segan-paper --data ... --out ...
    """
    from nevus.cli.progress import TrainingProgress
    from nevus.training.locking import refuse_second_trainer

    # Loading torch takes seconds; a folder that is taken should not cost them.
    refuse_second_trainer(out)
    from nevus.recipe import read_recipe

    parsed_fold, chosen = read_fold(fold), read_recipe(recipe, overrides or ())
    if not data.is_dir():
        raise UsageError(f"--data: there is no folder {str(data)!r}")
    if validate_at_stop and max_minutes is None:
        raise UsageError(
            "--validate-at-stop is for runs that a time limit stops: add --max-minutes"
        )
    from nevus.inference.postprocess import check_steps
    from nevus.training.reporting import Reporters, TensorBoardReporter
    from nevus.training.train import TrainOptions
    from nevus.training.train import train as run

    options = TrainOptions(
        data=data,
        out=out,
        fold=parsed_fold,
        split=split,
        resume=resume,
        allow_changes=allow_changes,
        device=device,
        max_minutes=max_minutes,
        save_minutes=save_minutes,
        save_steps=save_steps,
        validate_epochs=validate_epochs,
        stop_epoch=stop_epoch,
        validate_at_stop=validate_at_stop,
    )
    # A misspelt step should not come out after hours of training.
    check_steps(chosen.prediction.steps)
    with TrainingProgress() as progress:
        watchers: list[Reporter] = [progress]
        if tensorboard:
            watchers.append(TensorBoardReporter(out))
        outcome = run(chosen, options, reporter=Reporters(watchers), progress=progress.decoded)
    report(outcome)


def refit(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    data: DataOption,
    split: Annotated[
        Path | None, typer.Option(help="Fit on this split's validation photographs instead.")
    ] = None,
    device: DeviceOption = "auto",
    views: Annotated[
        str | None,
        typer.Option(
            help="Attributes, diagnosis: fit for one, flips, turns or all views, as they will be "
            "averaged. Default: the recipe's."
        ),
    ] = None,
) -> None:
    """Fit thresholds, temperatures and gallery of a run again; its weights stay.

    Example: nevus refit runs/attributes --data isic2018
    """
    from nevus.cli.progress import counting
    from nevus.training.refit import refit as fit_again

    with counting("decoding, then fitting, which takes minutes") as progress:
        done = fit_again(run, data, split=split, device=device, views=views, progress=progress)
    for one in done:
        scores = "  ".join(f"{name} {value:.4f}" for name, value in one.scores.items())
        typer.echo(f"{one.path}: {scores}")


def join(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs of one kind on one split.")],
    out: Annotated[Path, typer.Option(help="A new folder for their ensemble.")],
    best: Annotated[
        bool, typer.Option("--best", help="Take best.safetensors of each, not last.")
    ] = False,
) -> None:
    """Join networks of one kind into one: an ensemble that exports as one model.

    Logits are averaged, embeddings stand in a row. For attributes and diagnoses `nevus refit` then
    fits what prediction needs.

    Example: nevus join runs/a runs/b --out runs/ab && nevus refit runs/ab --data isic2018
    """
    from nevus.training.joining import join_runs

    path = join_runs(runs, out, name="best" if best else "last")
    typer.echo(f"{path}: {len(runs)} networks; next: nevus refit {out} --data DATA")


def report(outcome: "Outcome") -> None:
    """Say how a sitting ended.

    Raises:
        InterruptedRunError: A signal ended it.
    """
    place = f"{outcome.step} of {outcome.total} steps"
    if outcome.signal_number:
        raise InterruptedRunError(
            f"stopped by a signal after {place}, state saved in {outcome.folder}",
            signal_number=outcome.signal_number,
        )
    if not outcome.finished:
        typer.echo(f"stopped as asked after {place}; go on with the same command and --resume")
        if outcome.best is None:
            typer.echo("no checkpoint yet: the first is written after the first validated epoch")
        return
    best = "" if outcome.best is None else f", best metric {outcome.best:.4f}"
    typer.echo(f"done: {place}{best}; {outcome.folder / 'best.safetensors'}")


def read_fold(text: str) -> tuple[int, int] | None:
    """Return (k, n), or None for ``all``.

    Raises:
        UsageError: The text is neither.
    """
    from nevus.data.folds import parse_fold

    if text == "all":
        return None
    try:
        return parse_fold(text)
    except UsageError as error:
        raise UsageError(f"--fold: {error.message}", hint="--fold 0/5, or --fold all") from error


def recipes(
    name: Annotated[str | None, typer.Argument(help="Show this one's text.")] = None,
) -> None:
    """List the recipes that ship, or show one to start your own from.

    Example: nevus recipes segmentation-compact > mine.toml
    """
    from importlib import resources

    from nevus.recipe import find_recipes, read_recipe

    if name is None:
        for known in find_recipes():
            typer.echo(f"{known:24} {read_recipe(known).about}")
        return
    read_recipe(name)
    path = resources.files("nevus") / "recipes" / f"{name.removesuffix('.toml')}.toml"
    typer.echo(path.read_text(encoding="utf-8"), nl=False)
