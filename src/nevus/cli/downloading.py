"""`nevus data download`: the only verbs that open a connection."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nevus.errors import UsageError

if TYPE_CHECKING:
    from nevus.data.sources import RemoteFile

download_app = typer.Typer(
    help="Fetch data sets and weights; no other verb opens a connection.", no_args_is_help=True
)


@download_app.command()
def isic2018(
    out: Annotated[
        Path | None, typer.Option(help="Folder for archives, manifest and unpacked folders.")
    ] = None,
    tasks: Annotated[
        str, typer.Option(help="Comma-separated: segmentation, attributes, diagnosis.")
    ] = "segmentation",
    parts: Annotated[
        str, typer.Option(help="Comma-separated: training, validation, test.")
    ] = "training",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    unpack: Annotated[
        bool, typer.Option("--unpack/--no-unpack", help="Unpack the archives; they are kept.")
    ] = True,
    only_list: Annotated[
        bool, typer.Option("--list", help="Show files, sizes and licences, then leave.")
    ] = False,
) -> None:
    """Fetch the ISIC 2018 challenge data from its publisher.

    Example: nevus data download isic2018 --tasks segmentation,attributes --out isic2018

    A broken download goes on where it stopped: run the same command again. The publisher names
    no hashes, so each file's sha256 is recorded in manifest.json at the first download (trust
    on first use) and verified from then on.
    """
    from nevus.data.download import require_space
    from nevus.data.sources import choose_files

    files = choose_files(_split(tasks), _split(parts))
    _print_files(files)
    if only_list:
        return
    if out is None:
        raise UsageError("no folder is named", hint="--out DIR, or --list just to look")
    require_space(files, out, unpacked=unpack)
    if not yes:
        _confirm(out)
    for file in files:
        _bring(file, out, unpack=unpack)


@download_app.command()
def weights(
    encoder: Annotated[str, typer.Argument(metavar="ENCODER", help="A timm model name.")],
) -> None:
    """Fetch an encoder's ImageNet weights through timm, for training without a connection.

    Example: nevus data download weights vgg19
    """
    from nevus.models.hub import fetch_weights

    typer.echo(f"weights of {encoder}: {fetch_weights(encoder)}")


def _split(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _print_files(files: Sequence["RemoteFile"]) -> None:
    from nevus.data.sources import describe_bytes

    width = max(len(file.name) for file in files)
    for file in files:
        size = describe_bytes(file.approximate_bytes)
        typer.echo(f"{file.name:<{width}}  about {size:>8}  {file.licence}")
    total = describe_bytes(sum(file.approximate_bytes for file in files))
    typer.echo(f"{len(files)} files, about {total}, from {files[0].base_url}")
    licences = {file.licence for file in files}
    if any("NC" in licence for licence in licences):
        typer.echo("CC-BY-NC 4.0: name the authors, no commercial use.")


def _confirm(out: Path) -> None:
    try:
        agreed = typer.confirm(f"Download to {out} under these licences?", err=True)
    except typer.Abort:
        agreed = False
    if not agreed:
        raise UsageError("nothing was downloaded: not confirmed", hint="--yes does not ask")


def _bring(file: "RemoteFile", out: Path, *, unpack: bool) -> None:
    from nevus.cli.progress import counting
    from nevus.data.download import download, unpack_download

    with counting(f"{file.name} (MiB)") as show:

        def in_mebibytes(done: int, total: int) -> None:
            show(done >> 20, max(1, total >> 20))

        result = download(file, out, progress=in_mebibytes)
    trust = "recorded, trusted on first use" if result.first else "as recorded"
    typer.echo(f"{file.name}: {result.origin}, sha256 {result.sha256} ({trust})")
    if unpack:
        folder = unpack_download(result.path)
        if folder is not None:
            typer.echo(f"{file.name}: unpacked in {folder}")
