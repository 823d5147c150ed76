"""Metadata near the truth or named: what is read, what is unknown, what is refused."""

import numpy as np
import pytest

from nevus.errors import DataError, UsageError
from nevus.evaluation.class_cases import make_cases
from nevus.evaluation.patient_facts import GROUPINGS, Facts, find_facts, name_age_band

HAM = (
    "lesion_id,image_id,dx,dx_type,age,sex,localization\n"
    "HAM_1,ISIC_0000001,nv,histo,45.0,female,back\n"
    "HAM_1,ISIC_0000002,nv,histo,,unknown,unknown\n"
)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "ISIC2018_Task3_Training_GroundTruth"
    folder.mkdir()
    (folder / "truth.csv").touch()
    return tmp_path


def test_official_files_are_found_beside_the_truth_folder(root):
    truth = root / "ISIC2018_Task3_Training_GroundTruth" / "truth.csv"
    assert find_facts(truth) == {}
    groupings = root / "ISIC2018_Task3_Training_LesionGroupings.csv"
    groupings.write_text("image,lesion_id\nISIC_0000002,OTHER\nISIC_0000003,HAM_3\n")
    assert find_facts(truth)["ISIC_0000002"] == Facts(lesion_id="OTHER")
    (root / "HAM10000_metadata.csv").write_text(HAM)
    facts = find_facts(truth)
    assert facts["ISIC_0000001"] == Facts("HAM_1", 45.0, "female", "back")
    assert facts["ISIC_0000002"] == Facts("HAM_1")
    assert facts["ISIC_0000003"] == Facts("HAM_3")


def test_a_named_file_stands_for_all(root, tmp_path):
    (root / "HAM10000_metadata.csv").write_text(HAM)
    named = tmp_path / "own.csv"
    named.write_text("image,site,age\nISIC_0000009.jpg,hand,200\nISIC_0000008,,abc\n")
    truth = root / "ISIC2018_Task3_Training_GroundTruth" / "truth.csv"
    assert find_facts(truth, named) == {
        "ISIC_0000009": Facts(site="hand"),
        "ISIC_0000008": Facts(),
    }


def test_lesions_whose_long_names_begin_alike_are_two(tmp_path):
    path = tmp_path / "own.csv"
    start = "clinic-of-a-very-long-name/2018/patient/"
    path.write_text(f"image,lesion_id,site\na,{start}1,{start}left\nb,{start}2,x\nc,{start}1,x\n")
    facts = find_facts(tmp_path / "truth.csv", path)
    assert [facts[name].lesion_id for name in "abc"] == [f"{start}1", f"{start}2", f"{start}1"]
    assert len(facts["a"].site) == 40
    cases = make_cases("abc", np.zeros(3, int), np.eye(7)[:3], np.ones(3), facts)
    assert cases.units.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name,age\na,1\n", "no column image_id or image"),
        ("image_id,dx\na,nv\n", "has none of lesion_id, age"),
        ("image_id,age\na,1,2\n", "line 2 has 3 cells, expected 2"),
        ('image_id,age\n"a,1\n', "cannot be taken apart"),
    ],
)
def test_unusable_metadata(tmp_path, content, message):
    path = tmp_path / "own.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        find_facts(tmp_path / "truth.csv", path)


def test_absent_metadata(tmp_path):
    with pytest.raises(UsageError, match="there is no file"):
        find_facts(tmp_path / "truth.csv", tmp_path / "absent.csv")


@pytest.mark.parametrize(
    ("age", "band"),
    [(None, "unknown"), (0, "under 30"), (29.9, "under 30"), (30, "30 to 44"), (59, "45 to 59"),
     (60, "60 to 74"), (75, "75 and over"), (85, "75 and over")],
)  # fmt: skip
def test_age_bands(age, band):
    assert name_age_band(Facts(age=age)) == band


def test_every_grouping_names_the_unknown():
    assert {name(Facts()) for name in GROUPINGS.values()} == {"unknown"}
