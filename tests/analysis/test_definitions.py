"""Every measure has its formula; what is left out is said."""

from nevus.analysis.definitions import DEFINITIONS, NOT_ASSESSED
from nevus.analysis.lesion import Abcd


def test_every_measure_is_defined_once() -> None:
    names = [one.name for one in DEFINITIONS]
    assert len(set(names)) == len(names)
    plain = {"empty", "area_pixels", "colours_corrected", "feret_mm", "equal_area_mm"}
    assert set(names) == set(Abcd.model_fields) - plain
    assert {one.letter for one in DEFINITIONS} == {"A", "B", "C", "D", ""}
    assert all(one.formula and one.unit and one.source for one in DEFINITIONS)


def test_what_is_left_out_is_said() -> None:
    text = " ".join(NOT_ASSESSED)
    for word in ("total dermoscopy score", "veil", "regression", "vascular", "Evolution"):
        assert word in text
    assert all(one.endswith(".") for one in NOT_ASSESSED)
