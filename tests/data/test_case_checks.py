"""The check of task 3: counts, contradictions, look-alikes; which checks a root calls for."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from nevus.data.case_checks import check_cases, count_lesion_sizes, describe_pairs
from nevus.data.cases import Case, find_case_listing
from nevus.data.task_checks import FINDERS, find_checks
from nevus.errors import DataError
from nevus.labels import DIAGNOSES


def draw(seed: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(0, 1, (120, 120, 3))
    smooth = gaussian_filter(noise, (2, 2, 0)) * 260 + 128
    return np.clip(smooth, 0, 255).astype(np.uint8)


def save(path: Path, pixels: NDArray[np.uint8]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """HAM10000's layout: a and b show one lesion under two diagnoses, c is alone."""
    base = tmp_path / "HAM10000"
    images = base / "HAM10000_images_part_1"
    save(images / "a.png", draw(1))
    save(images / "b.png", draw(1)[:, ::-1])
    save(images / "c.png", draw(2))
    table(base, "L1,a,nv", "L2,b,mel", "L3,c,nv")
    return tmp_path


def table(base: Path, *rows: str) -> None:
    text = "\n".join(["lesion_id,image_id,dx", *rows]) + "\n"
    (base / "HAM10000_metadata.csv").write_text(text, encoding="utf-8")


def test_counts_and_findings(root: Path, tmp_path: Path) -> None:
    cache = tmp_path / "pairs.json"
    report = check_cases(find_case_listing(root), cache=cache, workers=1)
    found = [(f.code, f.severity, f.name) for f in report.findings]
    empty = [name for name in DIAGNOSES if name not in ("MEL", "NV")]
    assert found == [
        *(("empty_class", "warning", name) for name in sorted(empty)),
        ("lookalike_diagnosis", "warning", "b"),
    ]
    assert report.findings[-1].text == "MEL, but looks like a, which is NV"
    assert report.counts == {
        "photographs": 3, "readable": 3, "lesions": 3, "errors": 0, "warnings": 6,
    }  # fmt: skip
    assert report.tables["photographs per class"]["NV"] == 2
    assert report.tables["photographs per lesion"] == {"1": 3}
    assert report.to_json()["tables"] == report.tables
    assert cache.is_file()
    again = check_cases(find_case_listing(root), lookalikes=False)
    assert not again.by_code().get("lookalike_diagnosis")


def test_a_lesion_with_two_diagnoses_and_broken_files(root: Path) -> None:
    base = root / "HAM10000"
    table(base, "L1,a,nv", "L1,b,mel", "L3,c,nv", "L4,gone,df")
    (base / "HAM10000_images_part_1" / "c.png").write_bytes(b"")
    report = check_cases(find_case_listing(root), lookalikes=False)
    codes = [f"{finding.code} {finding.name}" for finding in report.findings]
    assert codes[:2] == ["empty c.png", "missing_photograph gone"]
    assert "lesion_diagnoses L1" in codes
    assert report.tables["photographs per lesion"] == {"1": 1, "2": 1}


def test_looks_within_a_lesion_are_no_news() -> None:
    cases = [
        Case("a", Path("a"), "NV", "L1"),
        Case("b", Path("b"), "NV", "L1"),
        Case("c", Path("c"), "NV", "L2"),
        Case("d", Path("d"), "NV"),
        Case("e", Path("e"), "NV"),
    ]
    pairs = [("a", "b"), ("a", "c"), ("d", "e")]
    found = [(f.code, f.severity, f.name) for f in describe_pairs(cases, pairs)]
    assert found == [("lookalike", "info", "c"), ("lookalike", "info", "e")]
    assert count_lesion_sizes(cases) == {"1": 1, "2": 1}


def test_no_lesions_and_no_cases(tmp_path: Path) -> None:
    save(tmp_path / "mel" / "a.png", draw(1))
    report = check_cases(find_case_listing(tmp_path), lookalikes=False)
    assert "no_lesions" in report.by_code()
    (tmp_path / "mel" / "a.png").unlink()
    report = check_cases(find_case_listing(tmp_path))
    assert [(f.code, f.severity) for f in report.findings] == [("no_cases", "error")]


def test_each_task_whose_data_is_there(root: Path, tmp_path: Path) -> None:
    assert list(find_checks(root)) == ["diagnosis"]
    save(root / "images" / "x.png", draw(3))
    assert list(find_checks(root)) == ["segmentation", "diagnosis"]
    reports = {task: run(lookalikes=False) for task, run in find_checks(root).items()}
    assert [report.counts["photographs"] for report in reports.values()] == [1, 3]
    (tmp_path / "holiday" / "pictures").mkdir(parents=True)
    assert all(find(tmp_path / "holiday") is None for find in FINDERS.values())
    with pytest.raises(DataError, match="it holds pictures"):
        find_checks(tmp_path / "holiday")
    with pytest.raises(DataError, match="no folder"):
        find_checks(tmp_path / "nowhere")


@pytest.mark.real
def test_the_real_cases_contradict_nothing(real: Path) -> None:
    listing = find_case_listing(real)
    sizes = count_lesion_sizes(listing.cases)
    assert sizes == {"1": 5514, "2": 1423, "3": 490, "4": 34, "5": 5, "6": 4}
