"""Groups: lesions and look-alikes together, directly or by way of others; no fold splits one."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nevus.data.cases import Case, find_cases
from nevus.data.folds import split_folds
from nevus.data.grouping import find_pairs_file, group_cases, pair_lesions
from nevus.labels import DIAGNOSES


def make(image_id: str, lesion_id: str | None, diagnosis: str = "NV") -> Case:
    return Case(image_id, Path(f"{image_id}.jpg"), diagnosis, lesion_id)


def test_lesions_and_looks_join() -> None:
    cases = [
        make("a", "L1"),
        make("b", None),
        make("c", "L2"),
        make("d", "L1"),
        make("e", None),
        make("f", "L2"),
        make("g", None),
    ]
    assert pair_lesions(cases) == [("a", "d"), ("c", "f")]
    assert group_cases(cases) == {
        "a": "a", "b": "b", "c": "c", "d": "a", "e": "e", "f": "c", "g": "g",
    }  # fmt: skip
    groups = group_cases(cases, [("d", "f"), ("b", "g"), ("b", "stranger")])
    assert groups == {"a": "a", "b": "b", "c": "a", "d": "a", "e": "e", "f": "a", "g": "b"}


def slow_groups(cases: list[Case], pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return the same by walking from each photograph to all it reaches."""
    near = {
        case.image_id: {
            other.image_id
            for other in cases
            if (case.lesion_id is not None and case.lesion_id == other.lesion_id)
            or (case.image_id, other.image_id) in pairs
            or (other.image_id, case.image_id) in pairs
        }
        for case in cases
    }
    groups = {}
    for start in near:
        reached, waiting = {start}, [start]
        while waiting:
            more = near[waiting.pop()] - reached
            reached |= more
            waiting += more
        groups[start] = min(reached)
    return groups


@settings(deadline=None)
@given(st.data())
def test_equal_to_the_slow_twin(data: st.DataObject) -> None:
    names = [f"i{number}" for number in range(data.draw(st.integers(1, 12)))]
    lesion = st.sampled_from([None, "L1", "L2", "L3"])
    cases = [make(name, data.draw(lesion)) for name in data.draw(st.permutations(names))]
    pair = st.tuples(st.sampled_from(names), st.sampled_from(names))
    pairs = data.draw(st.lists(pair, max_size=6))
    assert group_cases(cases, pairs) == slow_groups(cases, pairs)


def test_the_file_of_pairs_belongs_to_the_folders(tmp_path: Path) -> None:
    file = find_pairs_file([tmp_path / "a" / "1.jpg", tmp_path / "a" / "2.jpg"])
    assert file == find_pairs_file([tmp_path / "a" / "3.jpg"])
    assert file != find_pairs_file([tmp_path / "b" / "1.jpg"])
    assert file != find_pairs_file([tmp_path / "a" / "1.jpg", tmp_path / "b" / "1.jpg"])


@pytest.mark.real
def test_real_folds_are_even_and_share_no_lesion(real: Path) -> None:
    cases = find_cases(real)
    strata = {case.image_id: case.diagnosis for case in cases}
    lesions = {case.image_id: case.lesion_id for case in cases}
    # Look-alikes take minutes to find; two known ones stand for them.
    pairs = [("ISIC_0025226", "ISIC_0030074"), ("ISIC_0027027", "ISIC_0029036")]
    folds = split_folds(strata, group_cases(cases, pairs), 5, 2018, strata=strata)
    assert max(map(len, folds)) - min(map(len, folds)) <= 6  # the largest lesion
    totals = Counter(strata.values())
    for fold in folds:
        counts = Counter(strata[image_id] for image_id in fold)
        for diagnosis in DIAGNOSES:
            assert abs(counts[diagnosis] - totals[diagnosis] / 5) <= 3
        inside = {lesions[image_id] for image_id in fold}
        outside = {lesions[i] for other in folds if other is not fold for i in other}
        assert not inside & outside
        assert all((a in fold) == (b in fold) for a, b in pairs)
