"""Result files: whole or absent, and one clear line where they cannot be written."""

from pathlib import Path

from nevus.errors import UsageError
from nevus.imaging.files import write_atomically


def write_result(path: Path, data: bytes) -> None:
    """Write `data` so that a reader never meets half a file.

    Raises:
        DiskFullError: No space is left; an older `path` is untouched.
        UsageError: The folder does not exist or cannot be written.
    """
    try:
        write_atomically(path, data)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
