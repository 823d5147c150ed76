"""Everything that is wrong or odd about a data set, found in one pass."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nevus.data.likeness import make_thumbnail
from nevus.data.lookalikes import pair_thumbnails
from nevus.data.records import Finding, Listing, Record, find_listing
from nevus.errors import ImageError
from nevus.imaging.limits import DEFAULT_LIMITS, Limits
from nevus.imaging.masks import read_truth
from nevus.imaging.reading import describe, read_image
from nevus.labels import NOTICE
from nevus.processors import count_processors

__all__ = ["Finding", "Report", "check_data", "check_listing", "make_report"]

_RANKS = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True)
class Report:
    """What a check found.

    Attributes:
        findings: Errors first, then by code and name.
        counts: Photographs, masks, readable photographs, errors, warnings.
        sizes: Of the readable photographs, pixels: smallest, median and largest height and
            width, and how many different sizes there are. Empty without photographs.
        tables: Further counts under a title each, such as photographs per class.
    """

    findings: tuple[Finding, ...]
    counts: dict[str, int]
    sizes: dict[str, float]
    tables: dict[str, dict[str, int]] = field(default_factory=dict)

    def of_severity(self, severity: str) -> tuple[Finding, ...]:
        """Return the findings of one severity."""
        return tuple(finding for finding in self.findings if finding.severity == severity)

    def by_code(self) -> dict[str, tuple[Finding, ...]]:
        """Return the findings under their codes, in the order of `findings`."""
        groups: dict[str, list[Finding]] = defaultdict(list)
        for finding in self.findings:
            groups[finding.code].append(finding)
        return {code: tuple(group) for code, group in groups.items()}

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "notice": NOTICE,
            "counts": dict(self.counts),
            "codes": {code: len(group) for code, group in self.by_code().items()},
            "sizes": dict(self.sizes),
            "tables": {title: dict(table) for title, table in self.tables.items()},
            "findings": [vars(finding) for finding in self.findings],
        }


@dataclass
class _Inspection:
    findings: list[Finding] = field(default_factory=list)
    size: tuple[int, int] | None = None
    thumbnail: NDArray[np.uint8] | None = None


def check_data(
    root: Path,
    *,
    lookalikes: bool = True,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Report:
    """Return everything that is wrong or odd about a data root.

    Args:
        root: A folder that one of `nevus.data.records.SOURCES` understands.
        lookalikes: Whether to look for photographs of the same lesion.
        workers: Threads that decode; by default one per core, at most eight.
        progress: Called with (done, total).
        limits: What photographs may be.

    Raises:
        DataError: The folder does not exist or its layout is unknown.
    """
    listing = find_listing(root)
    return check_listing(
        listing, lookalikes=lookalikes, workers=workers, progress=progress, limits=limits
    )


def check_listing(
    listing: Listing,
    *,
    lookalikes: bool = True,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Report:
    """Return everything that is wrong or odd about listed files; arguments as `check_data`."""
    records = listing.records

    def inspect(record: Record) -> _Inspection:
        return _inspect(record, limits, with_thumbnail=lookalikes)

    inspections: list[_Inspection] = []
    with ThreadPoolExecutor(workers or min(8, count_processors())) as pool:
        for done, inspection in enumerate(pool.map(inspect, records), start=1):
            inspections.append(inspection)
            if progress is not None:
                progress(done, len(records))
    findings = [*listing.findings, *_check_presence(listing)]
    findings += [finding for inspection in inspections for finding in inspection.findings]
    identical = _find_identical(records)
    findings += identical
    if lookalikes:
        identical_names = {f.name for f in identical}
        findings += _find_lookalikes(records, inspections, identical_names, progress)
    sizes = [inspection.size for inspection in inspections if inspection.size]
    counts = {
        "photographs": len(records),
        "readable": len(sizes),
        "masks": sum(record.mask is not None for record in records),
    }
    return make_report(findings, counts, _describe_sizes(sizes))


def _check_presence(listing: Listing) -> list[Finding]:
    findings = []
    if not listing.records:
        text = "no photographs, expected .jpg, .jpeg or .png"
        findings.append(Finding("no_photographs", "error", listing.images.name, text))
    if listing.masks is None:
        text = "no folder of masks: good for predicting, not for training"
        findings.append(Finding("no_masks", "warning", listing.images.name, text))
    return findings


def _inspect(record: Record, limits: Limits, *, with_thumbnail: bool) -> _Inspection:
    inspection = _Inspection()
    name = record.image.name
    try:
        photograph = read_image(record.image, limits)
    except ImageError as error:
        inspection.findings.append(Finding(error.code, "error", name, _sentence(error, name)))
    else:
        inspection.size = (photograph.pixels.shape[0], photograph.pixels.shape[1])
        inspection.findings += [
            Finding("odd_photograph", "warning", name, text) for text in photograph.warnings
        ]
        if with_thumbnail:
            inspection.thumbnail = make_thumbnail(photograph.pixels)
    if record.mask is not None:
        inspection.findings += _inspect_mask(record.mask, inspection.size)
    return inspection


def _inspect_mask(path: Path, size: tuple[int, int] | None) -> list[Finding]:
    try:
        truth = read_truth(path, size)
    except ImageError as error:
        code = error.code if error.code.startswith("mask_") else f"mask_{error.code}"
        return [Finding(code, "error", path.name, _sentence(error, path.name))]
    findings = [Finding("odd_mask", "warning", path.name, text) for text in truth.warnings]
    if not truth.mask.any():
        findings.append(Finding("empty_mask", "warning", path.name, "no lesion at all"))
    elif truth.mask.all():
        text = "the whole photograph is lesion"
        findings.append(Finding("full_mask", "warning", path.name, text))
    return findings


def _sentence(error: ImageError, name: str) -> str:
    # The name has a column of its own.
    return str(error).removeprefix(f"{describe(Path(name))}: ")


def _find_identical(records: Iterable[Record]) -> list[Finding]:
    by_size: dict[int, list[Path]] = defaultdict(list)
    for record in records:
        try:
            by_size[record.image.stat().st_size].append(record.image)
        except OSError:
            continue  # Vanished meanwhile: reading it has said so.
    findings = []
    for size, paths in by_size.items():
        # Hashing only files of equal length leaves most of a large folder unread.
        originals: dict[str, Path] = {}
        for path in paths if size and len(paths) > 1 else ():
            original = originals.setdefault(_digest(path), path)
            if original is not path:
                text = f"the very same file as {describe(original)}"
                findings.append(Finding("identical_files", "warning", path.name, text))
    return findings


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return path.name


def _find_lookalikes(
    records: Sequence[Record],
    inspections: Sequence[_Inspection],
    identical: set[str],
    progress: Callable[[int, int], None] | None,
) -> list[Finding]:
    thumbnails = {
        record.image_id: inspection.thumbnail
        for record, inspection in zip(records, inspections, strict=True)
        if inspection.thumbnail is not None and record.image.name not in identical
    }
    return [
        Finding("lookalike", "info", second, f"shows what {describe(Path(first))} shows")
        for first, second in pair_thumbnails(thumbnails, progress)
    ]


def make_report(
    findings: Iterable[Finding], counts: dict[str, int], sizes: dict[str, float]
) -> Report:
    """Return a report with its findings in order and errors and warnings counted."""
    ordered = sorted(findings, key=lambda f: (_RANKS[f.severity], f.code, f.name, f.text))
    severities = Counter(finding.severity for finding in ordered)
    totals = {"errors": severities["error"], "warnings": severities["warning"]}
    return Report(tuple(ordered), counts | totals, sizes)


def _describe_sizes(sizes: Sequence[tuple[int, int]]) -> dict[str, float]:
    if not sizes:
        return {}
    described: dict[str, float] = {"different": len(set(sizes))}
    for place, side in enumerate(("height", "width")):
        lengths = [size[place] for size in sizes]
        described[f"{side}_min"] = min(lengths)
        described[f"{side}_median"] = median(lengths)
        described[f"{side}_max"] = max(lengths)
    return described
