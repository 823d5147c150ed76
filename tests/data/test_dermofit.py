"""The Dermofit library in a drawn copy of its layout: folder per class, folder per lesion."""

from pathlib import Path

import pytest
from PIL import Image

from nevus.data.cases import find_case_listing, find_cases
from nevus.data.dermofit import (
    CLASSES,
    MAPPED_CLASSES,
    find_class,
    list_dermofit,
    list_library,
)
from nevus.errors import DataError, UsageError
from nevus.labels import DIAGNOSES

LESIONS = {
    "AK": ("A1",),
    "BCC": ("B1",),
    "DF": ("D239a", "D239b"),
    "IEC": ("E1",),
    "MEL": ("M1",),
    "ML": ("N1",),
    "PYO": ("P1",),
    "SCC": ("S1",),
    "SK": ("K1",),
    "VASC": ("V1",),
}


def draw(root: Path, *, upper: bool = False, listed: bool = True) -> Path:
    rows = []
    for kind, names in LESIONS.items():
        for name in names:
            folder = root / (kind if upper else kind.lower()) / name
            folder.mkdir(parents=True)
            for ending in ("", "mask"):
                Image.new("RGB", (40, 40)).save(folder / f"{name}{ending}.png")
            rows.append(f"   {len(rows) + 1}   {name}   {kind}")
    if listed:
        (root / "lesionlist.txt").write_text("\r\n".join(rows) + "\r\n\r\n", encoding="utf-8")
    return root


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("place", ["", "Dermofit", "Dermofit Database"])
def test_df_and_vasc_by_default(tmp_path: Path, upper: bool, listed: bool, place: str) -> None:
    draw(tmp_path / place, upper=upper, listed=listed)
    cases = find_cases(tmp_path)
    assert [(case.image_id, case.diagnosis) for case in cases] == [
        ("D239a", "DF"),
        ("D239b", "DF"),
        ("V1", "VASC"),
    ]
    assert {case.modality for case in cases} == {"clinical"}
    assert [case.lesion_id for case in cases] == ["dermofit_D239", "dermofit_D239", "dermofit_V1"]


def test_all_that_map(tmp_path: Path) -> None:
    listing = list_library(draw(tmp_path), MAPPED_CLASSES)
    assert listing.findings == ()
    assert {case.image_id: case.diagnosis for case in listing.cases} == {
        "A1": "AKIEC",
        "B1": "BCC",
        "D239a": "DF",
        "D239b": "DF",
        "E1": "AKIEC",
        "K1": "BKL",
        "M1": "MEL",
        "N1": "NV",
        "P1": "VASC",
        "V1": "VASC",
    }
    assert "SCC" not in MAPPED_CLASSES
    assert {CLASSES[name].diagnosis for name in MAPPED_CLASSES} == set(DIAGNOSES)


@pytest.mark.parametrize("wrong", ["SCC", "NV", "df"])
def test_other_classes_are_refused(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(UsageError, match="no class of Dermofit"):
        list_library(draw(tmp_path), ["DF", wrong])


def test_two_classes_alone_are_known_by_their_masks(tmp_path: Path) -> None:
    for name in ("DF/D1/D1", "VASC/V1/V1"):
        (tmp_path / name).parent.mkdir(parents=True)
        for ending in ("", "mask"):
            Image.new("RGB", (40, 40)).save(tmp_path / f"{name}{ending}.png")
    assert [case.modality for case in find_cases(tmp_path)] == ["clinical", "clinical"]


def test_full_names_and_a_tree_of_somebody_else(tmp_path: Path) -> None:
    assert find_class("Malignant Melanoma") == "MEL"
    assert find_class("Squamous_Cell-Carcinoma") == "SCC"
    assert find_class("lentigo") is None
    for name in ("df", "vasc", "mel", "iec"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (40, 40)).save(tmp_path / name / f"{name}.png")
    assert list_dermofit(tmp_path) is None
    assert len(find_cases(tmp_path)) == 4


def test_the_list_of_lesions_is_held_against_the_folders(tmp_path: Path) -> None:
    draw(tmp_path)
    path = tmp_path / "lesionlist.txt"
    text = path.read_text(encoding="utf-8").replace("V1   VASC", "V1   DF")
    text = text.replace("D239a   DF", "D7   DF") + "one two\n 99  Z1  SCC\n"
    path.write_text(text, encoding="utf-8")
    findings = [(f.code, f.severity, f.name) for f in find_case_listing(tmp_path).findings]
    assert findings == [
        ("broken_row", "error", "lesionlist.txt"),
        ("diagnosis_disagreement", "error", "V1"),
        ("missing_photograph", "error", "D7"),
        ("orphan_photograph", "warning", "D239a"),
    ]
    path.write_bytes(b"\0")
    with pytest.raises(DataError, match="NUL"):
        find_cases(tmp_path)


def test_a_class_that_is_not_there(tmp_path: Path) -> None:
    draw(tmp_path)
    (tmp_path / "vasc").rename(tmp_path / "away")
    with pytest.raises(DataError, match="no folder VASC or haemangioma"):
        find_cases(tmp_path)
    with pytest.raises(DataError, match="no folder"):
        list_library(tmp_path / "nowhere")
