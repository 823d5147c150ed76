"""Files that a verb writes: of the kind they are named, and never one of those it reads."""

from collections.abc import Iterable
from pathlib import Path

from nevus.errors import UsageError


def check_target(
    option: str, path: Path | None, *endings: str, reads: Iterable[Path | None] = ()
) -> None:
    """Refuse to write over something else, such as a photograph or the truth, before any work.

    Args:
        option: Its name, for the message.
        path: What is to be written; None: nothing is.
        endings: That its name may have; none: any.
        reads: Files of this call; folders among them do not matter.

    Raises:
        UsageError: The ending is another, or the file is one of those that are read.
    """
    if path is None:
        return
    if endings and path.suffix.lower() not in endings:
        raise UsageError(f"{option} {path} does not end in {' or '.join(endings)}")
    for one in reads:
        if one is not None and one.is_file() and path.exists() and path.samefile(one):
            raise UsageError(f"{option} {path} is read by the same call", hint="name another file")
