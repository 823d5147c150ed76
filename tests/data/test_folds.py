"""Folds: every photograph once, groups whole, sizes and classes even, order without effect."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nevus.data.folds import (
    parse_fold,
    read_validation_ids,
    split_folds,
)
from nevus.errors import DataError, UsageError


def name(number: int) -> str:
    return f"ISIC_{number:07d}"


@st.composite
def grouped(draw: st.DrawFn) -> tuple[list[str], dict[str, str], int]:
    sizes = draw(st.lists(st.integers(1, 7), min_size=2, max_size=40))
    folds = draw(st.integers(2, len(sizes)))
    groups: dict[str, str] = {}
    for size in sizes:
        first = len(groups)
        groups |= {name(first + k): name(first) for k in range(size)}
    return list(groups), groups, folds


@settings(deadline=None)
@given(grouped(), st.integers(0, 2**32 - 1), st.randoms(use_true_random=False), st.booleans())
def test_properties(
    data: tuple[list[str], dict[str, str], int],
    seed: int,
    shuffler: random.Random,
    with_strata: bool,
) -> None:
    image_ids, groups, folds = data
    strata = {i: "rare" if i.endswith("7") else "common" for i in image_ids}
    chosen = strata if with_strata else None
    split = split_folds(image_ids, groups, folds, seed, strata=chosen)
    assert len(split) == folds
    assert sorted(i for fold in split for i in fold) == sorted(image_ids)
    assert all(list(fold) == sorted(fold) for fold in split)
    homes = {i: k for k, fold in enumerate(split) for i in fold}
    assert all(homes[i] == homes[groups[i]] for i in image_ids)
    largest = max(Counter(groups.values()).values())
    sizes = [len(fold) for fold in split]
    assert max(sizes) - min(sizes) <= largest
    shuffler.shuffle(image_ids)
    turned = dict(sorted(groups.items(), reverse=True))
    assert split_folds(image_ids, turned, folds, seed, strata=chosen) == split


def test_seed_and_groups_matter() -> None:
    image_ids = [name(k) for k in range(60)]
    first = split_folds(image_ids, {}, 5, 1)
    assert first == split_folds(image_ids, {}, 5, 1)
    assert first != split_folds(image_ids, {}, 5, 2)
    assert [len(fold) for fold in first] == [12] * 5


def test_the_split_never_changes_between_versions() -> None:
    image_ids = [name(k) for k in range(7)]
    split = split_folds(image_ids, {name(1): name(0)}, 3, 2018)
    assert [[int(i[5:]) for i in fold] for fold in split] == [[0, 1, 5], [3, 6], [2, 4]]


def test_strata_spread_rare_classes() -> None:
    image_ids = [name(k) for k in range(500)]
    strata = {i: ("DF" if k < 10 else "MEL" if k < 60 else "NV") for k, i in enumerate(image_ids)}
    split = split_folds(image_ids, {}, 5, 0, strata=strata)
    for fold in split:
        assert Counter(strata[i] for i in fold) == {"DF": 2, "MEL": 10, "NV": 88}


def test_refusals() -> None:
    with pytest.raises(DataError, match="2 groups of photographs cannot make 3 folds"):
        split_folds(["a", "b", "c"], {"a": "b"}, 3, 0)
    with pytest.raises(UsageError, match="at least 2"):
        split_folds(["a", "b"], {}, 1, 0)
    with pytest.raises(DataError, match="1 photographs have no class, such as b"):
        split_folds(["a", "b"], {}, 2, 0, strata={"a": "NV"})


def test_parse_fold() -> None:
    assert parse_fold("0/5") == (0, 5)
    assert parse_fold(" 4/5 ") == (4, 5)


@pytest.mark.parametrize(
    "text", ["", "5", "5/5", "0/1", "0/0", "-1/5", "1.0/5", "a/b", "0/5/5", "٣/٥", "00000/5"]
)
def test_parse_fold_refuses(text: str) -> None:
    with pytest.raises(UsageError):
        parse_fold(text)


def test_read_validation_ids(tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    path.write_text(json.dumps({"training": ["a"], "validation": ["b", "c"]}), encoding="utf-8")
    assert read_validation_ids(path) == {"b", "c"}
    path.write_text('{"validation": "abc"}', encoding="utf-8")
    with pytest.raises(DataError, match="is no split"):
        read_validation_ids(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_validation_ids(tmp_path / "nowhere.json")
