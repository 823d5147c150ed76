"""Choosing post-processing on validation data, and saying how much the choice flatters itself."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nevus.errors import DataError, RecipeError
from nevus.evaluation.bootstrap import interval
from nevus.inference.postprocess import (
    CHALLENGE_STEPS,
    PAPER_STEPS,
    Spec,
    check_steps,
    run_step,
    run_steps,
)
from nevus.metrics.masks import count, threshold_jaccard

Mask = npt.NDArray[np.bool_]
Score = Callable[[Mask, Mask], float]
"""A function (truth, prediction) -> score, higher is better."""
Chain = tuple[Spec, ...]
Candidates = Mapping[str, Sequence[Spec]]
"""Chains of steps by a name for the table; the first is what the others are compared with."""

HALVINGS: Final = 50


@dataclass(frozen=True)
class Case:
    """A photograph of the validation data, at its own size.

    Args:
        probability: (H, W) float32 in [0, 1], what the network says.
        pixels: (H, W, 3) uint8 RGB.
        truth: (H, W) bool.
    """

    probability: npt.NDArray[np.float32]
    pixels: npt.NDArray[np.uint8]
    truth: Mask


@dataclass(frozen=True)
class Result:
    """How one candidate did.

    Args:
        name: Its name among the candidates.
        steps: The chain, ready for a recipe.
        score: Mean over all cases.
        gain: Mean difference to the first candidate.
        gain_interval: 95 % bootstrap interval of the gain, over pairs of the same photograph.
        scores: One for each case, in order.
    """

    name: str
    steps: Chain
    score: float
    gain: float
    gain_interval: tuple[float, float]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Tuning:
    """All candidates, best first, and what choosing among them is worth.

    Args:
        results: Best first; of equal scores the one named earlier first.
        baseline: Name of the first candidate.
        crossfitted: Mean score of cases with the candidate that was best on the other half of
            the cases: what to expect on new photographs from choosing in this way. nan for a
            single case.
        crossfitted_gain: The same less the first candidate's score.
    """

    results: tuple[Result, ...]
    baseline: str
    crossfitted: float
    crossfitted_gain: float

    @property
    def best(self) -> Result:
        """The candidate with the highest mean; its score flatters, `crossfitted` does not."""
        return self.results[0]

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a file or the command line."""
        return {
            "n": len(self.best.scores),
            "best": self.best.name,
            "baseline": self.baseline,
            "crossfitted": _drop_nan(self.crossfitted),
            "crossfitted_gain": _drop_nan(self.crossfitted_gain),
            "candidates": [
                {
                    "name": result.name,
                    "steps": [dict(step) for step in result.steps],
                    "score": result.score,
                    "gain": result.gain,
                    "gain_ci95": [_drop_nan(end) for end in result.gain_interval],
                }
                for result in self.results
            ],
        }


def score_threshold_jaccard(truth: Mask, prediction: Mask) -> float:
    """Return task 1's score of one photograph: the Jaccard, 0 below .65."""
    return threshold_jaccard(count(truth, prediction))


def _make_default_candidates() -> dict[str, Chain]:
    shape: Chain = ({"name": "open", "radius": 5}, {"name": "close", "radius": 5})
    crf: Chain = ({"name": "crf"},)
    candidates: dict[str, Chain] = {"threshold .5": ({"name": "threshold", "value": 0.5},)}
    for value in (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6):
        cut: Chain = ({"name": "threshold", "value": value},)
        label = f"threshold {value:g}".replace("0.", ".")
        candidates[f"{label}, largest, fill"] = cut + CHALLENGE_STEPS
    for value in (0.3, 0.4, 0.5):
        cut = ({"name": "threshold", "value": value},)
        label = f"threshold {value:g}".replace("0.", ".")
        candidates[f"{label}, open, close, largest, fill"] = cut + shape + CHALLENGE_STEPS
    for value in (0.3, 0.4, 0.5):
        cut = ({"name": "threshold", "value": value},)
        label = f"crf, threshold {value:g}".replace("0.", ".")
        candidates[f"{label}, largest, fill"] = crf + cut + CHALLENGE_STEPS
    light: Chain = ({"name": "crf", "bilateral_weight": 4},)
    candidates["light crf, largest, fill"] = light + CHALLENGE_STEPS
    candidates["paper"] = PAPER_STEPS
    return candidates


