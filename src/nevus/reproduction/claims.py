"""The paper's claims against our numbers, by one stated rule."""

import math
from dataclasses import dataclass

from nevus.reproduction.pooling import Pooled
from nevus.reproduction.rows import ClaimSpec

RULE = (
    "The rule: d is the difference of the two rows' scores on the photographs both scored, with "
    "its 95 % paired bootstrap interval. A claimed gain is supported where the whole interval lies "
    "above 0; not supported where it lies below half of what the paper claims and does not lie "
    "above 0; else undecided. That something gains nothing is supported where the whole interval "
    "lies below the least gain that would count; not supported where it lies above 0; else "
    "undecided. The interval tells of photographs, not of seeds: one training a row and fold."
)


@dataclass(frozen=True)
class Verdict:
    """What our numbers say of a claim.

    Attributes:
        claim: The paper's.
        verdict: ``supported``, ``not supported``, ``undecided`` or ``not run``.
        reason: Why, in a few words.
        difference: First row minus second; None where one was not run.
        folds: Folds that both rows have.
    """

    claim: ClaimSpec
    verdict: str
    reason: str
    difference: Pooled | None
    folds: int = 0


def judge(claim: ClaimSpec, difference: Pooled | None, *, folds: int = 0) -> Verdict:
    """Return what a difference says of a claim, by `RULE`."""
    if difference is None:
        return Verdict(claim, "not run", "one of the two rows has no result", None)
    low, high = difference.low, difference.high
    if math.isnan(low) or math.isnan(high):
        verdict, reason = "undecided", "nothing is known of the spread"
    elif claim.kind == "gain":
        verdict, reason = _judge_gain(low, high, claim.gain)
    else:
        verdict, reason = _judge_no_gain(low, high, claim.gain)
    return Verdict(claim, verdict, reason, difference, folds)


def _judge_gain(low: float, high: float, gain: float) -> tuple[str, str]:
    if low > 0:
        smaller = f"; smaller than the {gain:g} claimed" if high < gain else ""
        return "supported", f"the interval lies above 0{smaller}"
    if high < 0:
        return "not supported", "the interval lies below 0"
    if high < gain / 2:
        return "not supported", f"the interval lies below {gain / 2:g}, half of what is claimed"
    return "undecided", f"the interval holds 0 and {gain / 2:g}"


def _judge_no_gain(low: float, high: float, gain: float) -> tuple[str, str]:
    if low > 0:
        return "not supported", "the interval lies above 0"
    if high < gain:
        return "supported", f"the interval lies below {gain:g}"
    return "undecided", f"the interval holds 0 and {gain:g}"
