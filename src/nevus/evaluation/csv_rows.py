"""CSV files from strangers: bounded, UTF-8, strictly quoted, taken apart row by row."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from nevus.errors import DataError, UsageError

MAX_TABLE_BYTES: Final = 100 * 2**20
"""Larger files are refused unread; the challenge's own are 2 MB."""

_JPG: Final = re.compile(r"\.jpg\Z", re.IGNORECASE)
_SHOWN: Final = 3
_SHOWN_CELL: Final = 40


def read_text(path: Path) -> str:
    """Return a text file's content with plain line breaks and without byte order mark.

    Raises:
        DataError: The file is too large or not UTF-8.
        UsageError: There is no such file, or it cannot be read.
    """
    if not path.is_file():
        raise UsageError(f"there is no file {str(path)!r}", hint="name a CSV")
    try:
        size = path.stat().st_size
        if size > MAX_TABLE_BYTES:
            raise DataError(f"{path} has {size} bytes, expected <= {MAX_TABLE_BYTES}")
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 at byte {error.start}") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and cells of every row that is not blank.

    Raises:
        csv.Error: A quotation mark is out of place, or a cell is longer than 128 KiB.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    for cells in reader:
        if len(cells) > 1 or (cells and cells[0].strip()):
            yield reader.line_num, cells


def strip_ending(name: str) -> str:
    """Return a name without ``.jpg`` behind it, as the official scorer takes names."""
    return _JPG.sub("", name)


def summarize(problems: Sequence[str]) -> str:
    """Return number and first three of `problems` as one phrase."""
    rest = len(problems) - _SHOWN
    more = f"; and {rest} more" if rest > 0 else ""
    return f"{len(problems)} problems: {'; '.join(problems[:_SHOWN])}{more}"


def shorten(text: str) -> str:
    """Return a cell as it may stand in a message: quoted, spelled out, not too long."""
    return repr(text if len(text) <= _SHOWN_CELL else f"{text[:_SHOWN_CELL]}...")
