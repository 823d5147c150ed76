"""Task 3's truth from wherever training takes it: a CSV, or any data root with diagnoses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nevus.data.cases import Case, find_cases
from nevus.errors import DataError, UsageError
from nevus.evaluation.class_tables import ClassTable, find_truth_table, read_truth
from nevus.evaluation.patient_facts import Facts, find_facts
from nevus.labels import DIAGNOSES
from nevus.metrics.classes import UNWEIGHTED_IMAGES


@dataclass(frozen=True)
class ClassTruth:
    """Diagnoses, and what is known besides.

    Attributes:
        table: One-hot diagnoses.
        facts: image_id -> lesion, age, sex, site, as far as known.
    """

    table: ClassTable
    facts: Mapping[str, Facts]


def load_truth(place: Path, metadata: Path | None = None) -> ClassTruth:
    """Return the truth of a CSV, of the folder that holds it, or of a data root.

    Args:
        place: Where `find_truth_table` finds a CSV; or a root that `find_cases` understands, such
            as a folder per diagnosis.
        metadata: As in `find_facts`.

    Raises:
        DataError: The table breaks a rule.
        UsageError: There is neither.
    """
    try:
        path = find_truth_table(place)
    except UsageError:
        cases = _find_cases(place)
        if not cases:
            raise
        facts = find_facts(place, metadata) if metadata else {c.image_id: _tell(c) for c in cases}
        return ClassTruth(_make_table(cases), facts)
    return ClassTruth(read_truth(path), find_facts(path, metadata))


def _find_cases(place: Path) -> tuple[Case, ...]:
    try:
        return find_cases(place) if place.is_dir() else ()
    except DataError:
        # What was looked for in the first place is a CSV; its absence is the error to tell.
        return ()


def _tell(case: Case) -> Facts:
    return Facts(case.lesion_id, case.age, case.sex, case.site)


def _make_table(cases: Sequence[Case]) -> ClassTable:
    ordered = sorted(cases, key=lambda case: case.image_id)
    labels = [DIAGNOSES.index(case.diagnosis) for case in ordered]
    weights = [0.0 if case.image_id in UNWEIGHTED_IMAGES else 1.0 for case in ordered]
    return ClassTable(
        tuple(case.image_id for case in ordered),
        np.eye(len(DIAGNOSES))[labels],
        np.array(weights, dtype=np.float64),
    )
