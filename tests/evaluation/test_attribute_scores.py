import csv
import json
import math
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nevus.errors import DataError, UsageError
from nevus.evaluation.attribute_scores import (
    make_attribute_scores,
    score_attributes,
    write_csv,
)
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
    assert "attribute_globule.png': 'globule' is no attribute; did you mean globules?" in text
    assert "--subset" not in str(caught.value)


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


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    masks = draw(0)
    return write_set(tmp_path / "t", masks), write_set(tmp_path / "p", masks)


def find_problems(truth: Path, prediction: Path) -> str:
    with pytest.raises(DataError) as caught:
        score_attributes(truth, prediction)
    assert "\n" not in str(caught.value)
    return "; ".join(caught.value.problems)


def test_an_attribute_that_is_nowhere_is_decided_by_false_findings(tmp_path: Path) -> None:
    masks = {image_id: five.copy() for image_id, five in draw(0).items()}
    truth = write_set(tmp_path / "t", masks)
    masks["ISIC_0000002"][2, 0, 0] = True
    scores = score_attributes(truth, write_set(tmp_path / "p", masks))
    assert scores.per_attribute()["streaks"] == {"jaccard": 0.0, "dice": 0.0, "photographs": 0}
    assert scores.pooled_jaccard < 1


def test_everything_empty_is_perfect(tmp_path: Path) -> None:
    empty = {"ISIC_0000001": np.zeros((5, 4, 4), bool), "ISIC_0000002": np.zeros((5, 4, 4), bool)}
    truth = write_set(tmp_path / "t", empty)
    scores = score_attributes(truth, write_set(tmp_path / "p", empty))
    assert (scores.pooled_jaccard, scores.pooled_dice) == (1.0, 1.0)
    assert scores.to_json()["ci95"]["pooled_jaccard"] == [1.0, 1.0]


def test_zips_score_as_their_folders(sides: tuple[Path, Path], tmp_path: Path) -> None:
    truth, _ = sides
    prediction = write_set(tmp_path / "q", draw(3))
    (prediction / "presences.json").write_text(json.dumps(tell(score=0.5)), encoding="utf-8")
    zips = [Path(shutil.make_archive(str(side), "zip", side)) for side in (truth, prediction)]
    plain, packed = score_attributes(truth, prediction), score_attributes(*zips, workers=1)
    assert plain.to_json() == packed.to_json()
    assert packed.likely is not None


def test_doubled_masks_of_a_zip(sides: tuple[Path, Path], tmp_path: Path) -> None:
    truth, prediction = sides
    name = attribute_name("ISIC_0000001", "streaks")
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for path in sorted(prediction.iterdir()):
            archive.write(path, f"a/{path.name}")
        archive.write(prediction / name, f"b/{name}")
    text = find_problems(truth, tmp_path / "p.zip")
    assert text == f"ISIC_0000001 has several predictions of streaks, such as {name!r}"


def test_unreadable_and_coloured_masks_are_all_named(sides: tuple[Path, Path]) -> None:
    truth, prediction = sides
    broken, colour = (attribute_name("ISIC_0000001", name) for name in ("globules", "streaks"))
    (prediction / broken).write_bytes(b"no picture")
    Image.new("RGB", SIZE[::-1]).save(prediction / colour)
    (prediction / "ISIC_0000003.png").write_bytes(b"")
    assert find_problems(truth, prediction).startswith("prediction 'ISIC_0000003.png' is not named")
    (prediction / "ISIC_0000003.png").unlink()
    text = find_problems(truth, prediction)
    assert broken in text
    assert colour in text


def test_an_incomplete_truth_is_no_truth(sides: tuple[Path, Path]) -> None:
    truth, prediction = sides
    (truth / attribute_name("ISIC_0000003", "streaks")).unlink()
    (truth / "ATTRIBUTION.txt").write_text("by them", encoding="utf-8")
    assert find_problems(truth, prediction) == "ISIC_0000003 has no truth of streaks"


def test_folders_without_anything_in_common(sides: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="no photograph has masks both in"):
        score_attributes(sides[0], tmp_path / "none", subset=True)
    with pytest.raises(DataError, match="--subset scores only"):
        score_attributes(sides[0], tmp_path / "none")


def test_data_roots_are_understood(sides: tuple[Path, Path], tmp_path: Path) -> None:
    truth, prediction = sides
    root = tmp_path / "root"
    shutil.copytree(truth, root / "isic2018" / "ISIC2018_Task2_Training_GroundTruth_v3")
    assert score_attributes(root, prediction).n == 4
    # An older publication beside it: the newest counts, as in training.
    older = root / "isic2018" / "ISIC2018_Task2_Training_GroundTruth"
    older.mkdir()
    assert score_attributes(root, prediction).n == 4
    shutil.copytree(truth, root / "isic2018" / "ISIC2018_Task2_Validation_GroundTruth")
    with pytest.raises(UsageError, match="several truth folders"):
        score_attributes(root, prediction)


