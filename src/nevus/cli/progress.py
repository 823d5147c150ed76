"""Progress on the terminal: bars with loss terms, metric and time left."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class _ProgressConsole(Console):
    def on_broken_pipe(self) -> None:
        # Nobody watches any more; rich would end the process, and hours of work with it.
        self.quiet = True
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stderr.fileno())


def make_progress(console: Console | None = None) -> Progress:
    """Return a progress display on stderr, so that stdout stays for results."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console or _ProgressConsole(stderr=True),
    )


@contextmanager
def counting(description: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar; the value is a callback that takes (done, total)."""
    with make_progress() as progress:
        task = progress.add_task(description, total=None, note="")

        def advance(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield advance


class TrainingProgress:
    """A `nevus.training.journal.Reporter` for people; prints a line per validated epoch."""

    def __init__(self) -> None:
        self._progress = make_progress()
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def decoded(self, done: int, total: int) -> None:
        """Show how many photographs are in the cache."""
        if self._task is None:
            self._task = self._progress.add_task("decoding", total=total, note="")
        self._progress.update(self._task, completed=done, total=total)

    def started(self, step: int, total: int) -> None:
        """Begin the training bar."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task("training", total=total, completed=step, note="")

    def stepped(self, step: int, terms: Mapping[str, float]) -> None:
        """Advance, with the last step's terms."""
        note = "  ".join(f"{name} {value:.4g}" for name, value in terms.items())
        if self._task is not None:
            self._progress.update(self._task, completed=step, note=note)

    def validated(self, epoch: int, scores: Mapping[str, float], *, best: bool) -> None:
        """Print the scores; the best so far is marked."""
        shown = {name: value for name, value in scores.items() if name not in ("metric", "n")}
        text = "  ".join(f"{name} {value:.4f}" for name, value in shown.items())
        mark = "  *" if best else ""
        self.noted(f"epoch {epoch}: {text or 'no validation'}  n {scores.get('n', 0):.0f}{mark}")

    def pictured(self, draw: Callable[[], list[NDArray[np.uint8]]]) -> None:
        """Ignore: a terminal shows no pictures."""

    def noted(self, text: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(text, markup=False, highlight=False)
