"""A folder per diagnosis, whatever it is called; Dermofit in a drawn copy of its layout."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nevus.data.case_folders import CLASS_NAMES, find_diagnosis, list_class_folders
from nevus.data.cases import find_case_listing, find_cases
from nevus.errors import DataError
from nevus.labels import DIAGNOSES


def save(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((40, 40), 90, np.uint8)).save(path)
    return path


@pytest.mark.parametrize(
    ("name", "diagnosis"),
    [
        ("MEL", "MEL"),
        ("nv", "NV"),
        ("Melanocytic_Nevi", "NV"),
        ("naevus", "NV"),
        ("basal-cell  carcinoma", "BCC"),
        ("Bowen's disease", "AKIEC"),
        ("benign_keratosis-like_lesions", "BKL"),
        ("Vascular Lesion", "VASC"),
        ("dermatofibroma", "DF"),
        ("scc", None),
        ("", None),
        ("masks", None),
    ],
)
def test_names_of_folders(name: str, diagnosis: str | None) -> None:
    assert find_diagnosis(name) == diagnosis


def test_no_name_stands_for_two_diagnoses() -> None:
    names = [name for names in CLASS_NAMES.values() for name in names]
    assert len(set(names)) == len(names)
    assert tuple(CLASS_NAMES) == DIAGNOSES
    for diagnosis, names in CLASS_NAMES.items():
        assert {find_diagnosis(name) for name in names} == {diagnosis}


def test_a_tree_in_depth(tmp_path: Path) -> None:
    save(tmp_path / "MEL" / "b.jpg")
    save(tmp_path / "melanoma" / "deep" / "er" / "a.png")
    save(tmp_path / "nevus" / "c.JPG")
    save(tmp_path / "nevus" / "cmask.png")
    save(tmp_path / ".hidden" / "x.jpg")
    save(tmp_path / "__MACOSX" / "x.jpg")
    (tmp_path / "README.txt").write_text("-")
    cases = find_cases(tmp_path)
    assert [(case.image_id, case.diagnosis) for case in cases] == [
        ("a", "MEL"),
        ("b", "MEL"),
        ("c", "NV"),
    ]
    assert {case.lesion_id for case in cases} == {None}


def test_a_folder_of_another_name_is_an_error_that_lists_the_names(tmp_path: Path) -> None:
    save(tmp_path / "mel" / "a.jpg")
    save(tmp_path / "squamous cell carcinoma" / "b.jpg")
    with pytest.raises(DataError, match="squamous cell carcinoma: a folder that is") as caught:
        find_cases(tmp_path)
    assert caught.value.hint is not None
    for name in ("MEL", "seborrheic keratosis", "vascular lesion"):
        assert name in caught.value.hint


def test_one_name_twice(tmp_path: Path) -> None:
    save(tmp_path / "mel" / "a.jpg")
    save(tmp_path / "nv" / "a.jpg")
    save(tmp_path / "nv" / "b.jpg")
    save(tmp_path / "nevi" / "b.png")
    save(tmp_path / "df" / "x" / "c.png")
    save(tmp_path / "df" / "y" / "c.png")
    save(tmp_path / "loose.jpg")
    listing = find_case_listing(tmp_path)
    assert [(f.code, f.severity, f.name) for f in listing.findings] == [
        ("doubled_photograph", "error", "b"),
        ("doubled_photograph", "error", "c"),
        ("orphan_photograph", "warning", "loose"),
        ("two_diagnoses", "error", "a"),
    ]
    with pytest.raises(DataError) as caught:
        find_cases(tmp_path)
    assert len(caught.value.problems) == 3


def test_links_are_not_followed(tmp_path: Path) -> None:
    save(tmp_path / "elsewhere" / "a.jpg")
    root = tmp_path / "root"
    (root / "mel").mkdir(parents=True)
    try:
        (root / "mel" / "a.jpg").symlink_to(tmp_path / "elsewhere" / "a.jpg")
        (root / "nv").symlink_to(tmp_path / "elsewhere")
        (root / "mel" / "round").symlink_to(root / "mel")
    except OSError as error:
        pytest.skip(f"no symbolic links here: {error}")
    with pytest.raises(DataError, match="1 links out of it are not followed"):
        find_cases(root)


def test_other_layouts_are_declined(tmp_path: Path) -> None:
    save(tmp_path / "images" / "a.jpg")
    assert list_class_folders(tmp_path) is None
