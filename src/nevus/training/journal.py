"""What a run tells: `metrics.jsonl` on disk, a reporter for whoever watches."""

import errno
import json
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from nevus.errors import DiskFullError

Values = Mapping[str, float]
Draw = Callable[[], list[NDArray[np.uint8]]]
"""Returns (H, W, 3) uint8 overlays of truth and prediction."""


class Reporter(Protocol):
    """Whoever watches a run: the command line's progress bar, TensorBoard, a test."""

    def started(self, step: int, total: int) -> None:
        """Training begins, or goes on, at `step` of `total`."""

    def stepped(self, step: int, terms: Values) -> None:
        """`step` steps are done; `terms` are the last one's losses."""

    def validated(self, epoch: int, scores: Values, *, best: bool) -> None:
        """An epoch, counted from 1, was validated; `best`: none before it was better."""

    def pictured(self, draw: Draw) -> None:
        """An epoch was validated; `draw` makes sample overlays for those who want them."""

    def noted(self, text: str) -> None:
        """Something worth a line happened."""


class SilentReporter:
    """Tells nobody."""

    def started(self, step: int, total: int) -> None:
        """Ignore."""

    def stepped(self, step: int, terms: Values) -> None:
        """Ignore."""

    def validated(self, epoch: int, scores: Values, *, best: bool) -> None:
        """Ignore."""

    def pictured(self, draw: Draw) -> None:
        """Ignore."""

    def noted(self, text: str) -> None:
        """Ignore."""


class Journal:
    """Appends one JSON object per line to ``metrics.jsonl``.

    Lines of steps that a resumed run is about to repeat are cut off, so that each step and each
    epoch stands there once.

    Args:
        path: The file.
        step: Steps done so far; later lines are removed.
    """

    def __init__(self, path: Path, *, step: int) -> None:
        self.path = path
        kept = [line for line in _read_lines(path) if _entry(line).get("step", step + 1) <= step]
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.partial")
        partial.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        partial.replace(path)
        self._file = path.open("a", encoding="utf-8")

    def write(self, **values: Any) -> None:
        """Append one line; numbers that are not finite become null, as JSON has none.

        Raises:
            DiskFullError: There is no room.
        """
        clean = {key: _plain(value) for key, value in values.items()}
        try:
            self._file.write(json.dumps(clean) + "\n")
            self._file.flush()
        except OSError as error:
            if error.errno not in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
                raise
            raise DiskFullError(
                f"no room for another line of {self.path}",
                hint="make room, then run the same command with --resume",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        # Every line was flushed; on a full disk the one that could not be would fail once more.
        with suppress(OSError):
            self._file.close()


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a ``metrics.jsonl``; a last line cut off by a kill is left out."""
    return [entry for line in _read_lines(path) if (entry := _entry(line))]


def _read_lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _entry(line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 9) if math.isfinite(value) else None
    return value
