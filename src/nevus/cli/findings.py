"""What was found in files that were scored or submitted, told to people."""

import json
import math

import typer

from nevus.errors import DataError
from nevus.imaging.cells import on_one_line
from nevus.labels import NOTICE

MOST_SHOWN = 50


def print_problems(error: DataError, *, as_json: bool = False) -> None:
    """Print findings on stdout; the one line of the error itself goes to stderr.

    A person sees the first `MOST_SHOWN`, so that the error stays in sight; JSON holds all.
    """
    if as_json:
        typer.echo(json.dumps({"notice": NOTICE, "problems": list(error.problems)}, indent=2))
        return
    for problem in error.problems[:MOST_SHOWN]:
        typer.echo(f"- {on_one_line(problem)}")
    rest = len(error.problems) - MOST_SHOWN
    if rest > 0:
        typer.echo(f"- and {rest} more")


def tell_interval(bounds: tuple[float, float]) -> str:
    """Return an interval for a table, a dash where it is not defined."""
    low, high = bounds
    return "-" if math.isnan(low) else f"{low:.4f} to {high:.4f}"
