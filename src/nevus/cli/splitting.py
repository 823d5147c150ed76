"""`nevus data split`."""

import json
from pathlib import Path
from typing import Annotated

import typer


def split(
    root: Annotated[Path, typer.Argument(help="Data root of the task.")],
    task: Annotated[str, typer.Option(help="segmentation, attributes or diagnosis.")],
    fold: Annotated[
        str, typer.Option(help="K/N: fold K of N, K from 0, is for validation.")
    ] = "0/5",
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("split.json"),
) -> None:
    """Write who trains and who validates, without training: no lesion, no look-alike on both sides.

    It is the split that nevus train --fold takes. Fold 0/5 of ISIC 2018 is what the packaged
    models never saw; other scores of theirs on its training photographs flatter.

    Example: nevus data split isic2018 --task diagnosis --out split.json

    Example: nevus predict diagnosis --models packaged --split split.json --out diagnoses
    --images isic2018/ISIC2018_Task3_Training_Input

    The file is JSON: {"training": [image_id, ...], "validation": [image_id, ...]}.
    """
    from nevus.cli.progress import counting
    from nevus.cli.targets import check_target
    from nevus.data.folds import parse_fold
    from nevus.imaging.files import write_atomically
    from nevus.training.split import split_root

    check_target("--out", out, ".json")
    chosen = parse_fold(fold)
    with counting("decoding, then comparing") as progress:
        found = split_root(task, root, chosen, progress=progress)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, json.dumps(vars(found)).encode())
    counts = f"{len(found.training)} for training, {len(found.validation)} for validation"
    typer.echo(f"{out}: {counts}; next: nevus train RECIPE --data {root} --split {out} --out RUN")
