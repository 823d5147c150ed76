"""Cases from official tables and from HAM10000: joined, and every problem at once."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nevus.data.cases import (
    CASE_SOURCES,
    OFFICIAL_IMAGES,
    OFFICIAL_LESIONS,
    OFFICIAL_TRUTH,
    Case,
    find_case_listing,
    find_cases,
    read_truth_table,
)
from nevus.errors import DataError
from nevus.labels import DIAGNOSES

IDS = ("ISIC_0000001", "ISIC_0000002", "ISIC_0000003")
KINDS = ("NV", "MEL", "NV")


def save(path: Path, value: int = 90) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((40, 40), value, np.uint8)).save(path)
    return path


def write(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def one_hot(image_id: str, diagnosis: str) -> str:
    return ",".join([image_id, *(str(float(name == diagnosis)) for name in DIAGNOSES)])


class Official:
    """The official layout, three photographs of two lesions."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.truth = root / OFFICIAL_TRUTH / f"{OFFICIAL_TRUTH}.csv"
        self.lesions = root / OFFICIAL_LESIONS
        self.metadata = root / "HAM10000_metadata.csv"
        for image_id in IDS:
            self.image(image_id)
        rows = [one_hot(*pair) for pair in zip(IDS, KINDS, strict=True)]
        write(self.truth, ",".join(["image", *DIAGNOSES]), *rows)
        write(
            self.lesions,
            "image,lesion_id,diagnosis_confirm_type",
            f"{IDS[0]},HAM_1,histopathology",
            f"{IDS[1]},HAM_2,histopathology",
            f"{IDS[2]},HAM_1,histopathology",
        )
        write(
            self.metadata,
            "lesion_id,image_id,dx,dx_type,age,sex,localization",
            f"HAM_1,{IDS[0]},nv,follow_up,30.0,male,back",
            f"HAM_2,{IDS[1]},mel,histo,,unknown,unknown",
            f"HAM_1,{IDS[2]},nv,follow_up,30.0,male,back",
        )

    def image(self, image_id: str, ending: str = "jpg") -> Path:
        return save(self.root / OFFICIAL_IMAGES / f"{image_id}.{ending}")

    def remove(self, image_id: str) -> None:
        (self.root / OFFICIAL_IMAGES / f"{image_id}.jpg").unlink()

    def replace(self, path: Path, old: str, new: str) -> None:
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def add(self, path: Path, line: str) -> None:
        path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")


@pytest.fixture
def data(tmp_path: Path) -> Official:
    return Official(tmp_path)


def test_tables_are_joined(data: Official) -> None:
    image = data.root / OFFICIAL_IMAGES / f"{IDS[0]}.jpg"
    cases = find_cases(data.root)
    assert cases[0] == Case(IDS[0], image, "NV", "HAM_1", 30.0, "male", "back", "follow_up")
    assert [case.diagnosis for case in cases] == list(KINDS)
    assert (cases[1].age, cases[1].sex, cases[1].site) == (None, None, None)
    assert find_case_listing(data.root).findings == ()


def test_each_table_but_the_truth_may_be_missing(data: Official) -> None:
    data.metadata.unlink()
    assert find_cases(data.root)[0].confirmation == "histo"
    assert find_cases(data.root)[0].age is None
    data.lesions.unlink()
    assert {case.lesion_id for case in find_cases(data.root)} == {None}
    data.truth.rename(data.root / data.truth.name)
    assert len(find_cases(data.root)) == 3
    (data.root / data.truth.name).unlink()
    with pytest.raises(DataError, match=OFFICIAL_TRUTH):
        find_cases(data.root)


@pytest.mark.parametrize("part", ["Validation", "Test"])
def test_other_parts_and_the_folder_above(tmp_path: Path, part: str) -> None:
    made = Official(tmp_path / "isic2018")
    for old in (made.root / OFFICIAL_IMAGES, made.truth, made.truth.parent):
        old.rename(old.with_name(old.name.replace("Training", part)))
    assert len(find_cases(tmp_path)) == 3


SPOILT: dict[str, tuple[Callable[[Official], object], list[tuple[str, str, str]]]] = {
    "photograph missing": (
        lambda d: d.remove(IDS[1]),
        [("missing_photograph", "error", IDS[1])],
    ),
    "photograph without a row": (
        lambda d: d.image("ISIC_0000009"),
        [("orphan_photograph", "warning", "ISIC_0000009")],
    ),
    "photograph doubled": (
        lambda d: d.image(IDS[0], "png"),
        [("doubled_photograph", "error", IDS[0])],
    ),
    "row doubled": (
        lambda d: d.add(d.truth, one_hot(IDS[0], "MEL")),
        [("doubled_row", "error", IDS[0])],
    ),
    "two diagnoses": (
        lambda d: d.replace(d.truth, f"{IDS[0]},0.0", f"{IDS[0]},1.0"),
        [("not_one_hot", "error", IDS[0])],
    ),
    "empty cell": (
        lambda d: d.replace(d.truth, f"{IDS[0]},0.0", f"{IDS[0]},"),
        [("not_one_hot", "error", IDS[0])],
    ),
    "tables disagree about the diagnosis": (
        lambda d: d.replace(d.metadata, f"{IDS[1]},mel", f"{IDS[1]},bkl"),
        [("diagnosis_disagreement", "error", IDS[1])],
    ),
    "unknown diagnosis": (
        lambda d: d.replace(d.metadata, f"{IDS[1]},mel", f"{IDS[1]},scc"),
        [("unknown_diagnosis", "error", IDS[1])],
    ),
    "tables disagree about the lesion": (
        lambda d: d.replace(d.lesions, f"{IDS[1]},HAM_2", f"{IDS[1]},HAM_3"),
        [("lesion_disagreement", "error", IDS[1])],
    ),
    "row of facts about nobody": (
        lambda d: d.add(d.metadata, "HAM_9,ISIC_0000009,nv,histo,,,"),
        [("orphan_row", "warning", "ISIC_0000009")],
    ),
    "no lesion": (
        lambda d: (
            d.replace(d.metadata, "HAM_2", ""),
            d.replace(d.lesions, f"{IDS[1]},HAM_2", f"{IDS[1]},"),
        ),
        [("missing_lesion", "warning", IDS[1])],
    ),
    "lesion in one of two tables": (lambda d: d.replace(d.metadata, "HAM_2", ""), []),
    "truth is no table": (
        lambda d: d.truth.write_bytes(b"\0"),
        [("unreadable_table", "error", f"{OFFICIAL_TRUTH}.csv")],
    ),
    "odd age": (
        lambda d: d.replace(d.metadata, f"{IDS[0]},nv,follow_up,30.0", f"{IDS[0]},nv,follow_up,x"),
        [("odd_age", "warning", IDS[0])],
    ),
}


