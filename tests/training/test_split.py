"""A split from a file is checked before anything trains on it."""

import json
from pathlib import Path

import pytest

from nevus.errors import DataError
from nevus.training.split import Split, read_split, split_digest


def write(folder: Path, document: object) -> Path:
    path = folder / "split.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_a_split_comes_back(tmp_path: Path) -> None:
    path = write(tmp_path, {"training": ["b", "a"], "validation": [], "notice": "x"})
    assert read_split(path) == Split(("b", "a"), ())


@pytest.mark.parametrize(
    ("training", "validation", "message"),
    [
        (
            ["a", "b", "c", "d", "e"],
            list("abcd"),
            "trains and validates on 4 photographs: a, b, c, ..",
        ),
        (["a", "b", "a"], ["c"], "names twice 1 photographs: a"),
        (["a"], ["c", "c"], "names twice 1 photographs: c"),
        ([["a"]], ["b"], "no split"),
        ("abc", ["d"], "no split"),
        ([1], [], "no split"),
        ({"a": 1}, [], "no split"),
    ],
)
def test_wrong_splits_are_refused(
    tmp_path: Path, training: object, validation: object, message: str
) -> None:
    path = write(tmp_path, {"training": training, "validation": validation})
    with pytest.raises(DataError, match=message):
        read_split(path)


@pytest.mark.parametrize("document", [[], "abc", None, {"training": []}])
def test_no_split_at_all(tmp_path: Path, document: object) -> None:
    with pytest.raises(DataError, match="no split"):
        read_split(write(tmp_path, document))
    with pytest.raises(DataError, match="missing"):
        read_split(tmp_path / "absent.json")


def test_names_that_are_no_utf_8_count_as_others_do(tmp_path: Path) -> None:
    split = Split(("a",), ("b\udcff",))
    assert read_split(write(tmp_path, vars(split))) == split
    assert split_digest(split) != split_digest(Split(("a",), ("b\udcfe",)))
