"""Strangers' names and texts, made safe for a line, a page or a table."""

import re
from typing import Final

_LONGEST_NAME: Final = 200

# What spreadsheets take for the start of a formula, full-width forms included.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def clean_name(name: str) -> str:
    """Return a file's base name in a form that breaks no line, page or table.

    Folders are dropped, since they may name people; signs that do not print (line ends, marks that
    reverse the direction of reading, broken bytes) are named, as [U+202E]; at most 200 signs.
    """
    last = re.split(r"[/\\]", name)[-1]
    shown = "".join(sign if sign.isprintable() else f"[U+{ord(sign):04X}]" for sign in last)
    if len(shown) > _LONGEST_NAME:
        shown = f"{shown[: _LONGEST_NAME - 1]}…"
    return shown or "photograph"


def guard_cell(cell: str) -> str:
    """Return a cell that no spreadsheet runs: an apostrophe stands before a formula."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA_STARTS) else cell


def on_one_line(text: str) -> str:
    """Return a text whose signs all print: a line end becomes backslash and n."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
