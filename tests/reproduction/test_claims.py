"""The rule that decides what our numbers say of the paper's claims."""

import math

import pytest

from nevus.reproduction.claims import judge
from nevus.reproduction.pooling import Pooled
from nevus.reproduction.rows import ClaimSpec

GAIN = ClaimSpec(name="g", text="G", better="a", worse="b", gain=0.06)
NONE = ClaimSpec(name="n", text="N", better="a", worse="b", gain=0.01, kind="no gain")


@pytest.mark.parametrize(
    ("claim", "low", "high", "verdict"),
    [
        (GAIN, 0.01, 0.05, "supported"),
        (GAIN, 0.01, 0.09, "supported"),
        (GAIN, -0.01, 0.05, "undecided"),
        (GAIN, -0.01, 0.02, "not supported"),
        (GAIN, -0.05, -0.01, "not supported"),
        (NONE, -0.02, 0.005, "supported"),
        (NONE, -0.02, -0.01, "supported"),
        (NONE, -0.02, 0.02, "undecided"),
        (NONE, 0.001, 0.02, "not supported"),
        (NONE, 0.001, 0.005, "not supported"),
        (GAIN, math.nan, math.nan, "undecided"),
    ],
)
def test_rule(claim: ClaimSpec, low: float, high: float, verdict: str) -> None:
    given = judge(claim, Pooled((low + high) / 2, low, high, 100), folds=2)
    assert given.verdict == verdict
    assert given.folds == 2


def test_a_smaller_gain_is_said_to_be_smaller() -> None:
    assert "smaller than the 0.06" in judge(GAIN, Pooled(0.03, 0.01, 0.05, 9)).reason
    assert "smaller" not in judge(GAIN, Pooled(0.05, 0.01, 0.09, 9)).reason


def test_no_result_no_verdict() -> None:
    assert judge(GAIN, None).verdict == "not run"
