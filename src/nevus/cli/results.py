"""Tables on stdout: whole words where there is room, and quiet where the reader leaves early."""

import sys
from typing import NoReturn

from rich import box
from rich.console import Console
from rich.table import Table

_WIDTH_IN_FILES = 200
"""Characters a table may take where no terminal sets a limit; it takes what it needs."""


class ResultConsole(Console):
    """A console whose reader may leave early."""

    def on_broken_pipe(self) -> NoReturn:
        """Fail as any other print does; `nevus.cli.app` knows what follows.

        Rich itself would end the process with exit code 1.

        Raises:
            BrokenPipeError: Always.
        """
        self.quiet = True
        raise BrokenPipeError


def make_table(title: str | None = None) -> Table:
    """Return an empty table whose lines cost little width: 80 characters hold seven columns."""
    return Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )


def print_table(table: Table) -> None:
    """Print a table as wide as the terminal; in files and pipes as wide as it needs.

    Raises:
        BrokenPipeError: Who read stdout has left.
    """
    width = None if sys.stdout.isatty() else _WIDTH_IN_FILES
    ResultConsole(width=width).print(table)
