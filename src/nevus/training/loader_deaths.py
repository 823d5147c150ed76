"""A process that loads photographs may be killed; whatever breaks first, the message is one."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from nevus.errors import TrainingError

NOTICE_SECONDS = 2.0
"""How long the kernel may take from a broken pipe to the notice of who died."""

_NOTICE = "DataLoader worker (pid"


@contextmanager
def tell_loader_deaths() -> Iterator[None]:
    """Make one clear error of every way in which a loader process's death shows.

    Torch raises its notice from a signal handler, wherever the run may be. Where the process
    was just passing a batch, its pipe breaks before: then the notice is waited for here, or it
    would break into whatever comes next.

    Raises:
        TrainingError: A loader process died.
    """
    try:
        yield
    except (ConnectionError, EOFError) as error:
        raise _make_error(_wait_for_notice() or f"{type(error).__name__}: {error}") from error
    except RuntimeError as error:
        if _NOTICE not in str(error):
            raise
        raise _make_error(str(error)) from error


def _wait_for_notice() -> str:
    try:
        time.sleep(NOTICE_SECONDS)
    except RuntimeError as notice:
        if _NOTICE not in str(notice):
            raise
        return str(notice)
    return ""


def _make_error(cause: str) -> TrainingError:
    return TrainingError(
        f"a process that loads photographs died: {cause.splitlines()[0]}",
        hint="often memory: --set training.workers=0, then --resume",
    )
