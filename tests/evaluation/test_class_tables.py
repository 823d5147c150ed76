"""Task 3 CSV files: what the official scorer refuses, and what strangers write."""

import contextlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nevus.errors import DataError, NevusError, UsageError
from nevus.evaluation import csv_rows
from nevus.evaluation.class_tables import (
    compare_ids,
    find_truth_table,
    inspect_predictions,
    read_predictions,
    read_truth,
)
from nevus.labels import DIAGNOSES

HEADER = "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\n"
ROW = "0.1,0.2,0.3,0.1,0.1,0.1,0.1\n"
GOOD = f"{HEADER}ISIC_0000001,{ROW}ISIC_0000002,{ROW}"


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


def put(cell, column=2, line=1):
    """Return GOOD with one cell replaced."""
    lines = GOOD.splitlines()
    cells = lines[line].split(",")
    cells[column] = cell
    lines[line] = ",".join(cells)
    return "\n".join(lines) + "\n"


def find_problems(path):
    with pytest.raises(DataError) as caught:
        read_predictions(path)
    assert "\n" not in str(caught.value)
    return caught.value.problems


def test_good_table(write):
    table = read_predictions(write(GOOD))
    assert table.image_ids == ("ISIC_0000001", "ISIC_0000002")
    assert table.values.tolist() == [[0.1, 0.2, 0.3, 0.1, 0.1, 0.1, 0.1]] * 2
    assert table.weights.tolist() == [1, 1]


@pytest.mark.parametrize(
    "content",
    [
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\n\n  \n", 1),
        GOOD.replace("ISIC_0000001", "ISIC_0000001.JPG"),
        GOOD.replace("ISIC_0000001", '"ISIC_0000001"'),
        GOOD.rstrip("\n") + "\n\n",
    ],
)
def test_what_the_official_scorer_takes_is_taken(write, content):
    assert np.array_equal(read_predictions(write(content)).values,
                          read_predictions(write(GOOD, "good.csv")).values)  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1.0", 1.0), ("1", 1.0), ("0", 0.0), (".5", 0.5), ("1.", 1.0), ("+0.5", 0.5), (" 0.5 ", 0.5),
     ("5E-1", 0.5), ("-0.0", 0.0), ("1e-999", 0.0), ('"0.5"', 0.5), ("0.50000000000000001", 0.5)],
)  # fmt: skip
def test_numbers_the_official_scorer_takes(write, cell, value):
    assert read_predictions(write(put(cell))).values[0, 1] == value


@pytest.mark.parametrize(
    "cell",
    ["", " ", "NaN", "nan", "None", "NA", "inf", "-inf", "Infinity", "1e999", "-1e-300", "1.5",
     "-0.5", "1.0000001", "=cmd()", "True", "0x1p-1", "0_5", "０.５", "\u00a00.5", "5e", "5d-1",
     "0.5\0", '"0,5"', "1" * 1000],
)  # fmt: skip
def test_numbers_the_official_scorer_refuses(write, cell):
    problems = find_problems(write(put(cell)))
    assert len(problems) == 1
    assert problems[0].startswith("line 2, 'ISIC_0000001': NV is ")
    assert len(problems[0]) < 150


def test_a_column_of_integers_is_refused_though_single_ones_are_not(write):
    rows = "ISIC_0000001,0.5,1,0.2,0.1,0.1,0.1,0.1\nISIC_0000002,0.5,0,0.2,0.1,0.1,0.1,0.1\n"
    assert find_problems(write(HEADER + rows)) == (
        "column NV holds integers alone, which the official scorer refuses: write 0.0 and 1.0",
    )
    read_predictions(write(HEADER + rows.replace(",1,", ",1.0,")))


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (HEADER.replace("image", "Image"), "column 'image' is missing"),
        (HEADER.replace(",DF", ""), "column 'DF' is missing"),
        (HEADER.replace(",", ", "), "column 'MEL' is missing"),
        (HEADER.replace("\n", ",UNK\n"), "column 'UNK' is extra, expected image,MEL,"),
        (HEADER.replace("\n", ",MEL\n"), "column 'MEL' is there twice"),
        (HEADER.replace("\n", ",score_weight\n"), "column 'score_weight' is extra"),
        (HEADER.replace(",", ";"), "cells are separated by semicolons or tabs"),
        (HEADER.replace(",", "\t"), "cells are separated by semicolons or tabs"),
    ],
)
def test_headers(write, header, problem):
    assert any(one.startswith(problem) for one in find_problems(write(header + "a,b\n" * 3)))


def test_columns_in_any_order(write):
    content = "VASC,MEL,NV,BCC,AKIEC,BKL,DF,image\n0.7,0.1,0.2,0.3,0.4,0.5,0.6,ISIC_0000001\n"
    table = read_predictions(write(content))
    assert table.values.tolist() == [[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]]


