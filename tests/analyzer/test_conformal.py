"""Conformal sets: by hand, and by what they promise."""

import itertools
import math

import numpy as np
import pytest

from nevus.analyzer.conformal import conformal_set, find_level
from nevus.errors import UsageError
from nevus.labels import DIAGNOSES

SCORES = {key: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] for key in DIAGNOSES}


@pytest.mark.parametrize(
    ("coverage", "level"), [(0.9, 0.9), (0.8, 0.8), (0.5, 0.5), (0.95, math.inf), (0.05, 0.1)]
)
def test_level_by_hand(coverage: float, level: float) -> None:
    # Nine scores: the ceil(10 c)-th smallest.
    assert find_level(SCORES["MEL"], coverage) == level


def test_no_scores_rule_nothing_out() -> None:
    assert find_level([], 0.9) == math.inf
    assert set(conformal_set(np.full(7, 1 / 7), {}, 0.9)) == set(DIAGNOSES)


def test_set_by_hand() -> None:
    probabilities = np.array([0.30, 0.55, 0.05, 0.04, 0.03, 0.02, 0.01])
    # 1 - p <= 0.7 keeps MEL and NV; BCC has stricter photographs of its own, DF has none.
    scores = SCORES | {"BCC": [0.01] * 9, "DF": []}
    assert conformal_set(probabilities, scores, 0.7) == ("NV", "MEL", "DF")


def test_never_empty() -> None:
    strict = dict.fromkeys(DIAGNOSES, [0.0] * 50)
    assert conformal_set(np.full(7, 1 / 7), strict, 0.5) == ("MEL",)


@pytest.mark.parametrize("coverage", [0.0, 1.0, -1.0, 2.0, math.nan])
def test_no_such_coverage(coverage: float) -> None:
    with pytest.raises(UsageError, match="coverage"):
        conformal_set(np.full(7, 1 / 7), SCORES, coverage)


def test_larger_coverage_larger_sets() -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(7))
    sets = [set(conformal_set(probabilities, SCORES, c)) for c in (0.1, 0.3, 0.5, 0.7, 0.9)]
    assert all(small <= large for small, large in itertools.pairwise(sets))


def test_each_diagnosis_is_held_as_often_as_promised() -> None:
    """Drawn cases of a rare and a common class: both are covered, the rare one too."""
    generator = np.random.default_rng(1)

    def draw(label: int, count: int) -> np.ndarray:
        alpha = np.ones(7)
        alpha[label] = 3 if label else 1.5
        return generator.dirichlet(alpha, count)

    counts = {0: 60, 1: 900}
    scores = {
        name: sorted(1 - draw(label, counts.get(label, 100))[:, label])
        for label, name in enumerate(DIAGNOSES)
    }
    for label in (0, 1):
        drawn = draw(label, 3000)
        held = [DIAGNOSES[label] in conformal_set(row, scores, 0.9) for row in drawn]
        # The level itself is random: a beta distribution of mean 0.9.
        assert np.mean(held) > 0.83
