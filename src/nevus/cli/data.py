"""`nevus data`: check, split, leaks, synthesize, download."""

import typer

from nevus.cli.checking import check
from nevus.cli.downloading import download_app
from nevus.cli.leaking import leaks
from nevus.cli.splitting import split
from nevus.cli.synthesizing import synthesize

data_app = typer.Typer(
    help="Check, split, audit, draw and download data sets.", no_args_is_help=True
)
data_app.command()(check)
data_app.command()(split)
data_app.command()(leaks)
data_app.command()(synthesize)
data_app.add_typer(download_app, name="download")