def test_every_finding_is_listed_at_once(write):
    rows = [f"ISIC_0000001,{ROW}", f"ISIC_0000001.jpg,{ROW}", "ISIC_0000002,0.1\n",
            f"ISIC_0000003,{ROW.strip()},0.5\n", f",{ROW}", f"ISIC\x1b[2J,{ROW}",
            "ISIC_0000004,x,2,0.3,0.1,0.1,0.1,0.1\n"]  # fmt: skip
    assert find_problems(write(HEADER + "".join(rows))) == (
        "'ISIC_0000001' is there twice, again in line 3",
        "line 4 has 2 cells, expected 8",
        "line 5 has 9 cells, expected 8",
        "line 6 names no photograph: ''",
        "line 7 names no photograph: 'ISIC\\x1b[2J'",
        "line 8, 'ISIC_0000004': MEL is 'x', expected a decimal number from 0 to 1",
        "line 8, 'ISIC_0000004': NV is '2', expected 0 to 1",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "fewer than two lines end"),
        (HEADER, "fewer than two lines end"),
        (HEADER + "ISIC_0000001," + ROW.strip(), "fewer than two lines end"),
        (HEADER + "\n\n", "no row below the header"),
        (put('"0.5'), "cannot be taken apart"),
        (GOOD + "x" * 200_000 + f",{ROW}", "cannot be taken apart"),
    ],
)
def test_files_that_are_no_table(write, content, message):
    assert message in " ".join(find_problems(write(content)))


def test_files_that_are_no_text(write, tmp_path, monkeypatch):
    with pytest.raises(DataError, match="not UTF-8 at byte 1"):
        read_predictions(write(b"a\xff\xfe"))
    with pytest.raises(UsageError, match="there is no file"):
        read_predictions(tmp_path / "absent.csv")
    monkeypatch.setattr(csv_rows, "MAX_TABLE_BYTES", 10)
    with pytest.raises(DataError, match=r"expected <= 10"):
        read_predictions(write(GOOD))


def test_problems_without_end_are_cut_short(write):
    content = HEADER + "".join(f"a{number}\n" for number in range(10_050))
    problems = find_problems(write(content))
    assert len(problems) == 10_001
    assert problems[-1] == "the lines after 10001 were not looked at"


def test_folder_of_a_prediction(write, tmp_path):
    write(GOOD, "diagnosis.csv")
    assert read_predictions(tmp_path).image_ids == ("ISIC_0000001", "ISIC_0000002")


def test_inspection_keeps_what_can_be_read(write):
    inspected = inspect_predictions(write(put("x")))
    assert inspected.table.image_ids == ("ISIC_0000001", "ISIC_0000002")
    assert math.isnan(inspected.table.values[0, 0])
    assert len(inspected.problems) == 1
    assert compare_ids(["b", "a"], ["c", "b"]) == (("a",), ("c",))


def make_truth(*places, head=HEADER, tail=""):
    rows = (
        f"ISIC_{number:07d},"
        + ",".join("1.0" if place == here else "0.0" for here in range(7))
        + tail
        + "\n"
        for number, place in enumerate(places)
    )
    return head + "".join(rows)


def test_truth_and_weights(write):
    truth = read_truth(write(make_truth(0, 3).replace("ISIC_0000001", "ISIC_0035068")))
    assert truth.values.argmax(axis=1).tolist() == [0, 3]
    assert truth.weights.tolist() == [1, 0]
    head = HEADER.replace("\n", ",score_weight,validation_weight\n")
    assert read_truth(write(make_truth(1, head=head, tail=",0.25,9"))).weights.tolist() == [0.25]
    assert read_truth(write(make_truth(2).replace(".0", ""))).values.sum() == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (make_truth(0).replace("1.0", "0.0"), "'ISIC_0000000' has 0 diagnoses"),
        (make_truth(0).replace("0.0", "1.0"), "'ISIC_0000000' has 7 diagnoses"),
        (make_truth(0).replace("1.0", "0.9"), "line 2, 'ISIC_0000000': MEL is '0.9', expected 0"),
        (make_truth(0).replace("1.0", "nan"), "line 2, 'ISIC_0000000': MEL is 'nan', expected 0"),
        (make_truth(0, head=HEADER.replace("\n", ",score_weight\n"), tail=",-1"), "score_weight"),
        (HEADER, "no row below the header"),
    ],
)
def test_truths_that_are_none(write, content, problem):
    with pytest.raises(DataError) as caught:
        read_truth(write(content))
    assert len(caught.value.problems) == 1
    assert problem in caught.value.problems[0]


def test_truth_is_found_where_people_keep_it(tmp_path):
    name = "ISIC2018_Task3_Training_GroundTruth"
    path = tmp_path / "root" / "isic2018" / name / f"{name}.csv"
    path.parent.mkdir(parents=True)
    path.touch()
    for place in (path, path.parent, path.parent.parent, tmp_path / "root"):
        assert find_truth_table(place) == path
    with pytest.raises(UsageError, match="there is no"):
        find_truth_table(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no truth CSV"):
        find_truth_table(tmp_path / "empty")
    for stray in ("a.csv", "b.csv"):
        (tmp_path / "empty" / stray).touch()
    with pytest.raises(UsageError, match=r"several CSV files: 'a\.csv', 'b\.csv'"):
        find_truth_table(tmp_path / "empty")


@given(st.binary(max_size=120), st.integers(0, len(GOOD)))
@settings(max_examples=60, deadline=None)
def test_only_own_errors_come_out(tmp_path_factory, junk, place):
    path = tmp_path_factory.getbasetemp() / "mutated.csv"
    path.write_bytes(GOOD[:place].encode() + junk + GOOD[place:].encode())
    for read in (read_predictions, read_truth):
        with contextlib.suppress(NevusError):
            table = read(path)
            assert table.values.shape == (len(table.image_ids), len(DIAGNOSES))
            assert ((table.values >= 0) & (table.values <= 1)).all()