def tell(*, score: float | None = None) -> dict[str, object]:
    """Return presences of the four photographs: rising, or all the same."""
    rows = {
        f"ISIC_{k:07d}": dict.fromkeys(ATTRIBUTES, k / 4 if score is None else score)
        for k in range(4)
    }
    return {"presences": rows}


def test_presences_are_scored_with_intervals(tmp_path: Path) -> None:
    masks = {f"ISIC_{k:07d}": np.zeros((5, 4, 4), bool) for k in range(4)}
    masks["ISIC_0000001"][0, 0] = masks["ISIC_0000003"][0, 0] = True
    for five in masks.values():
        five[4, 0] = True
    truth, prediction = write_set(tmp_path / "t", masks), write_set(tmp_path / "p", masks)
    (prediction / "presences.json").write_text(json.dumps(tell()), encoding="utf-8")
    scores = score_attributes(truth, prediction)
    answer = scores.to_json()["per_attribute"]
    assert answer["pigment_network"]["auc"] == pytest.approx(3 / 4)
    assert answer["pigment_network"]["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert (answer["globules"]["auc"], answer["globules"]["average_precision"]) == (None, 1.0)
    assert answer["streaks"]["average_precision"] is None
    low, high = scores.ci95["pigment_network.auc"]
    assert 0 <= low <= 3 / 4 <= high <= 1
    assert math.isnan(scores.ci95["globules.auc"][0])
    json.dumps(scores.to_json(), allow_nan=False)


def test_presences_of_some_photographs_are_refused(sides: tuple[Path, Path]) -> None:
    document = tell()
    del document["presences"]["ISIC_0000002"]
    (sides[1] / "presences.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(DataError, match="lacks 1 scored photographs, such as ISIC_0000002"):
        score_attributes(*sides)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("[1]", "holds no table 'presences'"),
        (json.dumps(tell(score=1.5)), "ISIC_0000000, pigment_network is 1.5, expected 0 to 1"),
        (json.dumps(tell(score=math.nan)), "is nan, expected"),
        (json.dumps(tell()).replace("0.25", '"x"'), "is 'x', expected"),
        (json.dumps(tell()).replace("0.25", "true"), "is True, expected"),
        (json.dumps({"presences": {f"ISIC_{k:07d}": 1 for k in range(4)}}), "is no table of"),
    ],
)
def test_broken_presences_are_named(sides: tuple[Path, Path], text: str, said: str) -> None:
    (sides[1] / "presences.json").write_text(text, encoding="utf-8")
    assert said in find_problems(*sides)


def test_the_interval_is_that_of_photographs_drawn_one_by_one() -> None:
    generator = np.random.default_rng(4)
    shares = generator.dirichlet([1, 1, 1, 6], (30, 5))
    scores = make_attribute_scores([f"{k:02d}" for k in range(30)], shares)
    drawn = shares[generator.integers(30, size=(4000, 30))].sum(axis=(1, 2))
    slow = np.quantile(drawn[:, 0] / drawn[:, :3].sum(axis=1), [0.025, 0.975])
    assert scores.ci95["pooled_jaccard"] == pytest.approx(tuple(slow), abs=0.005)
    again = make_attribute_scores([f"{k:02d}" for k in range(30)], shares)
    assert again.ci95 == scores.ci95


def test_one_photograph_has_no_interval() -> None:
    scores = make_attribute_scores(["a"], np.full((1, 5, 4), 0.25))
    assert set(scores.to_json()["ci95"].values()) == {None}


def test_a_spreadsheet_does_not_run_a_name(tmp_path: Path) -> None:
    write_csv(tmp_path / "s.csv", make_attribute_scores(["=1+1"], np.full((1, 5, 4), 0.25)))
    assert "\n'=1+1,streaks," in (tmp_path / "s.csv").read_text(encoding="utf-8")


@pytest.mark.real
def test_real_truth_against_itself(real: Path, tmp_path: Path) -> None:
    source = real / "isic2018" / "ISIC2018_Task2_Training_GroundTruth_v3"
    for path in sorted(source.glob("*.png"))[:50]:
        shutil.copy(path, tmp_path)
    scores = score_attributes(real, tmp_path, subset=True)
    assert (scores.n, scores.pooled_jaccard, len(scores.left_out)) == (10, 1.0, 2066)
