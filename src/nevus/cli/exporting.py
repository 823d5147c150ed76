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
    arithmetic: Annotated[
        str,
        typer.Option(help="What the encoder computes in: float32, or int8 (faster; see --images)."),
    ] = "float32",
    images: Annotated[
        list[Path] | None,
        typer.Option(help="For int8 arithmetic: photographs to take ranges of activations from."),
    ] = None,
    split: Annotated[
        Path | None,
        typer.Option(help="With --images: only those that this split.json trained on."),
    ] = None,
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

    Weights and arithmetic of 32 bits must give torch's numbers within 1e-4; of others the
    difference is told. What they cost is for `nevus predict --models` and `nevus evaluate` to say.

    Example: nevus export runs/compact/last.safetensors --out compact.onnx --weights float16

    Example: nevus export runs/compact/last.safetensors --out compact.onnx --weights int8
    --arithmetic int8 --images isic2018/ISIC2018_Task1-2_Training_Input --split
    runs/compact/split.json
    """
    from nevus.cli.prediction import read_steps
    from nevus.export import ExportOptions, export_checkpoint

    about: dict[str, Any] = {"data": data, "licence": licence}
    if scores is not None:
        about["scores"] = read_scores(scores)
    options = ExportOptions(
        name=name,
        weights=weights,
        arithmetic=arithmetic,
        photographs=choose_pictures(arithmetic, images, split),
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


def choose_pictures(
    arithmetic: str, images: list[Path] | None, split: Path | None
) -> tuple[Path, ...]:
    """Return the photographs to take ranges of activations from.

    Raises:
        UsageError: There are some without int8 arithmetic, or none where some were named.
        DataError: `split` is none.
    """
    from nevus.imaging.files import find_images, tell_none_found
    from nevus.training.split import read_split

    if arithmetic != "int8":
        if images or split is not None:
            raise UsageError("--images and --split are for --arithmetic int8")
        return ()
    found = find_images(images or [])
    if split is not None:
        trained = set(read_split(split).training)
        found = tuple(path for path in found if path.stem in trained)
    if images and not found:
        if split is None:
            raise UsageError(tell_none_found(images))
        raise UsageError(f"{split} trained on none of the photographs in --images")
    return found


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
