"""`nevus export`."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint of any task.")],
    out: Annotated[Path, typer.Option(help="The .onnx file; a .json manifest goes beside it.")],
    name: Annotated[str, typer.Option(help="The model's name; default the recipe's.")] = "",
) -> None:
    """Write a checkpoint as ONNX, compared with torch, with a manifest beside it.

    Example: nevus export runs/compact/last.safetensors --out compact.onnx
    """
    from nevus.export import export_checkpoint

    done = export_checkpoint(checkpoint, out, name=name)
    typer.echo(
        f"{done.path}: {done.bytes / 1e6:.1f} MB, sha256 {done.sha256[:16]}..., "
        f"largest difference from torch {done.difference:.1e}"
    )
