"""`nevus data synthesize`."""

from pathlib import Path
from typing import Annotated

import typer


def synthesize(
    out: Annotated[Path, typer.Argument(help="A new folder.")],
    count: Annotated[int, typer.Option(min=1, max=100_000, help="Photographs per task.")] = 100,
    height: Annotated[int, typer.Option(min=32, max=4000, help="Pixels.")] = 192,
    width: Annotated[int, typer.Option(min=32, max=4000, help="Pixels.")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another set.")] = 0,
    tasks: Annotated[
        str, typer.Option(help="Comma-separated.")
    ] = "segmentation,attributes,diagnosis",
) -> None:
    """Draw an ISIC-2018-shaped data set with exact truth, for tests and trying things out.

    Example: nevus data synthesize drawn --count 40 --tasks segmentation
    """
    from nevus.cli.progress import counting
    from nevus.data.phantoms import write_phantoms

    chosen = [task.strip() for task in tasks.split(",") if task.strip()]
    with counting("drawing") as progress:
        write_phantoms(out, count, size=(height, width), seed=seed, tasks=chosen, progress=progress)
    typer.echo(f"{count} drawn photographs in {out}; results on them mean nothing")
