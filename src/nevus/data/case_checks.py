"""Everything that is wrong or odd about the data of task 3."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from nevus.data.case_listing import Case, CaseListing, shorten
from nevus.data.checks import Report, check_listing, make_report
from nevus.data.listing import Finding, Listing, Record
from nevus.data.lookalikes import Pair, find_lookalikes
from nevus.imaging.limits import DEFAULT_LIMITS, Limits
from nevus.labels import DIAGNOSES

_NOT_ASKED = frozenset({"no_masks", "no_photographs"})


def check_cases(
    listing: CaseListing,
    *,
    lookalikes: bool = True,
    cache: Path | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Report:
    """Return everything that is wrong or odd about cases; photographs are opened one by one.

    Args:
        listing: `nevus.data.cases.find_case_listing`.
        lookalikes: Whether to look for one picture under different lesions.
        cache: As in `nevus.data.lookalikes.find_lookalikes`.
        workers: Threads that decode; by default one per core, at most eight.
        progress: Called with (done, total).
        limits: What photographs may be.
    """
    records = tuple(Record(case.image_id, case.image) for case in listing.cases)
    files = check_listing(
        Listing(listing.place, None, records, listing.findings),
        lookalikes=False,
        workers=workers,
        progress=progress,
        limits=limits,
    )
    findings = [finding for finding in files.findings if finding.code not in _NOT_ASKED]
    findings += find_contradictions(listing.cases)
    if lookalikes:
        pairs = find_lookalikes(records, cache, workers=workers or 2, progress=progress)
        findings += describe_pairs(listing.cases, pairs)
    counts = {name: n for name, n in files.counts.items() if name != "masks"}
    counts["lesions"] = len({case.lesion_id for case in listing.cases} - {None})
    return replace(
        make_report(findings, counts, files.sizes),
        tables={
            "photographs per class": count_classes(listing.cases),
            "photographs per lesion": count_lesion_sizes(listing.cases),
        },
    )


def find_contradictions(cases: Sequence[Case]) -> list[Finding]:
    """Return what no folder or table alone shows: empty classes, lesions with two diagnoses."""
    findings: list[Finding] = []
    present = count_classes(cases)
    if not cases:
        text = "no photographs with a diagnosis"
        return [Finding("no_cases", "error", "cases", text)]
    for diagnosis in DIAGNOSES:
        if not present[diagnosis]:
            text = "no photographs: recall and balanced accuracy are not defined for it"
            findings.append(Finding("empty_class", "warning", diagnosis, text))
    if not any(case.lesion_id for case in cases):
        text = "no lesion_id anywhere: only looks keep a lesion's photographs in one fold"
        findings.append(Finding("no_lesions", "warning", "cases", text))
    diagnoses: dict[str, set[str]] = defaultdict(set)
    for case in cases:
        if case.lesion_id is not None:
            diagnoses[case.lesion_id].add(case.diagnosis)
    findings += [
        Finding("lesion_diagnoses", "warning", name, f"a lesion of {' and '.join(sorted(found))}")
        for name, found in diagnoses.items()
        if len(found) > 1
    ]
    return findings


def describe_pairs(cases: Iterable[Case], pairs: Iterable[Pair]) -> list[Finding]:
    """Return findings about look-alikes that are not known to be of one lesion."""
    known = {case.image_id: case for case in cases}
    findings: list[Finding] = []
    for first, second in pairs:
        a, b = known[first], known[second]
        if a.diagnosis != b.diagnosis:
            text = f"{b.diagnosis}, but looks like {shorten(first)}, which is {a.diagnosis}"
            findings.append(Finding("lookalike_diagnosis", "warning", second, text))
        elif a.lesion_id is None or a.lesion_id != b.lesion_id:
            text = f"looks like {shorten(first)}, without a common lesion_id"
            findings.append(Finding("lookalike", "info", second, text))
    return findings


def count_classes(cases: Iterable[Case]) -> dict[str, int]:
    """Return diagnosis to number of photographs, in the order of `DIAGNOSES`."""
    counts = Counter(case.diagnosis for case in cases)
    return {diagnosis: counts[diagnosis] for diagnosis in DIAGNOSES}


def count_lesion_sizes(cases: Iterable[Case]) -> dict[str, int]:
    """Return number of photographs to number of lesions that have as many, ascending."""
    sizes = Counter(case.lesion_id for case in cases if case.lesion_id is not None)
    return {str(size): n for size, n in sorted(Counter(sizes.values()).items())}
