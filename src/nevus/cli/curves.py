"""`nevus curves`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from nevus.errors import UsageError

_NOT_DRAWN: Final = ("step", "epoch", "validation", "n", "metric", "lr")
_POINTS: Final = 200
_STYLE: Final = "body{font:16px system-ui,sans-serif;margin:1.5rem;background:#fff;color:#16202a}"

Entries = Sequence[Mapping[str, Any]]


def curves(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders.")],
    out: Annotated[Path, typer.Option(help="The page, one file.")] = Path("curves.html"),
) -> None:
    """Draw the learning curves of runs, also of one that still trains: scores and losses.

    Example: nevus curves runs/compact --out curves.html
    """
    from nevus.imaging.files import write_atomically
    from nevus.training.journal import read_journal

    read = {}
    for run, name in _name(runs).items():
        read[name] = read_journal(run / "metrics.jsonl")
        if not read[name]:
            raise UsageError(
                f"{run} has no metrics.jsonl with a step in it", hint="name run folders"
            )
    write_atomically(out, draw_page(read).encode())
    typer.echo(f"Curves: {out}")


def draw_page(runs: Mapping[str, Entries]) -> str:
    """Return one self-contained page with a chart for each score and each loss.

    Args:
        runs: Name to the entries of its ``metrics.jsonl``.
    """
    scores = {name: [one for one in all_ if one.get("validation")] for name, all_ in runs.items()}
    steps = {
        name: [one for one in all_ if not one.get("validation")] for name, all_ in runs.items()
    }
    parts = [
        f"<h2>{heading}</h2>{''.join(_draw(chosen))}"
        for heading, chosen in (("Validation", scores), ("Losses, means of steps", steps))
        if any(chosen.values())
    ]
    title = f"Learning curves of {', '.join(runs)}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{''.join(parts)}</body></html>\n"
    )


def _name(runs: Sequence[Path]) -> dict[Path, str]:
    """Return each run once, by its folder's name where no other has the same."""
    counts = Counter(run.name for run in dict.fromkeys(runs))
    return {run: run.name if run.name and counts[run.name] == 1 else str(run) for run in runs}


def _draw(runs: Mapping[str, Entries]) -> list[str]:
    from nevus.reproduction.charts import Line, draw_lines

    names = dict.fromkeys(name for all_ in runs.values() for one in all_ for name in one)
    drawn = []
    for name in (one for one in names if one not in _NOT_DRAWN):
        lines = [Line(run, *_thin(all_, name)) for run, all_ in runs.items()]
        drawn.append(draw_lines(lines, title=name, across="steps", up=name))
    return drawn


def _thin(entries: Entries, name: str) -> tuple[list[int], list[float | None]]:
    """Return steps and values, means of neighbours where there are many."""
    known = [(one["step"], one[name]) for one in entries if one.get(name) is not None]
    size = max(1, len(known) // _POINTS)
    groups = [known[start : start + size] for start in range(0, len(known), size)]
    means: list[float | None] = [sum(value for _, value in one) / len(one) for one in groups]
    return [one[-1][0] for one in groups], means
