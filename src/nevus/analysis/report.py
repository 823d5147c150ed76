"""One self-contained HTML page about all photographs of a call."""

import base64
import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any, TextIO, cast

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from nevus import __version__
from nevus.analysis import readout
from nevus.analysis.definitions import DEFINITIONS, NOT_ASSESSED
from nevus.analysis.pictures import link_layers, link_photograph, link_similar, link_thumbnail
from nevus.analysis.results import Analysis, ModelUsed, clean_name
from nevus.errors import UsageError
from nevus.imaging.drawing import fit_within
from nevus.inference.inputs import Failure
from nevus.labels import NOTICE

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class ReportEntry:
    """One photograph of a report.

    Attributes:
        analysis: The answer.
        pixels: (H, W, 3) uint8, RGB; only a smaller, newly encoded copy reaches the page.
        lesion: (H, W) bool, None where no mask was made.
        attributes: Name to (H, W) bool.
        similar: image_id of a similar case to its pixels, where the user has the data set.
    """

    analysis: Analysis
    pixels: Pixels
    lesion: Mask | None = None
    attributes: Mapping[str, Mask] = field(default_factory=dict)
    similar: Mapping[str, Pixels] = field(default_factory=dict)


@dataclass
class _Summary:
    """What the top and the end of the page say about all entries."""

    count: int = 0
    serious: int = 0
    no_dermoscopy: int = 0
    empty: int = 0
    models: dict[str, ModelUsed] = field(default_factory=dict)

    def add(self, answer: Analysis, findings: Sequence[Mapping[str, Any]]) -> None:
        self.count += 1
        self.serious += any(one["severity"] == "serious" for one in findings)
        self.no_dermoscopy += answer.dermoscopy is not None and not answer.dermoscopy.is_dermoscopy
        self.empty += answer.segmentation is not None and answer.segmentation.empty
        self.models.update((f"{model.name} {model.sha256}", model) for model in answer.models)


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
    template = _load_template()
    summary = _Summary()
    try:
        with ExitStack() as stack:
            overview, details = (stack.enter_context(_open_scratch()) for _ in range(2))
            for place, (entry, has_next) in enumerate(_look_ahead(entries), start=1):
                shown = _make_case(entry, place, has_next, long_side)
                summary.add(entry.analysis, shown["findings"])
                overview.write(template.card(shown))
                details.write(template.case(shown))
            _assemble(path, template, summary, (overview, details), title, failures)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    return summary.count


def choose_long_side(count: int) -> int:
    """Return a `long_side` for so many photographs that browsers still open the page."""
    return 800 if count <= 20 else 640 if count <= 200 else 420


def _assemble(
    path: Path,
    template: Any,
    summary: _Summary,
    parts: tuple[TextIO, TextIO],
    title: str,
    failures: Sequence[Failure],
) -> None:
    css = _read_resource("report.css")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = template.head(
        title=title, css=Markup(css), policy=policy, notice=NOTICE, summary=summary,
        failed=len(failures),
    )  # fmt: skip
    tail = template.tail(
        models=readout.list_models(summary.models.values()),
        failures=[{"name": clean_name(one.path.name), "text": one.text} for one in failures],
        definitions=DEFINITIONS, not_assessed=NOT_ASSESSED, version=__version__, notice=NOTICE,
    )  # fmt: skip
    partial = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="\n", prefix=".partial-", dir=path.parent, delete=False
        ) as file:
            partial = Path(file.name)
            file.write(head)
            for part, after in zip(parts, (template.between(), tail), strict=True):
                part.seek(0)
                shutil.copyfileobj(part, file)
                file.write(after)
        partial.chmod(0o644)
        partial.replace(path)
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)


def _open_scratch() -> Any:
    return tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n")


def _look_ahead(entries: Iterable[ReportEntry]) -> Iterator[tuple[ReportEntry, bool]]:
    """Yield each entry and whether another follows."""

    def ended() -> Iterator[ReportEntry | None]:
        yield from entries
        yield None

    for entry, following in pairwise(ended()):
        yield cast(ReportEntry, entry), following is not None


def _make_case(entry: ReportEntry, place: int, has_next: bool, long_side: int) -> dict[str, Any]:
    answer = entry.analysis
    _check_sizes(entry)
    small = fit_within(entry.pixels, long_side)
    layers = list(link_layers(entry.lesion, entry.attributes, long_side))
    lesion = readout.describe_lesion(answer)
    return {
        "place": place,
        # Printed sheets are taken apart: each has the sentence.
        "notice": NOTICE,
        "has_next": has_next,
        "name": answer.image,
        "size": f"{answer.size.width} × {answer.size.height} pixels",
        "photograph": link_photograph(small),
        "alt": f"Photograph {answer.image}. {lesion}",
        "lesion": lesion,
        "layers": layers,
        # The outline lies above the rest, but stands first in the list.
        "controls": sorted(layers, key=lambda layer: layer["name"] != "lesion"),
        "thumbnail": link_thumbnail(small, entry.lesion),
        "findings": readout.list_findings(answer),
        "diagnosis": readout.describe_diagnosis(answer.diagnosis),
        "attributes": readout.list_attributes(answer),
        "measures": readout.list_measures(answer.abcd),
        "similar": [link_similar(row, entry.similar) for row in readout.list_similar(answer)],
    }


def _check_sizes(entry: ReportEntry) -> None:
    for name, mask in (("lesion", entry.lesion), *entry.attributes.items()):
        if mask is not None and mask.shape != entry.pixels.shape[:2]:
            raise ValueError(
                f"{entry.analysis.image}: {name} is {mask.shape}, "
                f"photograph {entry.pixels.shape[:2]}"
            )


@cache
def _read_resource(name: str) -> str:
    return (resources.files("nevus.analysis") / "templates" / name).read_text(encoding="utf-8")


@cache
def _load_template() -> Any:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_read_resource("report.html")).module
