"""`nevus data leaks`: what it prints, its JSON and page, its exit codes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from nevus.cli.data import data_app
from nevus.errors import DataError, UsageError
from nevus.labels import NOTICE


def save(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (48, 48, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    base = tmp_path / "root"
    for number, name in enumerate("abcd"):
        save(base / "HAM10000_images_part_1" / f"{name}.png", number)
    rows = "lesion_id,image_id,dx\nL1,a,nv\nL1,b,nv\nL2,c,mel\nL3,d,df\n"
    (base / "HAM10000_metadata.csv").write_text(rows, encoding="utf-8")
    return base


def split(path: Path, training: list[str], validation: list[str]) -> Path:
    document = {"training": training, "validation": validation}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def run(*arguments: object) -> tuple[str, BaseException | None]:
    texts = ["leaks", *map(str, arguments)]
    result = CliRunner().invoke(data_app, texts, env={"COLUMNS": "120"})
    return result.stdout, result.exception


def test_a_clean_split(root: Path, tmp_path: Path) -> None:
    path = split(tmp_path / "split.json", ["a", "b"], ["c", "d"])
    text, error = run(path, "--data", root, "--strict")
    assert error is None
    assert "Clean: nothing is shared by training (2) and validation (2)." in text
    assert "near-identical" in text


def test_a_leaking_split(root: Path, tmp_path: Path) -> None:
    path = split(tmp_path / "split.json", ["a", "c"], ["b", "d"])
    text, error = run(path, "--data", root)
    assert error is None
    assert "1 of 2 photographs of training, 1 of 2 photographs of validation" in text
    assert "L1" in text
    text, error = run(path, "--data", root, "--strict")
    assert isinstance(error, DataError)
    assert error.exit_code == 2
    assert str(error) == "the split leaks: lesions 1"
    assert "This split leaks" in text


def test_folders_as_json_and_page(root: Path, tmp_path: Path) -> None:
    for part, name in (("train", "a"), ("test", "<b>")):
        (tmp_path / part).mkdir()
        shutil.copy(root / "HAM10000_images_part_1" / "a.png", tmp_path / part / f"{name}.png")
    page = tmp_path / "page.html"
    text, error = run(tmp_path / "train", tmp_path / "test", "--json", "--page", page)
    assert error is None
    document = json.loads(text)
    assert document["notice"] == NOTICE
    assert document["pairs_by_kind"]["identical_file"] == 1
    html = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;" in html
    assert "<b>" not in html


def test_without_looks(root: Path, tmp_path: Path) -> None:
    path = split(tmp_path / "split.json", ["a", "b"], ["c", "d"])
    text, error = run(path, "--data", root, "--no-lookalikes")
    assert error is None
    assert "Looks were not compared" in text


def test_wrong_use(root: Path, tmp_path: Path) -> None:
    path = split(tmp_path / "split.json", ["a", "b"], ["c", "z"])
    assert isinstance(run(path)[1], UsageError)
    assert isinstance(run(path, "--data", root)[1], DataError)
    assert isinstance(run(tmp_path / "gone.json", "--data", root)[1], DataError)
    good = split(tmp_path / "good.json", ["a"], ["c"])
    nowhere = tmp_path / "no" / "page.html"
    assert isinstance(run(good, "--data", root, "--page", nowhere)[1], UsageError)
