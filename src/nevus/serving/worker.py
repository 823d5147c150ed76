"""A process that decodes and analyses strangers' photographs, and may die of them.

It reads requests from its standard input and writes answers to its standard output, as
`nevus.serving.frames` describes, until the input is closed.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

from nevus.errors import NevusError
from nevus.serving.frames import Head, read_frame, write_frame

_NICENESS: Final = 5
Load = Callable[[Path | None, int, int], Any]


def main(load: Load | None = None) -> None:
    """Answer until the service closes the pipe.

    Args:
        load: Folder of models, threads and most bytes of a photograph to an `Analyst`.
    """
    source, sink = _take_pipes()
    # The service alone ends its workers: a signal to the whole group must not lose requests.
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    start = read_frame(source)
    if start is None:
        return
    if hasattr(os, "nice"):
        # The service answers questions about its health while all workers are busy.
        os.nice(_NICENESS)
    analyst = _load(start[0], sink, load)
    if analyst is None:
        return
    _forbid_files()
    verbs = sorted(analyst.analyzers)
    told = {"models": list(analyst.models), "verbs": verbs, "seconds": analyst.seconds}
    write_frame(sink, told)
    while (request := read_frame(source)) is not None:
        write_frame(sink, *_answer(analyst, *request))


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return the pipes to the service; whatever else is printed goes to standard error."""
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    source = os.fdopen(os.dup(0), "rb")
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return source, sink


def _load(head: Head, sink: BinaryIO, load: Load | None) -> Any:
    try:
        if load is None:
            from nevus.serving.analyst import load_analyst

            load = load_analyst
        folder = Path(head["models"]) if head["models"] else None
        return load(folder, head["threads"], head["max_bytes"])
    except NevusError as error:
        write_frame(sink, {"failed": str(error)})
    except Exception as error:
        write_frame(sink, {"failed": f"{type(error).__name__}: {error}"})
    return None


def _forbid_files() -> None:
    """Make sure that nothing of a photograph can reach a disk, not even in a crash."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _answer(analyst: Any, head: Head, blobs: list[bytes]) -> tuple[Head, list[bytes]]:
    from nevus.serving.analyst import answer_photograph, answer_report

    try:
        if head["verb"] == "report":
            reply = answer_report(analyst, head["names"], blobs)
        else:
            reply = answer_photograph(
                analyst, head["verb"], head["names"][0], blobs[0], head["stem"]
            )
    except Exception as error:
        # A message may hold what was in the file; where it happened does not.
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
        return {"defect": where}, []
    return {"outcome": reply.outcome, "files": list(reply.files)}, list(reply.files.values())


if __name__ == "__main__":
    main()
