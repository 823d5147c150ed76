"""Everything that is wrong or odd about the data of task 2."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from nevus.data.attribute_masks import AttributeListing, AttributeRecord
from nevus.data.checks import Report, check_listing, make_report
from nevus.data.listing import Finding, Listing, Record
from nevus.errors import ImageError
from nevus.imaging.masks import read_truth
from nevus.imaging.reading import read_size
from nevus.labels import ATTRIBUTES

_NOT_ASKED = frozenset({"no_masks"})


@dataclass
class _Inspected:
    findings: list[Finding] = field(default_factory=list)
    present: list[str] = field(default_factory=list)


def check_attributes(
    listing: AttributeListing,
    *,
    lookalikes: bool = True,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Return everything that is wrong or odd; every photograph and mask is opened.

    Args:
        listing: `nevus.data.attribute_masks.find_attribute_listing`.
        lookalikes: As in `nevus.data.checks.check_data`.
        workers: Threads that decode; by default one per core, at most eight.
        progress: Called with (done, total).
    """
    records = tuple(Record(record.image_id, record.image) for record in listing.records)
    files = check_listing(
        Listing(listing.images, None, records, listing.findings),
        lookalikes=lookalikes,
        workers=workers,
        progress=progress,
    )
    findings = [finding for finding in files.findings if finding.code not in _NOT_ASKED]
    counts = dict.fromkeys(ATTRIBUTES, 0)
    with ThreadPoolExecutor(workers or 2) as pool:
        for inspected in pool.map(_inspect, listing.records):
            findings += inspected.findings
            for name in inspected.present:
                counts[name] += 1
    for name, number in counts.items():
        if listing.records and not number:
            text = "in no photograph: its Jaccard is decided by false findings alone"
            findings.append(Finding("empty_attribute", "warning", name, text))
    known = {name: n for name, n in files.counts.items() if name != "masks"}
    report = make_report(findings, known, files.sizes)
    return replace(report, tables={"photographs with each attribute": counts})


def _inspect(record: AttributeRecord) -> _Inspected:
    inspected = _Inspected()
    try:
        size = read_size(record.image)
    except ImageError:
        # The check of photographs has said so.
        return inspected
    for name, path in record.masks.items():
        try:
            truth = read_truth(path, size=size)
        except ImageError as error:
            code = f"mask_{error.code.removeprefix('mask_')}"
            finding = Finding(code, "error", path.name, str(error))
            inspected.findings.append(finding)
            continue
        inspected.findings += [
            Finding("odd_mask", "warning", path.name, text) for text in truth.warnings
        ]
        if truth.mask.any():
            inspected.present.append(name)
    return inspected
