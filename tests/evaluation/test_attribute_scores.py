import csv
from pathlib import Path

import numpy as np
import pytest

from nevus.errors import DataError
from nevus.evaluation.attribute_scores import score_attributes, write_csv
from nevus.imaging.masks import write_mask
from nevus.labels import ATTRIBUTES, attribute_name

SIZE = (8, 10)


def write_set(folder: Path, masks: dict[str, np.ndarray]) -> Path:
    """Write (5, H, W) masks of each photograph."""
    folder.mkdir(parents=True, exist_ok=True)
    for image_id, five in masks.items():
        for name, mask in zip(ATTRIBUTES, five, strict=True):
            write_mask(folder / attribute_name(image_id, name), mask)
    return folder


def draw(seed: int, count: int = 4) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    sizes = [SIZE, (16, 10), SIZE, (5, 40)]
    # The same photographs in every set, whatever the seed; attribute 2 is always empty.
    shares = np.array([0.4, 0.1, 0, 0.02, 0.3])[:, None, None]
    return {
        f"ISIC_{index:07d}": generator.random((5, *sizes[index % 4])) < shares
        for index in range(count)
    }


def score_slowly(truth: dict[str, np.ndarray], prediction: dict[str, np.ndarray]) -> list[float]:
    """Return pooled Jaccard and Dice, then each attribute's Jaccard, pixel by pixel."""
    sums = np.zeros((5, 3))
    for image_id, five in truth.items():
        for place in range(5):
            t, p = five[place].ravel(), prediction[image_id][place].ravel()
            for a, b in zip(t, p, strict=True):
                sums[place] += np.array([a and b, b and not a, a and not b]) / t.size
    tp, fp, fn = sums.sum(axis=0)
    each = [row[0] / row.sum() if row.sum() else 1.0 for row in sums]
    return [tp / (tp + fp + fn), 2 * tp / (2 * tp + fp + fn), *each]


@pytest.mark.parametrize("seed", [1, 2])
def test_scores_equal_a_slow_twin(seed: int, tmp_path: Path) -> None:
    truth, prediction = draw(0), draw(seed)
    scores = score_attributes(
        write_set(tmp_path / "t", truth), write_set(tmp_path / "p", prediction)
    )
    each = scores.per_attribute()
    found = [scores.pooled_jaccard, scores.pooled_dice, *(each[a]["jaccard"] for a in ATTRIBUTES)]
    assert found == pytest.approx(score_slowly(truth, prediction), abs=1e-12)
    assert each["streaks"] == {"jaccard": 1.0, "dice": 1.0, "photographs": 0}
    low, high = scores.ci95["pooled_jaccard"]
    assert low <= scores.pooled_jaccard <= high
    answer = scores.to_json()
    assert answer["n"] == 4
    assert set(answer["per_attribute"]) == set(ATTRIBUTES)


def test_photographs_of_all_sizes_weigh_the_same(tmp_path: Path) -> None:
    small, large = np.zeros((5, 4, 4), bool), np.zeros((5, 40, 40), bool)
    small[0, :2] = True
    large[0, :20] = True
    truth = write_set(tmp_path / "t", {"ISIC_0000001": small, "ISIC_0000002": large})
    none = {"ISIC_0000001": small, "ISIC_0000002": np.zeros_like(large)}
    # Half found in one photograph, the other half missed: 1 of 2 shares.
    scores = score_attributes(truth, write_set(tmp_path / "p", none))
    assert scores.pooled_jaccard == pytest.approx(0.5)


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    masks = draw(0)
    truth, prediction = write_set(tmp_path / "t", masks), write_set(tmp_path / "p", masks)
    (prediction / attribute_name("ISIC_0000000", "streaks")).unlink()
    globules = prediction / attribute_name("ISIC_0000001", "globules")
    globules.rename(prediction / "ISIC_0000001_attribute_globule.png")
    with pytest.raises(DataError) as caught:
        score_attributes(truth, prediction)
    text = "; ".join(caught.value.problems)
    assert "ISIC_0000000 has no prediction of streaks" in text
    assert "ISIC_0000001 has no prediction of globules" in text
    assert "attribute_globule.png' names no photograph and attribute" in text


def test_wrong_sizes_and_strangers(tmp_path: Path) -> None:
    masks = draw(0)
    truth, prediction = write_set(tmp_path / "t", masks), write_set(tmp_path / "p", masks)
    write_set(prediction, {"ISIC_0000009": masks["ISIC_0000000"]})
    with pytest.raises(DataError, match="ISIC_0000009 has predictions and no truth"):
        score_attributes(truth, prediction)
    write_mask(prediction / attribute_name("ISIC_0000002", "globules"), np.zeros((3, 3), bool))
    with pytest.raises(DataError, match="is 3 x 3, its truth 8 x 10"):
        score_attributes(truth, prediction, subset=True)


def test_a_subset_is_scored_and_said(tmp_path: Path) -> None:
    masks = draw(0)
    truth = write_set(tmp_path / "t", masks)
    part = write_set(tmp_path / "p", {i: masks[i] for i in ("ISIC_0000001", "ISIC_0000003")})
    scores = score_attributes(truth, part, subset=True)
    assert (scores.n, scores.left_out) == (2, ("ISIC_0000000", "ISIC_0000002"))
    assert scores.pooled_jaccard == 1.0
    write_csv(tmp_path / "s.csv", scores)
    with (tmp_path / "s.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10
    assert sum(float(rows[0][k]) for k in ("tp", "fp", "fn", "tn")) == pytest.approx(1)
