"""The two tables: official columns, no ties by rounding, formulas stay text."""

import csv
from pathlib import Path

import numpy as np
import pytest

from nevus.analysis.tables import write_diagnoses
from nevus.imaging.cells import guard_cell
from nevus.inference.inputs import Failure, write_failures
from nevus.labels import DIAGNOSES

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1+1", "＝1", "＠A"]


def read(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_official_columns(tmp_path: Path) -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(7))
    row = dict(zip(DIAGNOSES, probabilities.tolist(), strict=True))
    write_diagnoses(tmp_path / "d.csv", [("ISIC_0000001", row)])
    head, first = read(tmp_path / "d.csv")
    assert head == ["image", "MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]
    assert first[0] == "ISIC_0000001"
    assert [float(cell) for cell in first[1:]] == probabilities.tolist()


def test_numbers_are_decimals_without_ties(tmp_path: Path) -> None:
    values = [1.0, 0.0, 1e-7, 1.0000001e-7, 1e-300, 0.25, 0.5]
    write_diagnoses(tmp_path / "d.csv", [("a", dict(zip(DIAGNOSES, values, strict=True)))])
    cells = read(tmp_path / "d.csv")[1][1:]
    assert all("." in cell and "e" not in cell for cell in cells)
    assert cells[:2] == ["1.0", "0.0"]
    assert float(cells[2]) < float(cells[3])


def test_no_rows_no_diagnoses(tmp_path: Path) -> None:
    write_diagnoses(tmp_path / "d.csv", [])
    assert len(read(tmp_path / "d.csv")) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 1.1])
def test_only_probabilities(tmp_path: Path, value: float) -> None:
    row = dict.fromkeys(DIAGNOSES, 0.1) | {"NV": value}
    with pytest.raises(ValueError, match="photo: probabilities"):
        write_diagnoses(tmp_path / "d.csv", [("photo", row)])
    with pytest.raises(ValueError, match="photo: probabilities"):
        write_diagnoses(tmp_path / "d.csv", [("photo", {"MEL": 1.0})])


def test_errors(tmp_path: Path) -> None:
    path = tmp_path / "errors.csv"
    failures = [Failure(tmp_path / name, "truncated", f"{name}: cut off") for name in FORMULAS]
    write_failures(path, failures)
    head, *rows = read(path)
    assert head == ["file", "code", "text"]
    assert len(rows) == len(FORMULAS)
    starts = tuple("=+-@\t\r\n＝＠ ")
    assert not any(cell.startswith(starts) for row in rows for cell in row)
    write_failures(path, [])
    assert not path.exists()


@pytest.mark.parametrize("name", ["plain.jpg", "a=b.jpg", "ä-1.jpg", "1+1.jpg", ""])
def test_harmless_cells_stay(name: str) -> None:
    assert guard_cell(name) == name


def test_names_that_break_lines_or_encodings(tmp_path: Path) -> None:
    names = ["two\nlines.jpg", 'quote".jpg', "comma,.jpg", "bytes\udc80.jpg", "turn\u202egnp.exe"]
    write_failures(tmp_path / "e.csv", [Failure(Path(name), "x", "t") for name in names])
    assert len(read(tmp_path / "e.csv")) == 1 + len(names)
    text = (tmp_path / "e.csv").read_text(encoding="utf-8")
    assert text.count("\n") == 1 + len(names)
    assert "\u202e" not in text
