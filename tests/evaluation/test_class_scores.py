"""Task 3 scores from files: by hand, by lesion, by group, and the official fixture."""

import json
import math

import numpy as np
import pytest
from PIL import Image

from nevus.errors import DataError, UsageError
from nevus.evaluation.class_cases import make_cases
from nevus.evaluation.class_groups import MOST_GROUPS, score_groups
from nevus.evaluation.class_scores import make_diagnosis_scores, score_diagnosis, write_class_csv
from nevus.evaluation.patient_facts import Facts
from nevus.labels import DIAGNOSES, NOTICE

HEADER = f"image,{','.join(DIAGNOSES)}\n"


def write_truth(path, places):
    rows = (
        f"{key},{','.join('1.0' if place == here else '0.0' for here in range(7))}\n"
        for key, place in places.items()
    )
    path.write_text(HEADER + "".join(rows))
    return path


def write_rows(path, rows):
    lines = (f"{key},{','.join(map(str, values))}\n" for key, values in rows.items())
    path.write_text(HEADER + "".join(lines))
    return path


def name(number):
    return f"ISIC_{number:07d}"


def point_at(place, share=0.7):
    return [share if here == place else 0.05 for here in range(7)]


@pytest.fixture
def files(tmp_path):
    """Melanoma 2 of 3 right, nevus 1 of 2 (the other a tie), and ISIC_0035068 wrong."""
    truth = {name(1): 0, name(2): 0, name(3): 0, name(4): 1, name(5): 1, "ISIC_0035068": 5}
    rows = {name(1): point_at(0), name(2): point_at(0), name(3): point_at(1), name(4): point_at(1),
            name(5): [0.4, 0.4, 0.04, 0.04, 0.04, 0.04, 0.04],
            "ISIC_0035068": point_at(0)}  # fmt: skip
    return write_truth(tmp_path / "truth.csv", truth), write_rows(tmp_path / "out.csv", rows)


def test_scores_by_hand(files):
    scores = score_diagnosis(*files)
    assert (scores.n, scores.unweighted) == (5, ("ISIC_0035068",))
    assert scores.balanced_accuracy == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert scores.accuracy == 3 / 5
    assert scores.per_class["MEL"]["recall"] == 2 / 3
    assert scores.per_class["DF"]["n"] == 0
    assert scores.confusion[0].tolist() == [2, 1, 0, 0, 0, 0, 0, 0]
    assert scores.confusion[1].tolist() == [0, 1, 0, 0, 0, 0, 0, 1]
    assert scores.ece == scores.calibration["ece"]
    assert scores.warnings == (
        "1 of 5 photographs have two highest classes, which counts as wrong",
        "the truth holds no BCC, AKIEC, BKL, DF, VASC: balanced accuracy is over the others",
    )
    assert (scores.unit, scores.units, scores.by_group) == ("photograph", 5, {})


def test_json_is_whole_and_free_of_nan(files):
    answer = json.loads(json.dumps(score_diagnosis(*files).to_json(), allow_nan=False))
    assert list(answer)[:4] == ["notice", "n", "balanced_accuracy", "accuracy"]
    assert {"per_class", "confusion", "ci95", "ece"} <= answer.keys()
    assert answer["notice"] == NOTICE
    assert answer["confusion"]["counts"][0] == [2, 1, 0, 0, 0, 0, 0, 0]
    assert answer["confusion"]["columns"] == [*DIAGNOSES, "undecided"]
    assert answer["per_class"]["DF"]["auc"] is None
    assert answer["ci95"]["recall_DF"] is None
    low, high = answer["ci95"]["accuracy"]
    assert low < answer["accuracy"] < high
    assert answer["resampled"] == {"unit": "photograph", "units": 5}
    assert "subset" not in answer


