"""One self-contained HTML page about all photographs of a call."""

import base64
import hashlib
import io
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any, TextIO, cast

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from nevus import __version__
from nevus.analysis.definitions import DEFINITIONS, NOT_ASSESSED
from nevus.analysis.sheets import ReportEntry, Sheet, make_sheet
from nevus.errors import UsageError
from nevus.imaging.cells import clean_name
from nevus.imaging.files import open_whole
from nevus.inference.inputs import Failure
from nevus.labels import NOTICE

__all__ = ["Neighbours", "ReportEntry", "choose_long_side", "render_report", "write_report"]

LONG_SIDE = 800


@dataclass(frozen=True)
class Neighbours:
    """The pages a report is split into, where it is.

    Attributes:
        place: Of this page, from 1.
        files: Names of all pages' files, in the same folder.
    """

    place: int = 1
    files: tuple[str, ...] = ()


@dataclass
class _Summary:
    """What the top and the end of the page say about all entries."""

    count: int = 0
    serious: int = 0
    no_dermoscopy: int = 0
    empty: int = 0
    models: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def add(self, sheet: Sheet) -> None:
        self.count += 1
        self.serious += any(one["severity"] == "serious" for one in sheet["findings"])
        counted = sheet["counted"]
        self.no_dermoscopy += counted["no_dermoscopy"]
        self.empty += counted["empty"]
        self.models.update({f"{one['name']} {one['sha256']}": one for one in counted["models"]})


def write_report(
    path: Path,
    entries: Iterable[ReportEntry],
    title: str,
    *,
    failures: Sequence[Failure] = (),
    long_side: int = 640,
) -> int:
    """Write the page; it runs no script and loads nothing, its policy forbids both.

    Entries are taken one by one and two are in memory at a time, so that thousands can be told of.
    No byte of a photograph's file is copied: pictures are encoded anew from pixels.

    Args:
        path: The file to write, whole or not at all.
        entries: In the order of the page.
        title: Heading, shown escaped.
        failures: Files that could not be read.
        long_side: Of the photographs on the page, pixels; about 100 kB each at 640.

    Returns:
        How many photographs the page tells of.

    Raises:
        ValueError: A mask differs in size from its photograph.
        UsageError: The folder does not exist or cannot be written.
    """
    sheets = (make_sheet(entry, long_side) for entry in entries)
    return write_sheets(path, sheets, title, failures=failures)


def write_sheets(
    path: Path,
    sheets: Iterable[Sheet],
    title: str,
    *,
    failures: Sequence[Failure] = (),
    pages: Neighbours | None = None,
) -> int:
    """Write the page of sheets that were made before; see `write_report`.

    Args:
        path: The file to write, whole or not at all.
        sheets: In the order of the page.
        title: Heading, shown escaped.
        failures: Files that could not be read.
        pages: The other pages of the report, if any.
    """
    try:
        with ExitStack() as stack:
            scratch = [stack.enter_context(_open_scratch()) for _ in range(2)]
            count, assemble = _compose(sheets, scratch, title, failures, pages or Neighbours())
            _write_whole(path, assemble)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    return count


def render_report(
    entries: Iterable[ReportEntry],
    title: str,
    *,
    failures: Sequence[Failure] = (),
    long_side: int = LONG_SIDE,
) -> str:
    """Return the page of `write_report` without touching any file."""
    sheets = (make_sheet(entry, long_side) for entry in entries)
    page = io.StringIO()
    _compose(sheets, [io.StringIO(), io.StringIO()], title, failures, Neighbours())[1](page)
    return page.getvalue()


def choose_long_side(count: int) -> int:
    """Return a `long_side` for so many photographs that browsers still open the page."""
    return LONG_SIDE if count <= 20 else 640 if count <= 200 else 420


def _compose(
    sheets: Iterable[Sheet],
    scratch: Sequence[TextIO],
    title: str,
    failures: Sequence[Failure],
    pages: Neighbours,
) -> tuple[int, Callable[[TextIO], None]]:
    """Return how many photographs there are, and what writes the page."""
    template = _load_template()
    summary = _Summary()
    overview, details = scratch
    for place, (sheet, has_next) in enumerate(_look_ahead(sheets), start=1):
        shown = {**sheet, "place": place, "has_next": has_next}
        summary.add(sheet)
        overview.write(template.card(shown))
        details.write(template.case(shown))
    head, tail = _make_frame(template, summary, title, failures, pages)

    def assemble(page: TextIO) -> None:
        page.write(head)
        for part, after in zip(scratch, (template.between(), tail), strict=True):
            part.seek(0)
            shutil.copyfileobj(part, page)
            page.write(after)

    return summary.count, assemble


def _make_frame(
    template: Any, summary: _Summary, title: str, failures: Sequence[Failure], pages: Neighbours
) -> tuple[str, str]:
    """Return what stands before the photographs and after them."""
    css = _read_resource("report.css")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = template.head(
        title=title, css=Markup(css), policy=policy, notice=NOTICE, summary=summary,
        failed=len(failures), pages=pages,
    )  # fmt: skip
    tail = template.tail(
        models=list(summary.models.values()), failures=[_tell(one) for one in failures],
        definitions=DEFINITIONS, not_assessed=NOT_ASSESSED, version=__version__, notice=NOTICE,
    )  # fmt: skip
    return head, tail


def _tell(failure: Failure) -> dict[str, str]:
    """Return name and reason; the name stands in a column of its own."""
    name = clean_name(failure.path.name)
    return {"name": name, "text": failure.text.removeprefix(f"{name}: ")}


def _write_whole(path: Path, assemble: Callable[[TextIO], None]) -> None:
    with open_whole(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="\n")
        assemble(text)
        text.flush()
        text.detach()


def _open_scratch() -> Any:
    return tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n")


def _look_ahead(sheets: Iterable[Sheet]) -> Iterator[tuple[Sheet, bool]]:
    """Yield each sheet and whether another follows."""

    def ended() -> Iterator[Sheet | None]:
        yield from sheets
        yield None

    for sheet, following in pairwise(ended()):
        yield cast(Sheet, sheet), following is not None


@cache
def _read_resource(name: str) -> str:
    return (resources.files("nevus.analysis") / "templates" / name).read_text(encoding="utf-8")


@cache
def _load_template() -> Any:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_read_resource("report.html")).module