DEFAULT_CANDIDATES: Final[Candidates] = MappingProxyType(_make_default_candidates())
"""Thresholds, morphology and CRF, from a plain threshold to the paper's chain."""


def tune_steps(
    cases: Iterable[Case],
    candidates: Candidates = DEFAULT_CANDIDATES,
    score: Score = score_threshold_jaccard,
    *,
    seed: int = 0,
) -> Tuning:
    """Score every chain of steps on every case; see `Tuning` for what comes back.

    Cases are read one after the other and not kept; steps that several candidates begin with
    are run once.

    Args:
        cases: Validation data, never the photographs the final score is reported on.
        candidates: Chains by name, the first one being what the others are compared with.
        score: (truth, prediction) -> number, higher is better.
        seed: Of the halvings and the bootstrap.

    Raises:
        RecipeError: A chain is wrong, or there is none.
        DataError: There are no cases.
    """
    if not candidates:
        raise RecipeError("there are no post-processing candidates, expected one or more")
    chains = {name: tuple(specs) for name, specs in candidates.items()}
    for chain in chains.values():
        check_steps(chain)
    table = np.array([_score_case(case, chains, score) for case in cases], dtype=np.float64)
    if not table.size:
        raise DataError("there are no cases to tune post-processing on", hint="one or more")
    results = [
        _summarize(name, chain, table[:, column], table[:, 0], seed)
        for column, (name, chain) in enumerate(chains.items())
    ]
    crossfitted = _crossfit(table, np.random.default_rng(seed))
    return Tuning(
        results=tuple(sorted(results, key=lambda result: -result.score)),
        baseline=results[0].name,
        crossfitted=crossfitted,
        crossfitted_gain=crossfitted - results[0].score,
    )


def _score_case(case: Case, chains: Mapping[str, Chain], score: Score) -> list[float]:
    found = {
        name: score(case.truth, mask)
        for name, mask in _run_all(list(chains.items()), case.probability, case.pixels)
    }
    return [found[name] for name in chains]


def _run_all(
    chains: list[tuple[str, Chain]],
    probability: npt.NDArray[np.float32],
    pixels: npt.NDArray[np.uint8],
) -> Iterator[tuple[str, Mask]]:
    """Yield every chain's mask; chains that begin alike share the maps on the way."""
    groups: list[tuple[Spec, list[tuple[str, Chain]]]] = []
    for name, chain in chains:
        if not chain:
            yield name, run_steps((), probability, pixels)
            continue
        rest = (name, chain[1:])
        for first, members in groups:
            if first == chain[0]:
                members.append(rest)
                break
        else:
            groups.append((chain[0], [rest]))
    for first, members in groups:
        yield from _run_all(members, run_step(first, probability, pixels), pixels)


def _summarize(
    name: str,
    chain: Chain,
    scores: npt.NDArray[np.float64],
    baseline: npt.NDArray[np.float64],
    seed: int,
) -> Result:
    gains = scores - baseline
    return Result(
        name=name,
        steps=chain,
        score=float(scores.mean()),
        gain=float(gains.mean()),
        gain_interval=interval(gains, seed=seed),
        scores=tuple(scores.tolist()),
    )


def _crossfit(table: npt.NDArray[np.float64], generator: np.random.Generator) -> float:
    """Return the mean score when each half is scored with the other half's best candidate.

    Args:
        table: (cases, candidates) scores.
        generator: Draws the halves; one halving alone would depend on its luck.
    """
    cases = len(table)
    if cases < 2:
        return float("nan")
    means = []
    for _ in range(HALVINGS):
        order = generator.permutation(cases)
        halves = order[: cases // 2], order[cases // 2 :]
        held_out = np.empty(cases)
        for choose, report in (halves, halves[::-1]):
            held_out[report] = table[report, table[choose].mean(axis=0).argmax()]
        means.append(held_out.mean())
    return float(np.mean(means))


def _drop_nan(value: float) -> float | None:
    # JSON knows no nan.
    return None if np.isnan(value) else value
