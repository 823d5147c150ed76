"""`nevus tune-postprocess`."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nevus.cli.training import DataOption, DeviceOption

if TYPE_CHECKING:
    from nevus.data.records import Record
    from nevus.evaluation.tuning import Case, Tuning
    from nevus.inference.predictor import Segmentor


def tune_postprocess(
    checkpoint: Annotated[
        list[Path], typer.Option(help="A checkpoint; several make an ensemble (mean of maps).")
    ],
    data: DataOption,
    split: Annotated[
        Path, typer.Option(help="A run's split.json: its validation photographs are used.")
    ],
    limit: Annotated[
        int | None, typer.Option(min=2, help="Only so many photographs, evenly chosen.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the table as JSON.")] = None,
    device: DeviceOption = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Choose threshold, CRF and morphology on validation photographs.

    Example: nevus tune-postprocess --checkpoint runs/compact/best.safetensors
    --data isic2018 --split runs/compact/split.json

    The best row flatters itself, because it was chosen on what it is scored on; the
    cross-fitted score, chosen on one half and scored on the other, does not.
    """
    from nevus.cli.progress import counting
    from nevus.data.folds import read_validation_ids
    from nevus.data.records import find_records
    from nevus.evaluation.tuning import tune_steps
    from nevus.inference.network import load_network
    from nevus.inference.predictor import Ensemble
    from nevus.training.distributed import choose_device

    wanted = read_validation_ids(split)
    records = [record for record in find_records(data) if record.image_id in wanted]
    chosen = records[:: max(1, len(records) // limit)][:limit] if limit else records
    segmentor = Ensemble([load_network(path, choose_device(device)) for path in checkpoint])
    with counting("tuning") as progress:
        tuning = tune_steps(_read_cases(chosen, segmentor, progress))
    text = json.dumps(tuning.to_json(), indent=1)
    if out is not None:
        out.write_text(text, encoding="utf-8")
    if as_json:
        typer.echo(text)
    else:
        _print_table(tuning)


def _read_cases(
    records: Iterable["Record"], segmentor: "Segmentor", progress: Callable[[int, int], None]
) -> Iterator["Case"]:
    from nevus.evaluation.tuning import Case
    from nevus.imaging.masks import read_truth
    from nevus.imaging.reading import read_image

    found = list(records)
    for done, record in enumerate(found, start=1):
        pixels = read_image(record.image).pixels
        if record.mask is not None:
            truth = read_truth(record.mask, size=pixels.shape[:2]).mask
            yield Case(segmentor.probability(pixels), pixels, truth)
        progress(done, len(found))


def _print_table(tuning: "Tuning") -> None:
    from nevus.cli.results import make_table, print_table

    n = len(tuning.best.scores)
    table = make_table(f"threshold Jaccard, n = {n}, against {tuning.baseline!r}")
    for name in ("steps", "score", "gain", "95 % interval of the gain"):
        table.add_column(name, justify="left" if name == "steps" else "right")
    for result in tuning.results:
        low, high = result.gain_interval
        table.add_row(
            result.name,
            f"{result.score:.4f}",
            f"{result.gain:+.4f}",
            f"{low:+.4f} to {high:+.4f}",
        )
    print_table(table)
    typer.echo(
        f"chosen on one half, scored on the other: {tuning.crossfitted:.4f} "
        f"({tuning.crossfitted_gain:+.4f})"
    )
    steps = json.dumps([dict(step) for step in tuning.best.steps])
    typer.echo(f"best: --steps '{steps}'")
