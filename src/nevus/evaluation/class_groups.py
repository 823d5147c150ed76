"""Task 3 scores of women and men, of age bands, of parts of the body."""

from collections import Counter
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from nevus.evaluation.class_cases import ClassCases, find_confusion_intervals
from nevus.evaluation.class_results import GroupScores
from nevus.evaluation.patient_facts import GROUPINGS, UNKNOWN, Facts
from nevus.labels import DIAGNOSES
from nevus.metrics.classes import accuracy, balanced_accuracy, recall

OTHER: Final = "other"
"""Where the smallest groups go if there are more than `MOST_GROUPS`."""

MOST_GROUPS: Final = 40

_MELANOMA: Final = DIAGNOSES.index("MEL")


def score_groups(cases: ClassCases) -> dict[str, dict[str, GroupScores]]:
    """Return grouping -> group -> scores; a grouping nothing is known about is left out."""
    found: dict[str, dict[str, GroupScores]] = {}
    for grouping, name_group in GROUPINGS.items():
        names = _name_groups(cases.facts, name_group)
        groups = sorted(set(names.tolist()), key=_place_group)
        if groups != [UNKNOWN]:
            found[grouping] = {name: _score_group(cases.choose(names == name)) for name in groups}
    return found


def _name_groups(
    facts: tuple[Facts, ...], name_group: Callable[[Facts], str]
) -> npt.NDArray[np.str_]:
    names = [name_group(one) for one in facts]
    kept = {name for name, _ in Counter(names).most_common(MOST_GROUPS)}
    return np.array([name if name in kept else OTHER for name in names])


def _place_group(name: str) -> tuple[bool, bool, str]:
    # The youngest band begins with a word and would stand behind the others.
    return name == UNKNOWN, not name.startswith("under "), name


def _score_group(cases: ClassCases) -> GroupScores:
    confusion = cases.count()
    shares = recall(confusion)
    intervals = find_confusion_intervals(cases)
    return GroupScores(
        n=cases.n,
        units=int(np.unique(cases.units).size),
        classes=int((~np.isnan(shares)).sum()),
        balanced_accuracy=balanced_accuracy(confusion),
        accuracy=accuracy(confusion),
        melanomas=int((cases.truth == _MELANOMA).sum()),
        melanoma_recall=float(shares[_MELANOMA]),
        ci95={
            "balanced_accuracy": intervals["balanced_accuracy"],
            "accuracy": intervals["accuracy"],
            "melanoma_recall": intervals[f"recall_{DIAGNOSES[_MELANOMA]}"],
        },
    )
