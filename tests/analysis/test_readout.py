"""The words around numbers: no contradiction, no grammar gone wrong."""

from dataclasses import dataclass

import pytest

from nevus.analysis import readout
from nevus.analysis.results import AttributeAnswer, Calibration, DiagnosisAnswer
from nevus.labels import DIAGNOSES


@dataclass
class Answer:
    attributes: dict[str, AttributeAnswer]


def make_diagnosis(*names: str, coverage: float | None = 0.9) -> DiagnosisAnswer:
    return DiagnosisAnswer(
        probabilities=dict.fromkeys(DIAGNOSES, 1 / 7), calibrated=False, abstained=False,
        conformal_set=names, coverage=coverage,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("NV",), "is the only one not ruled out at 90 % coverage."),
        (("NV", "MEL"), "cannot be ruled out at 90 % coverage."),
    ],
)
def test_a_set_of_one_is_said_otherwise(names: tuple[str, ...], words: str) -> None:
    assert readout.say_left(make_diagnosis(*names)) == words


def test_without_a_set_nothing_is_left() -> None:
    assert readout.say_left(make_diagnosis(coverage=None)) == ""


@pytest.mark.parametrize(
    ("names", "said"),
    [(("NV", "BKL"), False), (("NV", "BKL", "MEL"), False), (("NV", "VASC"), True), ((), False)],
)
def test_why_a_likelier_one_may_be_out(names: tuple[str, ...], said: bool) -> None:
    probabilities = dict(zip(DIAGNOSES, (0.1, 0.5, 0.02, 0.02, 0.2, 0.1, 0.06), strict=True))
    answer = make_diagnosis(*names).model_copy(
        update={
            "probabilities": probabilities,
            "calibrated": True,
            "calibration": Calibration(n=100, split="held out", temperature=1.2, ece=0.04),
        }
    )
    told = readout.describe_calibration(answer)
    assert told.startswith("Calibrated on n = 100 photographs (held out)")
    assert ("a limit of its own" in told) == said


def test_likely_without_a_place_is_not_a_no() -> None:
    def answer(present: bool, probability: float) -> AttributeAnswer:
        share = 0.1 if present else 0.0
        return AttributeAnswer(
            file=None, present=present, probability=probability, area_share=share
        )

    found = {
        "streaks": answer(True, 0.2),
        "globules": answer(False, 0.99),
        "negative_network": answer(False, 0.1),
    }
    # All of an answer that it looks at.
    rows = readout.list_attributes(Answer(found))  # type: ignore[arg-type]
    assert [row["found"] for row in rows] == ["yes", "likely, not located", "no"]
