"""``diagnosis.csv`` in the official form; strangers' names stay text."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from nevus.imaging.cells import clean_name, guard_cell
from nevus.imaging.files import write_atomically
from nevus.labels import DIAGNOSES


def write_diagnoses(path: Path, rows: Iterable[tuple[str, Mapping[str, float]]]) -> None:
    """Write probabilities as ``image,MEL,NV,BCC,AKIEC,BKL,DF,VASC``.

    Photographs without a diagnosis (abstained) have no row. Numbers stand with all their digits,
    so that rounding makes no ties, which the official scorer counts as wrong.

    Args:
        path: The file to write; written with its head alone where there are no rows.
        rows: (image, diagnosis to probability); image without ending, as in the official file.

    Raises:
        ValueError: A row lacks a diagnosis, or a number is none from 0 to 1.
        DiskFullError: There is no room.
    """
    table = [["image", *DIAGNOSES]]
    for image, probabilities in rows:
        values = [float(probabilities.get(name, -1.0)) for name in DIAGNOSES]
        if not all(0 <= value <= 1 for value in values):
            raise ValueError(f"{image}: probabilities of {', '.join(DIAGNOSES)} are expected")
        table.append([guard_cell(clean_name(image)), *(_write_number(value) for value in values)])
    _write(path, table)


def _write_number(value: float) -> str:
    # The shortest text that reads back as the same number, and never 1e-07: some readers stumble.
    text = repr(value)
    if "e" in text:
        text = f"{value:.20f}".rstrip("0")
    return f"{text}0" if text.endswith(".") else text


def _write(path: Path, table: Iterable[Iterable[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(table)
    write_atomically(path, text.getvalue().encode("utf-8", errors="backslashreplace"))
