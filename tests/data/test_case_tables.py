"""Tables of task 3: official ones are read, hostile ones refused with one clear line."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nevus.data.case_tables import (
    CONFIRMATIONS,
    DX_NAMES,
    Facts,
    read_diagnoses,
    read_lesions,
    read_metadata,
    read_rows,
)
from nevus.errors import DataError

HEADER = "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC"
NV = "0.0,1.0,0.0,0.0,0.0,0.0,0.0"
METADATA = "lesion_id,image_id,dx,dx_type,age,sex,localization"


def write(path: Path, *lines: str, end: str = "\n") -> Path:
    path.write_bytes((end.join(lines) + end).encode())
    return path


def test_one_hot_rows_become_diagnoses(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", HEADER, f"ISIC_1,{NV}", "ISIC_2,1,0,0,0,0,0,0")
    assert read_diagnoses(path) == ({"ISIC_1": "NV", "ISIC_2": "MEL"}, [])


@pytest.mark.parametrize(
    "data",
    [
        f"\ufeff{HEADER}\nISIC_1,{NV}\n".encode(),
        f"{HEADER}\r\nISIC_1,{NV}\r\n".encode(),
        f"{HEADER}\rISIC_1,{NV}\r".encode(),
        f"{HEADER}\nISIC_1,{NV}".encode(),
        f"\n{HEADER}\n\n,,,,,,,\nISIC_1 , {NV}\n\n".encode(),
        f'"image","MEL",{HEADER[10:]},extra\n"ISIC_1",{NV},x\n'.encode(),
        b"VASC,DF,BKL,AKIEC,BCC,NV,MEL,image\n0,0,0,0,0,1,0,ISIC_1\n",
    ],
    ids=["bom", "crlf", "cr", "no newline", "blank lines", "quotes", "other order"],
)
def test_harmless_variations(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    assert read_diagnoses(tmp_path / "t.csv") == ({"ISIC_1": "NV"}, [])


@pytest.mark.parametrize(
    ("row", "code", "text"),
    [
        ("a,0,0,0,0,0,0,0", "not_one_hot", "no diagnosis, expected one"),
        ("a,1,1,0,0,0,0,0", "not_one_hot", "MEL and NV, expected one"),
        ("a,0.9,0.1,0,0,0,0,0", "not_one_hot", "MEL is '0.9', expected 0 or 1"),
        ("a,nan,1,0,0,0,0,0", "not_one_hot", "MEL is 'nan'"),
        ("a,,1,0,0,0,0,0", "not_one_hot", "MEL is ''"),
        ("a,inf,1,0,0,0,0,0", "not_one_hot", "MEL is 'inf'"),
        ("a,-1,1,0,0,0,0,0", "not_one_hot", "MEL is '-1'"),
        ("a,no,1,0,0,0,0,0", "not_one_hot", "MEL is 'no'"),
        ("a,0,1,0,0,0,0", "broken_row", "line 3 has 7 cells, expected 8"),
        ("a,0,1,0,0,0,0,0,0", "broken_row", "line 3 has 9 cells, expected 8"),
        (",0,1,0,0,0,0,0", "broken_row", "line 3 has no image"),
        (f"good,{NV}", "doubled_row", "line 3 of t.csv is a second row"),
    ],
)
def test_a_bad_row_is_a_finding(tmp_path: Path, row: str, code: str, text: str) -> None:
    table, findings = read_diagnoses(write(tmp_path / "t.csv", HEADER, f"good,{NV}", row))
    assert table == {"good": "NV"}
    assert [finding.code for finding in findings] == [code]
    assert findings[0].severity == "error"
    assert text in findings[0].text


def make_pipe(path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes here")
    os.mkfifo(path)


UNREADABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda p: None, "is no file"),
    "folder": (lambda p: p.mkdir(), "is no file"),
    "pipe": (make_pipe, "is no file"),
    "empty": (lambda p: p.write_bytes(b""), "found nothing"),
    "nul": (lambda p: p.write_bytes(f"{HEADER}\na\0,{NV}\n".encode()), "NUL"),
    "utf-16": (lambda p: p.write_bytes(HEADER.encode("utf-16")), "not UTF-8"),
    "random bytes": (lambda p: p.write_bytes(bytes(range(256))), "not UTF-8"),
    "huge field": (lambda p: write(p, HEADER, f"{'a' * 200_000},{NV}"), "line 2 is no CSV"),
    "open quote": (lambda p: write(p, HEADER, f'"a,{NV}'), "is no CSV"),
    "semicolons": (lambda p: write(p, HEADER.replace(",", ";")), "found image;MEL"),
    "column missing": (lambda p: write(p, HEADER.replace(",DF", "")), "columns DF once"),
    "column doubled": (lambda p: write(p, f"{HEADER},DF"), "columns DF once"),
}


@pytest.mark.parametrize(("make", "text"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_table_is_refused(
    tmp_path: Path, make: Callable[[Path], object], text: str
) -> None:
    make(tmp_path / "t.csv")
    with pytest.raises(DataError, match=text) as caught:
        read_diagnoses(tmp_path / "t.csv")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "t.csv").open("wb") as file:
        file.truncate(65 * 2**20)
    with pytest.raises(DataError, match="expected at most"):
        read_diagnoses(tmp_path / "t.csv")


def test_strange_names_neither_break_nor_fill_a_message(tmp_path: Path) -> None:
    row = '"' + "x" * 90_000 + '\n\x1b[31m",maybe,0,0,0,0,0,0'
    _, findings = read_diagnoses(write(tmp_path / "t.csv", HEADER, row))
    assert len(findings) == 1
    assert len(findings[0].text) < 200


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_give_rows_or_one_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    for prefix in (b"", f"{HEADER}\n".encode(), f"{METADATA}\n".encode()):
        path.write_bytes(prefix + data)
        for read in (read_diagnoses, read_metadata, read_lesions, lambda p: list(read_rows(p))):
            try:
                read(path)
            except DataError as error:
                assert "\n" not in str(error)  # noqa: PT017


def test_lesions_and_how_they_were_confirmed(tmp_path: Path) -> None:
    path = write(
        tmp_path / "l.csv",
        "image,lesion_id,diagnosis_confirm_type",
        "a,HAM_1,Histopathology",
        "b,HAM_1,said so",
        "c,,single image expert consensus",
    )
    table, findings = read_lesions(path)
    assert findings == []
    assert table == {
        "a": Facts(lesion_id="HAM_1", confirmation="histo"),
        "b": Facts(lesion_id="HAM_1"),
        "c": Facts(confirmation="consensus"),
    }
    assert len(set(CONFIRMATIONS.values())) == 4


def test_metadata(tmp_path: Path) -> None:
    path = write(
        tmp_path / "m.csv",
        f"{METADATA},dataset",
        "HAM_1,a,akiec,histo,85.0,female,Lower Extremity,vidir",
        "HAM_2,b,NV,follow_up,,unknown,unknown,vidir",
        "HAM_3,c,naevus,histo,0.0,male,back,vidir",
        "HAM_4,d,vasc,consensus,old,divers,nan,vidir",
        "HAM_5,e,df,consensus,-3,,ear,vidir",
        "HAM_6,f,df,consensus,1e9,,ear,vidir",
    )
    table, findings = read_metadata(path)
    assert table["a"] == Facts("AKIEC", "HAM_1", 85.0, "female", "lower extremity", "histo")
    assert table["b"] == Facts("NV", "HAM_2", confirmation="follow_up")
    assert table["c"].diagnosis is None
    assert table["c"].age == 0.0
    assert [(f.code, f.severity, f.name) for f in findings] == [
        ("unknown_diagnosis", "error", "c"),
        ("odd_age", "warning", "d"),
        ("odd_sex", "warning", "d"),
        ("odd_age", "warning", "e"),
        ("odd_age", "warning", "f"),
    ]
    assert "naevus" in findings[0].text
    assert all(name in findings[0].text for name in DX_NAMES)
