"""`nevus serve`."""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from nevus.labels import NOTICE


def serve(
    host: Annotated[
        str, typer.Option(help="Address to bind; any but loopback needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: a free one.")] = 8000,
    token: Annotated[
        str,
        typer.Option(help="Asked for as Authorization: Bearer. NEVUS_TOKEN is not seen by `ps`."),
    ] = "",
    workers: Annotated[
        int, typer.Option(help="Processes that analyse; 0: one per processor, 8 at most.")
    ] = 0,
    threads: Annotated[
        int, typer.Option(help="For a photograph; 0: the processors, shared out among workers.")
    ] = 0,
    queue: Annotated[int, typer.Option(help="Requests that may wait; the next gets 429.")] = 16,
    max_body: Annotated[float, typer.Option(help="Of a request, MiB.")] = 32,
    models: Annotated[
        Path | None, typer.Option(help="Folder of exported models; default: those that ship.")
    ] = None,
    deadline: Annotated[float, typer.Option(help="Seconds until a request gets 504.")] = 30,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A name in the Host header besides loopback's, as a proxy passes it."),
    ] = None,
) -> None:
    """Serve the analyser as a web page and an HTTP service; nothing is kept.

    Example: nevus serve --port 8000
    """
    from nevus.runtime.zoo import read_zoo
    from nevus.serving.server import serve as run
    from nevus.serving.settings import TOKEN, Settings

    settings = Settings(
        host=host, port=port, token=token or os.environ.get(TOKEN) or None,
        workers=workers, threads=threads, queue=queue, max_body=_count_bytes(max_body),
        models=models, deadline=deadline, allow_hosts=tuple(allow_host or ()),
    )  # fmt: skip
    # Before any worker starts: most wrong use ends here, in one line.
    read_zoo(models)
    _log_to_stderr()
    typer.echo(NOTICE, err=True)
    run(settings, announce=_announce)


def _count_bytes(mebibytes: float) -> int:
    from nevus.errors import UsageError
    from nevus.serving.settings import MIB

    if not 0 < mebibytes < 2**20:
        raise UsageError(
            f"max-body is {mebibytes:g} MiB, expected more than 0", hint="--max-body 32"
        )
    return round(mebibytes * MIB)


def _announce(address: str) -> None:
    typer.echo("nevus serve: starting; the log says when it is ready", err=True)
    typer.echo(f"nevus serve: {address}")


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("nevus")
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    log.propagate = False
