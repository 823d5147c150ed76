"""A run folder belongs to one trainer at a time. No torch: a second one is refused at once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from nevus.errors import RunLockedError

_PATIENCE = 0.5


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold a run folder, made if needed, for this process alone; a killed one lets go of it.

    Raises:
        RunLockedError: Another trainer holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=_PATIENCE):
            yield
    except Timeout as error:
        raise RunLockedError(
            f"another trainer is at work in {folder}", hint="wait for it, or use another --out"
        ) from error


def refuse_second_trainer(folder: Path) -> None:
    """Say that a folder is held before anything slow is loaded; `train` itself holds it later.

    Raises:
        RunLockedError: Another trainer holds it.
    """
    # Of several processes under torchrun the first one holds the folder for all.
    if folder.is_dir() and os.environ.get("RANK", "0") == "0":
        with hold(folder):
            pass
