"""Tuning against sums done by hand, and against noise that has nothing to choose from."""

import json
import math

import numpy as np
import pytest

from nevus.errors import DataError, RecipeError
from nevus.evaluation import tuning
from nevus.evaluation.tuning import (
    DEFAULT_CANDIDATES,
    Case,
    score_threshold_jaccard,
    tune_steps,
)
from nevus.inference.postprocess import check_steps, run_steps

CUTS = {f"cut {value}": ({"name": "threshold", "value": value},) for value in (0.5, 0.3, 0.7)}


def make_case(lesion: float, skin: float, size: tuple[int, int] = (10, 12)) -> Case:
    """Return a case whose lesion, the left third, has one probability and the skin another."""
    truth = np.zeros(size, dtype=np.bool_)
    truth[:, : size[1] // 3] = True
    probability = np.where(truth, lesion, skin).astype(np.float32)
    return Case(probability, np.full((*size, 3), 128, dtype=np.uint8), truth)


def test_scores_gains_and_order() -> None:
    # Above .5: right, empty, right; above .3: right, right, all; above .7: right, empty, empty.
    cases = [make_case(0.9, 0.1), make_case(0.4, 0.1), make_case(0.6, 0.35)]
    found = tune_steps(iter(cases), CUTS)
    assert [result.name for result in found.results] == ["cut 0.5", "cut 0.3", "cut 0.7"]
    assert [result.score for result in found.results] == pytest.approx([2 / 3, 2 / 3, 1 / 3])
    assert [result.gain for result in found.results] == pytest.approx([0, 0, -1 / 3])
    assert found.results[1].scores == (1, 1, 0)
    assert found.best.steps == CUTS["cut 0.5"]
    assert found.best.gain_interval == (0, 0)
    low, high = found.results[2].gain_interval
    assert low == pytest.approx(-1)
    assert high == 0
    assert found.baseline == "cut 0.5"


def test_score_is_zero_below_65_percent() -> None:
    truth = np.zeros((1, 100), dtype=np.bool_)
    truth[0, :65] = True
    whole = np.ones_like(truth)
    assert score_threshold_jaccard(truth, whole) == 0.65
    truth[0, 64] = False
    assert score_threshold_jaccard(truth, whole) == 0


def test_cases_may_differ_in_size_and_score_is_free() -> None:
    cases = [make_case(0.9, 0.1), make_case(0.9, 0.1, (20, 9))]
    found = tune_steps(cases, CUTS, lambda truth, mask: float(mask.shape[0]))
    assert found.best.scores == (10, 20)


def test_crossfitted_score_does_not_flatter() -> None:
    # Twenty candidates that differ by noise alone: the best looks better than any of them is.
    tables = np.random.default_rng(0).random((30, 40, 20))
    best = np.mean([table.mean(axis=0).max() for table in tables])
    crossfitted = np.mean([tuning._crossfit(t, np.random.default_rng(1)) for t in tables])
    assert best > 0.57
    assert crossfitted == pytest.approx(0.5, abs=0.015)


def test_crossfitted_score_finds_what_is_really_better() -> None:
    table = np.random.default_rng(0).random((40, 5)) / 10
    table[:, 3] += 0.5
    assert tuning._crossfit(table, np.random.default_rng(1)) == pytest.approx(table[:, 3].mean())


def test_repeats_itself_and_the_seed_matters() -> None:
    generator = np.random.default_rng(2)
    cases = [make_case(*generator.random(2)) for _ in range(9)]
    assert tune_steps(cases, CUTS) == tune_steps(cases, CUTS)
    assert tune_steps(cases, CUTS, seed=1).crossfitted != tune_steps(cases, CUTS).crossfitted


def test_shared_beginnings_run_once_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(3)
    probability = generator.random((40, 50), dtype=np.float32)
    pixels = generator.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    calls = []

    def count_calls(spec: dict, *arrays: np.ndarray) -> np.ndarray:
        calls.append(spec["name"])
        return run_step(spec, *arrays)

    run_step = tuning.run_step
    monkeypatch.setattr(tuning, "run_step", count_calls)
    chains = {**DEFAULT_CANDIDATES, "nothing": ()}
    masks = dict(tuning._run_all(list(chains.items()), probability, pixels))
    for name, chain in chains.items():
        np.testing.assert_array_equal(masks[name], run_steps(chain, probability, pixels))
    # Once with customary and once with light weights.
    assert calls.count("crf") == 2


def test_default_candidates_can_run_and_differ() -> None:
    chains = [json.dumps(chain) for chain in DEFAULT_CANDIDATES.values()]
    assert len(set(chains)) == len(chains)
    for chain in DEFAULT_CANDIDATES.values():
        check_steps(chain)


def test_json_has_everything_and_no_nan() -> None:
    found = tune_steps([make_case(0.9, 0.1)], CUTS)
    assert math.isnan(found.crossfitted)
    answer = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert answer["n"] == 1
    assert answer["best"] == "cut 0.5"
    assert answer["crossfitted"] is None
    assert answer["candidates"][1] == {
        "name": "cut 0.3",
        "steps": [{"name": "threshold", "value": 0.3}],
        "score": 1.0,
        "gain": 0.0,
        "gain_ci95": [None, None],
    }


def test_nothing_to_tune_is_refused() -> None:
    with pytest.raises(DataError, match="no cases"):
        tune_steps([], CUTS)
    with pytest.raises(RecipeError, match="no post-processing candidates"):
        tune_steps([make_case(0.9, 0.1)], {})
    with pytest.raises(RecipeError, match="did you mean largest"):
        tune_steps([make_case(0.9, 0.1)], {"bad": ({"name": "larges"},)})
