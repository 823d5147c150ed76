"""Folders of masks to numbers: by hand, against the official fixtures, and every refusal."""

import csv
import json
import math
import os
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nevus.errors import DataError
from nevus.evaluation.scores import score_segmentation, write_csv
from nevus.labels import NOTICE, segmentation_name
from nevus.metrics.masks import Counts

DATA = Path(os.environ.get("NEVUS_DATA", Path(__file__).parents[3] / "shared" / "data"))
FIXTURES = DATA / "scoring_fixtures" / "segmentation"
# isic-challenge-scoring 5.6.0 on its own example files.
OFFICIAL_JACCARD = {
    "ISIC_0000193": 0.285025,
    "ISIC_0000494": 0.173968,
    "ISIC_0002438": 0.255200,
    "ISIC_0010240": 0.065722,
    "ISIC_0011099": 0.546869,
    "ISIC_0013114": 0.463582,
    "ISIC_0014156": 0.271301,
    "ISIC_0014160": 0.258191,
    "ISIC_0014476": 0.108183,
    "ISIC_0014746": 0.245910,
}
METRICS = ["threshold_jaccard", "jaccard", "dice", "accuracy", "sensitivity", "specificity"]


def draw_rows(rows, size=(40, 50)):
    """A mask whose first `rows` rows are lesion."""
    mask = np.zeros(size, dtype=np.uint8)
    mask[:rows] = 255
    return mask


def save(folder, number, pixels, suffix=""):
    folder.mkdir(exist_ok=True)
    name = segmentation_name(f"ISIC_{number:07d}")
    Image.fromarray(pixels).save(folder / name.replace(".png", f"{suffix}.png"))


@pytest.fixture
def folders(tmp_path):
    """Three photographs with Jaccards 1, 10/20 and 16/20."""
    truth, prediction = tmp_path / "truth", tmp_path / "prediction"
    for number, (wanted, found) in enumerate([(0, 0), (20, 10), (20, 16)], start=1):
        save(truth, number, draw_rows(wanted))
        save(prediction, number, draw_rows(found))
    return truth, prediction


def test_means_by_hand(folders):
    scores = score_segmentation(*folders)
    assert scores.n == 3
    assert list(scores.means) == METRICS
    assert scores.means == pytest.approx(
        {
            "threshold_jaccard": (1 + 0 + 0.8) / 3,
            "jaccard": (1 + 0.5 + 0.8) / 3,
            "dice": (1 + 20 / 30 + 32 / 36) / 3,
            "accuracy": (1 + 30 / 40 + 36 / 40) / 3,
            "sensitivity": (1 + 0.5 + 0.8) / 3,
            "specificity": 1.0,
        }
    )
    assert scores.counts["ISIC_0000002"] == Counts(tp=500, fp=0, fn=500, tn=1000)
    low, high = scores.ci95["jaccard"]
    assert 0.5 <= low < scores.means["jaccard"] < high <= 1.0


def test_threads_do_not_change_the_result(folders):
    assert score_segmentation(*folders, workers=1) == score_segmentation(*folders, workers=3)


def test_threads_leave_the_warning_filters_alone(folders):
    before = list(warnings.filters)
    for _ in range(5):
        score_segmentation(*folders, workers=3)
    assert list(warnings.filters) == before


def test_lesion_is_above_128(tmp_path):
    save(tmp_path / "truth", 1, draw_rows(20))
    pixels = np.full((40, 50), 128, dtype=np.uint8)
    pixels[:5] = 129
    save(tmp_path / "prediction", 1, pixels)
    scores = score_segmentation(tmp_path / "truth", tmp_path / "prediction")
    assert scores.counts["ISIC_0000001"] == Counts(tp=250, fp=0, fn=750, tn=1000)


def test_one_bit_masks_count_as_officially(tmp_path):
    save(tmp_path / "truth", 1, draw_rows(20) > 0)
    save(tmp_path / "prediction", 1, draw_rows(10))
    assert score_segmentation(tmp_path / "truth", tmp_path / "prediction").means["jaccard"] == 0.5


def test_json_has_the_agreed_shape(folders):
    answer = json.loads(json.dumps(score_segmentation(*folders).to_json(), allow_nan=False))
    assert set(answer) == {"notice", "n", *METRICS, "ci95", "per_image"}
    assert answer["notice"] == NOTICE
    assert set(answer["ci95"]) == set(METRICS)
    assert all(len(bounds) == 2 for bounds in answer["ci95"].values())
    assert answer["per_image"]["ISIC_0000003"]["jaccard"] == 0.8


def test_one_photograph_has_no_interval(tmp_path):
    for side in ("truth", "prediction"):
        save(tmp_path / side, 1, draw_rows(9))
    scores = score_segmentation(tmp_path / "truth", tmp_path / "prediction")
    assert all(math.isnan(low) for low, _ in scores.ci95.values())
    answer = json.loads(json.dumps(scores.to_json(), allow_nan=False))
    assert answer["ci95"] == dict.fromkeys(METRICS)