@pytest.mark.parametrize(("spoil", "expected"), SPOILT.values(), ids=SPOILT)
def test_each_finding(
    data: Official, spoil: Callable[[Official], object], expected: list[tuple[str, str, str]]
) -> None:
    spoil(data)
    listing = find_case_listing(data.root)
    assert [(f.code, f.severity, f.name) for f in listing.findings] == expected
    if any(severity == "error" for _, severity, _ in expected):
        with pytest.raises(DataError) as caught:
            find_cases(data.root)
        assert len(caught.value.problems) == 1
        assert "\n" not in str(caught.value)
    else:
        assert len(find_cases(data.root)) == 3


def test_all_problems_at_once(data: Official) -> None:
    data.remove(IDS[2])
    data.add(data.truth, one_hot("ISIC_0000009", "DF"))
    data.add(data.truth, one_hot(IDS[0], "NV"))
    data.replace(data.metadata, f"{IDS[1]},mel", f"{IDS[1]},bkl")
    with pytest.raises(DataError, match="and 1 more") as caught:
        find_cases(data.root)
    assert len(caught.value.problems) == 4
    with pytest.raises(DataError, match="second row"):
        read_truth_table(data.truth)


def test_the_truth_alone(data: Official) -> None:
    assert read_truth_table(data.truth) == dict(zip(IDS, KINDS, strict=True))


@pytest.mark.parametrize("name", ["HAM10000_metadata.csv", "HAM10000_metadata"])
@pytest.mark.parametrize("folder", ["", "HAM10000"])
def test_ham10000_alone(data: Official, tmp_path: Path, name: str, folder: str) -> None:
    base = tmp_path / "alone" / folder
    save(base / "HAM10000_images_part_1" / f"{IDS[0]}.jpg")
    save(base / "HAM10000_images_part_1" / f"{IDS[1]}.jpg")
    save(base / "HAM10000_images_part_2" / f"{IDS[2]}.jpg")
    shutil.copy(data.metadata, base / name)
    cases = find_cases(tmp_path / "alone")
    assert [case.diagnosis for case in cases] == list(KINDS)
    assert [case.lesion_id for case in cases] == ["HAM_1", "HAM_2", "HAM_1"]
    assert cases[2].image.parent.name == "HAM10000_images_part_2"
    save(base / "HAM10000_images_part_2" / f"{IDS[0]}.jpg")
    with pytest.raises(DataError, match=r"doubled in HAM10000_images_part_1 and .*part_2"):
        find_cases(tmp_path / "alone")


def test_ham10000_with_an_unknown_diagnosis_names_it_once(data: Official, tmp_path: Path) -> None:
    base = tmp_path / "alone"
    for image_id in IDS:
        save(base / "HAM10000_images_part_1" / f"{image_id}.jpg")
    shutil.copy(data.metadata, base)
    data.replace(base / data.metadata.name, ",mel,", ",melanom,")
    findings = find_case_listing(base).findings
    assert [finding.code for finding in findings] == ["unknown_diagnosis"]


def test_extra_folders_join_in(data: Official, tmp_path: Path) -> None:
    save(tmp_path / "more" / "DF" / "own.jpg")
    cases = find_cases(data.root, [tmp_path / "more"])
    assert [case.image_id for case in cases] == [*IDS, "own"]
    save(tmp_path / "more" / "DF" / f"{IDS[1]}.jpg")
    with pytest.raises(DataError, match=f"named as others, such as {IDS[1]}"):
        find_cases(data.root, [tmp_path / "more"])


def test_unknown_layouts_and_empty_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        find_cases(tmp_path / "nowhere")
    (tmp_path / "holiday").mkdir()
    assert all(source(tmp_path) is None for source in CASE_SOURCES.values())
    with pytest.raises(DataError, match="HAM10000_metadata"):
        find_cases(tmp_path)
    (tmp_path / "mel").mkdir()
    shutil.rmtree(tmp_path / "holiday")
    with pytest.raises(DataError, match="holds no photographs with a diagnosis"):
        find_cases(tmp_path)


@pytest.mark.real
def test_the_real_training_set(real: Path) -> None:
    listing = find_case_listing(real)
    assert listing.findings == ()
    counts = Counter(case.diagnosis for case in listing.cases)
    assert [counts[name] for name in DIAGNOSES] == [1113, 6705, 514, 327, 1099, 115, 142]
    assert len({case.lesion_id for case in listing.cases}) == 7470
    assert sum(case.age is None for case in listing.cases) == 57
    known = Counter(case.confirmation for case in listing.cases)
    assert known == {"histo": 5340, "follow_up": 3704, "consensus": 902, "confocal": 69}
