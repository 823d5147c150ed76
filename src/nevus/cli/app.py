"""The command line's frame: verbs, error lines, exit codes."""

import errno
import io
import os
import sys
from typing import Annotated

import typer

from nevus import __version__
from nevus.cli import (
    analyzing,
    crossval,
    curves,
    data,
    exporting,
    modelling,
    prediction,
    reproducing,
    scoring,
    serving,
    training,
    tuning,
)
from nevus.errors import NevusError
from nevus.labels import NOTICE

app = typer.Typer(
    name="nevus",
    help=f"Dermoscopy toolkit: segment lesions, train, score and submit ISIC 2018.\n\n{NOTICE}",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(analyzing.analyze)
app.command()(training.train)
app.command()(prediction.predict)
app.command()(scoring.evaluate)
app.command()(crossval.crossval)
app.command(name="tune-postprocess")(tuning.tune_postprocess)
app.command()(scoring.submit)
app.command()(training.refit)
app.command()(training.join)
app.command()(curves.curves)
app.command()(exporting.export)
app.command()(modelling.models)
app.command()(training.recipes)
app.command()(serving.serve)
app.add_typer(data.data_app, name="data")
app.add_typer(reproducing.reproduce_app, name="reproduce")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nevus {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Say and leave."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; every expected failure is one line on stderr and its exit code."""
    _bear_any_encoding()
    try:
        # Typer would draw a box of several lines around wrong use; a script reads one line.
        sys.exit(_run())
    except NevusError as error:
        if not _is_quiet_process():
            _print_error(str(error))
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        extra = _find_extra(missing)
        if extra is None:
            raise
        _print_error(f"this verb needs {missing} (python -m pip install 'nevus[{extra}]')")
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        _print_error("stopped")
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read the output has left, as `head` does; python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + 13)
    except OSError as error:
        # Of the disk, not of nevus: a folder that may not be written, a disk that is full.
        if error.filename is None and error.errno != errno.ENOSPC:
            raise
        place = f"{error.filename}: " if error.filename else ""
        _print_error(f"{place}{error.strerror}")
        sys.exit(2)


def _bear_any_encoding() -> None:
    # Bars, umlauts, file names that are no UTF-8: a pipe in another encoding, Windows's own for
    # one, must not end a call after all its work.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run() -> int:
    try:
        return app(standalone_mode=False) or 0
    except Exception as error:
        # Wrong use. Its class is click's in some versions of typer and typer's own in others.
        explain = getattr(error, "format_message", None)
        if explain is None:
            raise
        context = getattr(error, "ctx", None)
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(explain())
        else:
            command = context.command_path if context else "nevus"
            _print_error(f"{explain().rstrip('.')} ({command} --help)")
        return int(getattr(error, "exit_code", 2))


TRAIN_MODULES = (
    "torch",
    "torchvision",
    "timm",
    "segmentation_models_pytorch",
    "safetensors",
    "filelock",
)
EXPORT_MODULES = ("onnx", "onnxscript")
SERVE_MODULES = ("fastapi", "uvicorn", "h11", "starlette", "python_multipart", "prometheus_client")


def _find_extra(module: str) -> str | None:
    """Return what to install for a module, None where nothing would bring it."""
    if module in TRAIN_MODULES:
        # Exporting needs both; naming one at a time would send people twice.
        return "train,export" if sys.argv[1:2] == ["export"] else "train"
    if module in EXPORT_MODULES:
        return "train,export"
    return "serve" if module in SERVE_MODULES else None


def _print_error(text: str) -> None:
    line = " ".join(text.split())
    typer.echo(f"nevus: {line}", err=True)


def _is_quiet_process() -> bool:
    # Under torchrun every process fails alike; one line is enough.
    return os.environ.get("RANK", "0") != "0"