def test_every_problem_is_listed_at_once(folders):
    truth, prediction = folders
    for number in range(4, 11):
        save(truth, number, draw_rows(10))
    save(prediction, 4, np.zeros((41, 50), np.uint8))
    save(prediction, 5, np.zeros((40, 50, 3), np.uint8))
    save(prediction, 6, np.zeros((40, 50), np.uint16))
    (prediction / "ISIC_0000007_segmentation.png").write_bytes(b"no image")
    save(prediction, 8, draw_rows(10))
    save(prediction, 8, draw_rows(10), suffix="_copy")
    (prediction / "ISIC_0000009_segmentation").mkdir()
    save(prediction, 77, draw_rows(10))
    (prediction / "errors.csv").touch()
    with pytest.raises(DataError) as caught:
        score_segmentation(truth, prediction)
    problems = caught.value.problems
    assert len(problems) == 8
    for part in (
        "0000004_segmentation.png' is 41 x 50, its truth 40 x 50",
        "0000005_segmentation.png",
        "0000006_segmentation.png",
        "0000007_segmentation.png",
        "ISIC_0000008 has 2 predictions",
        "ISIC_0000009_segmentation",
        "ISIC_0000010 has no prediction",
        "'ISIC_0000077_segmentation.png' has no truth",
    ):
        assert sum(part in problem for problem in problems) == 1, part
    assert "8 problems" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "--subset" in str(caught.value)


def test_a_folder_of_several_tasks_is_told_the_way_out(folders):
    truth, prediction = folders
    mask = sorted(prediction.glob("*_segmentation.png"))[0]
    other = mask.name.replace("_segmentation", "_attribute_streaks")
    (prediction / other).write_bytes(mask.read_bytes())
    with pytest.raises(DataError, match="has 2 predictions") as caught:
        score_segmentation(truth, prediction)
    assert "lesion masks alone" in str(caught.value)


def test_both_sides_of_a_pair_are_reported(tmp_path):
    for side in ("truth", "prediction"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "ISIC_0000001_segmentation.png").write_bytes(side.encode())
    with pytest.raises(DataError) as caught:
        score_segmentation(tmp_path / "truth", tmp_path / "prediction")
    assert len(caught.value.problems) == 2


def test_subset_scores_what_both_have_and_says_so(folders):
    truth, prediction = folders
    (prediction / "ISIC_0000002_segmentation.png").unlink()
    save(prediction, 77, draw_rows(10))
    scores = score_segmentation(truth, prediction, subset=True)
    assert list(scores.per_image) == ["ISIC_0000001", "ISIC_0000003"]
    assert scores.left_out == ("ISIC_0000002",)
    assert scores.ignored == ("ISIC_0000077_segmentation.png",)
    assert scores.to_json()["subset"] == {"left_out": 1, "ignored": 1}


@pytest.mark.parametrize("subset", [False, True])
def test_nothing_to_score(tmp_path, subset):
    for side in ("truth", "prediction"):
        (tmp_path / side).mkdir()
    with pytest.raises(DataError, match="no photograph has both"):
        score_segmentation(tmp_path / "truth", tmp_path / "prediction", subset=subset)


def test_zip_equals_folder(folders, tmp_path):
    zips = []
    for folder in folders:
        zips.append(tmp_path / f"{folder.name}.zip")
        with zipfile.ZipFile(zips[-1], "w", zipfile.ZIP_DEFLATED) as archive:
            for path in folder.iterdir():
                archive.write(path, f"inside/{path.name}")
    assert score_segmentation(*zips) == score_segmentation(*folders)


def test_data_root_stands_for_its_ground_truth(folders, tmp_path):
    truth, prediction = folders
    truth.rename(tmp_path / "ISIC2018_Task1_Training_GroundTruth")
    assert score_segmentation(tmp_path, prediction).n == 3


def test_csv_has_a_row_per_photograph(folders, tmp_path):
    write_csv(tmp_path / "scores.csv", score_segmentation(*folders))
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["image_id"] for row in rows] == ["ISIC_0000001", "ISIC_0000002", "ISIC_0000003"]
    assert float(rows[1]["dice"]) == 2 / 3
    assert [rows[1][key] for key in ("tp", "fp", "fn", "tn")] == ["500", "0", "500", "1000"]


def score_named(tmp_path, name):
    for side in ("truth", "prediction"):
        (tmp_path / side).mkdir()
        Image.fromarray(draw_rows(9)).save(tmp_path / side / f"{name}_segmentation.png")
    return score_segmentation(tmp_path / "truth", tmp_path / "prediction")


@pytest.mark.parametrize("name", ["=cmd()", " =cmd()", "＝cmd()", "\n@cmd"])
def test_csv_guards_against_formulas(tmp_path, name):
    scores = score_named(tmp_path, name)
    assert list(scores.per_image) == [name]
    write_csv(tmp_path / "scores.csv", scores)
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8") as stream:
        assert next(csv.DictReader(stream))["image_id"] == f"'{name}"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_no_utf_8_are_spelled_out(tmp_path):
    scores = score_named(tmp_path, os.fsdecode(b"b\xff"))
    write_csv(tmp_path / "scores.csv", scores)
    assert "\nb\\udcff," in (tmp_path / "scores.csv").read_text(encoding="utf-8")


@pytest.mark.real
def test_official_fixtures():
    if not FIXTURES.is_dir():
        pytest.skip(f"the official scorer's example files are not in {FIXTURES}")
    scores = score_segmentation(FIXTURES / "groundtruth", FIXTURES / "prediction")
    found = {image_id: values["jaccard"] for image_id, values in scores.per_image.items()}
    assert found == pytest.approx(OFFICIAL_JACCARD, abs=1e-6)
    assert scores.means["threshold_jaccard"] == 0.0