def test_csv_has_a_row_for_each_photograph_that_counts(files, tmp_path):
    write_class_csv(tmp_path / "each.csv", score_diagnosis(*files))
    lines = (tmp_path / "each.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "image_id,truth,predicted,probability_of_truth,right"
    assert lines[1] == "ISIC_0000001,MEL,MEL,0.7,1"
    assert lines[3] == "ISIC_0000003,MEL,NV,0.05,0"
    assert lines[5] == "ISIC_0000005,NV,undecided,0.4,0"
    assert len(lines) == 6


def test_every_finding_of_both_files_at_once(files, tmp_path):
    rows = {name(1): point_at(0), name(2): [2.0] * 7, name(9): point_at(1)}
    with pytest.raises(DataError) as caught:
        score_diagnosis(files[0], write_rows(tmp_path / "bad.csv", rows))
    problems = caught.value.problems
    assert len(problems) == 7 + 4 + 1
    assert "'ISIC_0000003' has no prediction" in problems
    assert problems[-1] == "'ISIC_0000009' has no truth"
    assert "--subset" in str(caught.value)


def test_subset(files, tmp_path):
    rows = {name(1): point_at(0), name(4): point_at(0), name(9): point_at(1)}
    scores = score_diagnosis(files[0], write_rows(tmp_path / "part.csv", rows), subset=True)
    assert (scores.n, scores.accuracy, len(scores.left_out)) == (2, 0.5, 4)
    assert scores.to_json()["subset"] == {"left_out": 4, "ignored": 1}
    rows[name(1)] = [2.0] * 7
    with pytest.raises(DataError) as caught:
        score_diagnosis(files[0], write_rows(tmp_path / "part.csv", rows), subset=True)
    assert "--subset" not in str(caught.value)
    weightless = {"ISIC_0035068": point_at(0), name(9): point_at(1)}
    write_rows(tmp_path / "none.csv", weightless)
    with pytest.raises(DataError, match="no photograph that counts"):
        score_diagnosis(files[0], tmp_path / "none.csv", subset=True)


def make(truth, labels, facts=None, share=0.7):
    rows = np.array([point_at(label, share) for label in labels])
    ids = [name(number) for number in range(len(truth))]
    known = dict(zip(ids, facts, strict=True)) if facts else {}
    return make_cases(ids, np.array(truth), rows, np.ones(len(truth)), known)


def test_photographs_of_one_lesion_are_drawn_together():
    generator = np.random.default_rng(0)
    lesions = generator.integers(0, 2, 60)
    truth = np.tile([0, 1], 30)
    right = np.repeat(lesions, 4)
    truth = np.repeat(truth, 4)
    labels = np.where(right, truth, 1 - truth)
    alone = make_diagnosis_scores(make(truth, labels))
    facts = [Facts(lesion_id=f"L{number // 4}") for number in range(240)]
    together = make_diagnosis_scores(make(truth, labels, facts))
    assert (together.unit, together.units, alone.units) == ("lesion", 60, 240)
    widths = [scores.ci95["accuracy"] for scores in (alone, together)]
    # Four photographs that stand and fall together tell as much as one: half the precision.
    ratio = (widths[1][1] - widths[1][0]) / (widths[0][1] - widths[0][0])
    assert ratio == pytest.approx(2, rel=0.15)
    mixed = make_diagnosis_scores(make(truth, labels, [*facts[:200], *[Facts()] * 40]))
    assert mixed.unit == "lesion, or photograph where unknown"
    assert mixed.units == 90


def test_interval_agrees_with_theory_and_no_class_vanishes():
    truth = [0] * 300 + [5] * 2
    labels = [0] * 240 + [1] * 60 + [5, 0]
    scores = make_diagnosis_scores(make(truth, labels))
    low, high = scores.ci95["recall_MEL"]
    spread = 1.96 * math.sqrt(0.8 * 0.2 / 300)
    assert (low, high) == (
        pytest.approx(0.8 - spread, abs=0.01),
        pytest.approx(0.8 + spread, abs=0.01),
    )
    assert scores.ci95["recall_DF"] == (0, 1)
    assert scores.balanced_accuracy == pytest.approx((0.8 + 0.5) / 2)


def test_a_single_lesion_has_no_interval():
    scores = make_diagnosis_scores(make([0, 0, 1], [0, 0, 1], [Facts("L"), Facts("L"), Facts("M")]))
    assert all(math.isnan(bound) for bound in scores.ci95["recall_MEL"])
    assert all(math.isnan(bound) for bound in scores.ci95["balanced_accuracy"])
    assert scores.ci95["accuracy"] == (1, 1)
    single = make_diagnosis_scores(make([0], [0]))
    assert all(math.isnan(low) for low, _ in single.ci95.values())
    assert single.melanoma_points == ()
    json.dumps(single.to_json(), allow_nan=False)


def test_groups_add_up_and_stand_in_order():
    facts = [Facts("a", 20, "female", "back"), Facts("b", 80, "male", "back"),
             Facts("c", 50, "male", None), Facts("d", None, None, "hand")]  # fmt: skip
    groups = score_groups(make([0, 0, 1, 1], [0, 1, 1, 1], facts))
    assert list(groups["age"]) == ["under 30", "45 to 59", "75 and over", "unknown"]
    assert list(groups["sex"]) == ["female", "male", "unknown"]
    assert all(sum(one.n for one in found.values()) == 4 for found in groups.values())
    male = groups["sex"]["male"]
    assert (male.n, male.units, male.classes, male.melanomas) == (2, 2, 2, 1)
    assert (male.balanced_accuracy, male.melanoma_recall) == (0.5, 0.0)
    assert score_groups(make([0, 1], [0, 1])) == {}


def test_a_thousand_sites_become_few_groups():
    facts = [Facts(site=f"s{number}") for number in range(1000)]
    groups = score_groups(make([0] * 1000, [0] * 1000, facts))
    assert len(groups["site"]) == MOST_GROUPS + 1
    assert groups["site"]["other"].n == 1000 - MOST_GROUPS


def test_melanoma_points_keep_their_word():
    generator = np.random.default_rng(2)
    truth = generator.integers(0, 2, 400)
    rows = np.full((400, 7), 0.01)
    rows[:, 0] = np.clip(0.3 + 0.3 * (truth == 0) + generator.normal(0, 0.15, 400), 0, 1)
    ids = [name(number) for number in range(400)]
    cases = make_cases(ids, truth, rows, np.ones(400), {})
    scores = make_diagnosis_scores(cases, sensitivity=0.7)
    assert [one.wanted for one in scores.melanoma_points] == [0.7, 0.8, 0.9, 0.95]
    for one in scores.melanoma_points:
        called = rows[:, 0] >= one.point.threshold
        assert called[truth == 0].mean() == pytest.approx(one.point.sensitivity)
        assert (~called)[truth == 1].mean() == pytest.approx(one.point.specificity)
        assert one.wanted <= one.point.sensitivity < one.wanted + 0.01
        low, high = one.ci95["specificity"]
        assert low < one.point.specificity < high


OFFICIAL = {
    "MEL": (0.5038442336495257, 0.4966093812166138, 0.1619759776163044, 0.112236808049478),
    "NV": (0.5049425861208188, 0.4969221688283308, 0.17400357311020548, 0.666089275793515),
    "BCC": (0.49925112331502747, 0.49439174332253377, 0.17167371691777686, 0.04988972168027217),
    "AKIEC": (0.5061407888167748, 0.49662939365702263, 0.13774946527372678, 0.03329332361481695),
    "BKL": (0.5023464802795806, 0.49722921976053114, 0.1836941572970411, 0.10791684398895161),
    "DF": (0.49885172241637543, 0.525979797979798, 0.19652437417654806, 0.011928837261416298),
    "VASC": (0.491163255117324, 0.45975722663745056, 0.11650567845439908, 0.01328378634810992),
}
"""Accuracy, auc, auc_sens_80, ap as isic-challenge-scoring 5.6.0 printed them."""

OFFICIAL_MACRO = {
    "accuracy": 0.5009343128164895,
    "sensitivity": 0.5031230633189474,
    "specificity": 0.49873844507643045,
    "dice": 0.16442053201577128,
    "ppv": 0.14333421635130666,
    "npv": 0.8576153373926653,
    "auc": 0.49535984734318295,
    "auc_sens_80": 0.16316099183514313,
    "ap": 0.14209122810522284,
}


@pytest.mark.real
def test_official_fixture(real):
    folder = real / "scoring_fixtures" / "classification"
    prediction = folder / "ISIC2018_Task3_GroundTruth_prediction.csv"
    metadata = real / "isic2018" / "HAM10000_metadata.csv"
    truth = folder / "ISIC2018_Task3_GroundTruth.csv"
    scores = score_diagnosis(truth, prediction, metadata=metadata)
    assert scores.n == 10_015
    assert scores.balanced_accuracy == pytest.approx(0.14560099631969473, abs=1e-12)
    assert scores.macro == pytest.approx(OFFICIAL_MACRO, abs=1e-12)
    for diagnosis, values in OFFICIAL.items():
        found = scores.per_class[diagnosis]
        names = ("accuracy", "auc", "auc_sens_80", "ap")
        assert [found[key] for key in names] == pytest.approx(list(values), abs=1e-12)
    assert (scores.unit, scores.units) == ("lesion", 7_470)
    assert sum(one.n for one in scores.by_group["site"].values()) == 10_015


def test_a_folder_per_diagnosis_is_a_truth(tmp_path):
    root = tmp_path / "tree"
    for folder, number in (("melanoma", 1), ("nevus", 2), ("nevus", 3)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 40)).save(root / folder / f"{name(number)}.png")
    rows = {name(number): [0.1] * 7 for number in (1, 2, 3)}
    for number, place in ((1, 0), (2, 1), (3, 0)):
        rows[name(number)][place] = 0.4
    scores = score_diagnosis(root, write_rows(tmp_path / "diagnosis.csv", rows))
    assert scores.n == 3
    assert scores.balanced_accuracy == 0.75
    (root / "unheard_of").mkdir()
    Image.new("RGB", (40, 40)).save(root / "unheard_of" / "x.png")
    with pytest.raises(UsageError, match="holds no truth CSV"):
        score_diagnosis(root, tmp_path / "diagnosis.csv")
