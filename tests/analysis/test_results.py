"""The answer: strict, finite, free of contradictions, with an up-to-date schema."""

import json
import math
from pathlib import Path

import pytest
from pydantic import ValidationError

from nevus import __version__
from nevus.analysis.results import (
    Analysis,
    Calibration,
    Dermoscopy,
    DiagnosisAnswer,
    ModelUsed,
    SegmentationAnswer,
    SimilarCase,
    Size,
    read_analysis,
)
from nevus.analysis.schema import make_schema, write_schema
from nevus.imaging.cells import clean_name
from nevus.labels import DIAGNOSES, NOTICE

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "analysis-1.json"
EVEN = dict.fromkeys(DIAGNOSES, 1 / 7)


def test_the_published_schema_is_up_to_date(tmp_path: Path) -> None:
    write_schema(tmp_path / "schema" / "analysis-1.json")
    assert (tmp_path / "schema" / "analysis-1.json").read_bytes() == SCHEMA.read_bytes()
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == make_schema()


def test_the_schema_forbids_what_is_unknown() -> None:
    schema = make_schema()
    parts = [schema, *schema["$defs"].values()]
    assert all(part["additionalProperties"] is False for part in parts)
    assert schema["properties"]["format"]["const"] == "nevus-analysis-1"


def test_the_schema_explains_every_field() -> None:
    schema = make_schema()
    for part in (schema, *schema["$defs"].values()):
        assert "Attributes:" not in part["description"]
        for name, field in part["properties"].items():
            assert field.get("description"), name
    measures = schema["$defs"]["Abcd"]["properties"]
    assert "Source: Stoecker" in measures["asymmetry_major"]["description"]


def test_there_and_back(answer: Analysis, silent_answer: Analysis) -> None:
    for one in (answer, silent_answer):
        text = one.to_json()
        assert read_analysis(text) == one
        assert NOTICE in text
        assert json.loads(text)["nevus"] == __version__


def test_json_without_nan(answer: Analysis) -> None:
    text = answer.to_json()

    def refuse(name: str) -> None:
        raise AssertionError(name)

    json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_only_finite_numbers(value: float, make_answer) -> None:
    with pytest.raises(ValidationError):
        Dermoscopy(score=value, threshold=0.5, is_dermoscopy=True)
    with pytest.raises(ValidationError):
        SimilarCase(image_id="a", diagnosis="NV", distance=value, link_text="")
    text = make_answer().to_json().replace("0.97", str(value).replace("nan", "NaN"))
    with pytest.raises(ValueError, match="Analysis"):
        read_analysis(text)


def test_strict_and_frozen(answer: Analysis) -> None:
    with pytest.raises(ValidationError):
        Size(height="60", width=80)
    with pytest.raises(ValidationError):
        Size(height=60, width=80, depth=3)
    with pytest.raises(ValidationError):
        answer.image = "other.jpg"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("photo.jpg", "photo.jpg"),
        ("/home/Jane Doe/photo.jpg", "photo.jpg"),
        ("C:\\Users\\Jane\\photo.jpg", "photo.jpg"),
        ("two\nlines\r.jpg", "two[U+000A]lines[U+000D].jpg"),
        ("turn\u202egnp.exe", "turn[U+202E]gnp.exe"),
        ("bytes\udc80.jpg", "bytes[U+DC80].jpg"),
        ("", "photograph"),
        ("Muttermal größer.jpg", "Muttermal größer.jpg"),
    ],
)
def test_names_are_cleaned(name: str, shown: str) -> None:
    assert clean_name(name) == shown
    assert clean_name(shown) == shown
    shown.encode("utf-8")


def test_long_names_are_cut() -> None:
    assert len(clean_name("a" * 5000)) == 200


def test_a_name_with_a_folder_is_refused(make_answer) -> None:
    with pytest.raises(ValidationError, match="clean"):
        make_answer(image="/home/jane/photo.jpg")
    with pytest.raises(ValidationError, match="clean"):
        make_answer(image="two\nlines.jpg")


def test_calibrated_only_when_it_is() -> None:
    with pytest.raises(ValidationError, match="calibrated"):
        DiagnosisAnswer(probabilities=EVEN, calibrated=True, abstained=False)
    known = Calibration(n=5, ece=0.1, temperature=1.0, split="s")
    with pytest.raises(ValidationError, match="calibrated"):
        DiagnosisAnswer(probabilities=EVEN, calibrated=False, calibration=known, abstained=False)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"probabilities": EVEN, "abstained": True, "reason": "r"}, "abstention"),
        ({"probabilities": None, "abstained": True}, "abstention"),
        ({"probabilities": None, "abstained": False}, "expected"),
        ({"probabilities": EVEN | {"MEL": 0.5}, "abstained": False}, "sum"),
        ({"probabilities": {"MEL": 1.0}, "abstained": False}, "expected"),
        ({"probabilities": EVEN, "abstained": False, "conformal_set": ("NV", "NV")}, "twice"),
        ({"probabilities": EVEN, "abstained": False, "conformal_set": ("nv",)}, "none of"),
    ],
)
def test_contradictory_diagnoses(changes: dict, text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        DiagnosisAnswer(calibrated=False, **changes)


def test_contradictory_answers(answer: Analysis, make_answer) -> None:
    with pytest.raises(ValidationError, match="contradicts"):
        Dermoscopy(score=0.4, threshold=0.5, is_dermoscopy=True)
    with pytest.raises(ValidationError, match="no diagnosis"):
        make_answer(dermoscopy=Dermoscopy(score=0.1, threshold=0.5, is_dermoscopy=False))
    silent = DiagnosisAnswer(probabilities=None, calibrated=False, abstained=True, reason="r")
    with pytest.raises(ValidationError, match="similar"):
        make_answer(diagnosis=silent)
    empty = SegmentationAnswer(
        file=None, area_share=0.0, empty=True, touches_border=False, model="m"
    )
    with pytest.raises(ValidationError, match="disagree"):
        make_answer(segmentation=empty)
    with pytest.raises(ValidationError, match="notice"):
        make_answer(notice="Fine for diagnosis.")
    with pytest.raises(ValidationError, match="attributes"):
        make_answer(attributes={"veil": answer.attributes["globules"]})


def test_a_model_has_a_whole_hash() -> None:
    with pytest.raises(ValidationError, match="sha256"):
        ModelUsed(name="m", task="t", sha256="abc", licence="l", training_data="d")
