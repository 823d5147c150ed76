"""Pooled scores and paired differences, against values computed by hand and slow twins."""

import math

import numpy as np
import pytest

from nevus.errors import DataError
from nevus.reproduction.pooling import (
    compare_classes,
    compare_maps,
    compare_masks,
    join_folds,
    pair_photographs,
    pool_classes,
    pool_maps,
    pool_masks,
    recall_by_class,
)


def masks(values: list[float], start: int = 0) -> dict[str, np.ndarray]:
    ids = np.array([f"p{start + place:03d}" for place in range(len(values))])
    return {"image_ids": ids, "threshold_jaccard": np.array(values), "jaccard": np.array(values)}


def classes(
    truth: list[int], labels: list[int], lesions: list[str] | None = None
) -> dict[str, np.ndarray]:
    probabilities = np.eye(7)[labels] * 0.9 + 0.01
    return {
        "image_ids": np.array([f"p{place:03d}" for place in range(len(truth))]),
        "truth": np.array(truth, np.int64),
        "probabilities": probabilities,
        "weights": np.ones(len(truth)),
        "lesions": np.array(lesions or [""] * len(truth)),
    }


def test_folds_join_in_order_of_names() -> None:
    joined = join_folds([masks([0.7, 0.8], start=2), masks([0.1, 0.2])])
    assert joined["image_ids"].tolist() == ["p000", "p001", "p002", "p003"]
    assert joined["threshold_jaccard"].tolist() == [0.1, 0.2, 0.7, 0.8]
    with pytest.raises(DataError, match="two folds"):
        join_folds([masks([0.1]), masks([0.2])])


def test_pairs_are_the_photographs_of_both() -> None:
    left, right = pair_photographs(masks([0.1, 0.2, 0.3]), masks([0.5, 0.6, 0.7], start=1))
    assert left["image_ids"].tolist() == right["image_ids"].tolist() == ["p001", "p002"]
    assert left["threshold_jaccard"].tolist() == [0.2, 0.3]
    with pytest.raises(DataError, match="both"):
        pair_photographs(masks([0.1]), masks([0.1], start=9))


def test_a_constant_gain_has_a_narrow_interval() -> None:
    values = np.random.default_rng(0).uniform(0.3, 0.9, 100)
    pooled = pool_masks(masks(values.tolist()))
    assert pooled.value == pytest.approx(values.mean())
    assert pooled.high - pooled.low > 0.04
    difference = compare_masks(masks((values + 0.05).tolist()), masks(values.tolist()))
    assert (difference.value, difference.low, difference.high) == pytest.approx((0.05,) * 3)
    assert difference.n == 100


def maps(count: int, seed: int) -> dict[str, np.ndarray]:
    shares = np.random.default_rng(seed).dirichlet([1, 1, 1, 8], size=(count, 5))
    return {"image_ids": np.array([f"p{i:03d}" for i in range(count)]), "shares": shares}


def test_maps_pool_before_they_divide() -> None:
    row = maps(40, 0)
    tp, fp, fn = row["shares"].sum(axis=(0, 1))[:3]
    pooled = pool_maps(row)
    assert pooled.value == pytest.approx(tp / (tp + fp + fn))
    other = maps(40, 1)
    difference = compare_maps(row, other)
    assert difference.value == pytest.approx(pooled.value - pool_maps(other).value)
    assert difference.low < difference.value < difference.high
    same = compare_maps(row, row)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    assert math.isnan(compare_maps(maps(1, 0), maps(1, 1)).low)


def test_classes_by_hand() -> None:
    truth = [0, 0, 1, 1, 1, 1]
    first = classes(truth, [0, 0, 1, 1, 1, 0])
    second = classes(truth, [0, 1, 1, 1, 0, 0])
    assert pool_classes(first).value == pytest.approx((1 + 0.75) / 2)
    assert recall_by_class(first) == {"MEL": 1.0, "NV": 0.75}
    difference = compare_classes(first, second)
    assert difference.value == pytest.approx((1 + 0.75) / 2 - (0.5 + 0.5) / 2)
    assert difference.low <= difference.value <= difference.high
    same = compare_classes(first, first)
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_lesions_are_drawn_whole() -> None:
    truth = [0] * 40 + [1] * 40
    right = [0, 1] * 20 + [1] * 40
    wrong = [1, 1] * 20 + [1] * 40
    singles = compare_classes(classes(truth, right), classes(truth, wrong))
    # Lesions of two photographs, one right and one wrong: each lesion gains one half.
    lesions = [f"L{place // 2}" for place in range(80)]
    paired = compare_classes(classes(truth, right, lesions), classes(truth, wrong, lesions))
    assert singles.value == paired.value == pytest.approx(0.25)
    assert (paired.low, paired.high) == pytest.approx((0.25, 0.25))
    assert singles.high - singles.low > 0.05


def test_a_class_of_one_lesion_tells_nothing_of_spread() -> None:
    row = classes([0, 1, 1, 1], [0, 1, 1, 0])
    assert math.isnan(compare_classes(row, row).low)
    assert math.isnan(pool_classes(row).low)


def test_intervals_of_classes_agree_with_a_slow_twin() -> None:
    generator = np.random.default_rng(3)
    truth = generator.integers(0, 3, 120)
    rows = [np.where(generator.random(120) < p, truth, (truth + 1) % 3) for p in (0.8, 0.6)]
    first, second = (classes(truth.tolist(), labels.tolist()) for labels in rows)
    fast = compare_classes(first, second)
    drawn = []
    for _ in range(4000):
        parts = []
        for label in range(3):
            members = np.flatnonzero(truth == label)
            chosen = generator.choice(members, members.size)
            parts.append(np.mean(rows[0][chosen] == label) - np.mean(rows[1][chosen] == label))
        drawn.append(np.mean(parts))
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert (fast.low, fast.high) == pytest.approx((low, high), abs=0.012)
