"""`nevus export`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from nevus.errors import UsageError


def export(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint of any task.")],
    out: Annotated[Path, typer.Option(help="The .onnx file; a .json manifest goes beside it.")],
    name: Annotated[str, typer.Option(help="The model's name; default the recipe's.")] = "",
    weights: Annotated[
        str, typer.Option(help="How weights are stored: float32, float16 or int8.")
    ] = "float32",
    flips: Annotated[
        bool | None, typer.Option("--flips/--no-flips", help="Average over flips.")
    ] = None,
    rotations: Annotated[
        bool | None, typer.Option("--rotations/--no-rotations", help="And over quarter turns.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Diagnosis: logits, gallery or both.")] = None,
    steps: Annotated[
        str | None,
        typer.Option(help="Post-processing of the lesion: none, challenge, paper, or JSON."),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="What it was trained on, for the manifest.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="Terms of the training data, for the manifest.")
    ] = None,
    scores: Annotated[
        Path | None, typer.Option(help="JSON of its scores: n, split, intervals; kept as it is.")
    ] = None,
) -> None:
    """Write a checkpoint as ONNX, compared with torch, with a manifest beside it.

    Weights of 32 bits must give torch's numbers within 1e-4; of others the difference is told.

    Example: nevus export runs/compact/last.safetensors --out compact.onnx --weights float16
    """
    from nevus.cli.prediction import read_steps
    from nevus.export import ExportOptions, export_checkpoint

    about: dict[str, Any] = {"data": data, "licence": licence}
    if scores is not None:
        about["scores"] = read_scores(scores)
    options = ExportOptions(
        name=name,
        weights=weights,
        flips=flips,
        rotations=rotations,
        by=by,
        steps=read_steps(steps),
        about={key: value for key, value in about.items() if value is not None},
    )
    done = export_checkpoint(checkpoint, out, options=options)
    apart = ", ".join(f"{name} {value:.1e}" for name, value in done.differences.items())
    typer.echo(
        f"{done.path}: {done.bytes / 1e6:.1f} MB, sha256 {done.sha256[:16]}..., "
        f"largest difference from torch: {apart}"
    )
    for remark in done.remarks:
        typer.echo(remark, err=True)


def read_scores(path: Path) -> Any:
    """Return the JSON object in a file.

    Raises:
        UsageError: It cannot be read, or holds something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"--scores {path} is no JSON file: {error}") from error
    if not isinstance(value, dict):
        raise UsageError(f"--scores {path} holds no JSON object")
    return value
