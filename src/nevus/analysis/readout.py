"""One answer as the words and numbers a page shows; no markup here."""

from collections.abc import Iterable
from typing import Any, Final

from nevus.analysis.lesion import Abcd
from nevus.analysis.results import Analysis, AttributeAnswer, DiagnosisAnswer
from nevus.analysis.wording import (
    ATTRIBUTE_WORDS,
    COLOUR_WORDS,
    DIAGNOSIS_WORDS,
    FLAG_WORDS,
    SEVERITY_WORDS,
)

Row = dict[str, Any]

_NONE: Final = "not measured"
_LIKELY: Final = 0.5


def list_findings(answer: Analysis) -> list[Row]:
    """Return what a reader must know first, worst first: severity, its word, text."""
    found = []
    kind = answer.dermoscopy
    if kind is not None and not kind.is_dermoscopy:
        text = (
            f"This does not look like a dermoscopy (score {kind.score:.2f}, from "
            f"{kind.threshold:.2f} on it would). Nothing is said about the diagnosis, and outline, "
            "attributes and measures mean little."
        )
        found.append(("serious", text))
    found += [(flag.severity, flag.text) for flag in answer.quality]
    found += [("info", f"The file: {text}.") for text in answer.warnings]
    order = list(SEVERITY_WORDS)
    found.sort(key=lambda item: order.index(item[0]))
    return [{"severity": one, "word": SEVERITY_WORDS[one], "text": text} for one, text in found]


def list_badges(answer: Analysis) -> list[Row]:
    """Return what an overview says of a photograph in a word or two: severity, text."""
    kind = answer.dermoscopy
    found = []
    if kind is not None and not kind.is_dermoscopy:
        found.append({"severity": "serious", "text": "No dermoscopy"})
    return found + [
        {"severity": flag.severity, "text": FLAG_WORDS.get(flag.code, flag.code)}
        for flag in answer.quality
        if flag.severity != "info"
    ]


def describe_diagnosis(answer: DiagnosisAnswer | None) -> Row | None:
    """Return the bars, the set and what they are worth; None where no such model ran."""
    if answer is None:
        return None
    if answer.probabilities is None:
        return {"reason": answer.reason, "bars": [], "verdict": "", "worth": ""}
    bars = [
        {
            "name": name,
            "words": DIAGNOSIS_WORDS[name],
            "length": f"{100 * value:.1f}",
            "percent": f"{100 * value:.1f} %" if value >= 0.001 else "< 0.1 %",
            "chosen": name in answer.conformal_set,
        }
        for name, value in sorted(answer.probabilities.items(), key=lambda item: -item[1])
    ]
    return {
        "reason": None,
        "bars": bars,
        "verdict": name_set(answer),
        "left": say_left(answer),
        "words": [DIAGNOSIS_WORDS[name] for name in answer.conformal_set],
        "coverage": None if answer.coverage is None else f"{100 * answer.coverage:g} %",
        "worth": describe_calibration(answer),
    }


def name_set(answer: DiagnosisAnswer | None) -> str:
    """Return the conformal set as ``BKL or MEL``, empty where there is none."""
    return "" if answer is None else _join(answer.conformal_set)


def say_left(answer: DiagnosisAnswer) -> str:
    """Return what stands after the set's names: how they were left, at which coverage."""
    if answer.coverage is None:
        return ""
    alone = len(answer.conformal_set) == 1
    words = "is the only one not ruled out" if alone else "cannot be ruled out"
    return f"{words} at {100 * answer.coverage:g} % coverage."


def describe_calibration(answer: DiagnosisAnswer) -> str:
    """Return how far the probabilities can be trusted."""
    known = answer.calibration
    if known is None:
        return "These numbers are not calibrated: read them as an order, not as probabilities."
    return (
        f"Calibrated on n = {known.n:,} photographs ({known.split}): expected calibration error "
        f"{known.ece:.3f}.{_explain_order(answer)}"
    )


def _explain_order(answer: DiagnosisAnswer) -> str:
    """Return why a set holds a diagnosis and not a likelier one, where that is so."""
    found, kept = answer.probabilities or {}, answer.conformal_set
    least = min((found[name] for name in kept), default=1.0)
    if all(value <= least for name, value in found.items() if name not in kept):
        return ""
    return " Each diagnosis has a limit of its own: a rarer one stays at less than a likelier one."


def list_attributes(answer: Analysis) -> list[Row]:
    """Return a row for each attribute: words, present, found, probability, share of the area.

    ``found`` is yes, no, or that the presence head says yes and no pixel of the map does.
    """
    return [
        {
            "name": name,
            "words": ATTRIBUTE_WORDS[name],
            "present": found.present,
            "found": _say_found(found),
            "percent": f"{100 * found.probability:.0f} %",
            "share": _share(found.area_share),
        }
        for name, found in answer.attributes.items()
    ]


def _say_found(found: AttributeAnswer) -> str:
    if found.present:
        return "yes"
    return "likely, not located" if found.probability >= _LIKELY else "no"


def list_measures(abcd: Abcd | None) -> list[Row]:
    """Return the ABCD rows: letter, words, value; empty without a lesion."""
    if abcd is None or abcd.empty:
        return []
    colours = [
        f"{COLOUR_WORDS[name]} {100 * (abcd.colour_shares or {}).get(name, 0):.0f} %"
        for name in abcd.colours or ()
    ]
    feret = _length(abcd.feret_pixels, abcd.feret_mm)
    equal = _length(abcd.equal_area_pixels, abcd.equal_area_mm)
    rows = (
        ("A", "Asymmetry along the longer axis", _number(abcd.asymmetry_major)),
        ("A", "Asymmetry along the shorter axis", _number(abcd.asymmetry_minor)),
        ("B", "Compactness (1: a disc)", _number(abcd.compactness)),
        ("B", "Solidity (1: no notches)", _number(abcd.solidity)),
        ("C", f"Colours, {len(colours)} of 6", ", ".join(colours) or "none of the six"),
        ("D", "Longest diameter", feret),
        ("D", "Diameter of a disc of the same area", equal),
        ("", "Share of the photograph", _share(abcd.area_share)),
    )
    return [{"letter": letter, "words": words, "value": value} for letter, words, value in rows]


def list_similar(answer: Analysis) -> list[Row]:
    """Return the similar training cases."""
    return [
        {
            "image_id": case.image_id,
            "words": DIAGNOSIS_WORDS[case.diagnosis],
            "name": case.diagnosis,
            "distance": f"{case.distance:.3f}",
            "link_text": case.link_text,
        }
        for case in answer.similar
    ]


def describe_lesion(answer: Analysis) -> str:
    """Return one sentence about the mask, for those who do not see the picture."""
    lesion = answer.segmentation
    if lesion is None:
        return "No lesion mask was made."
    if lesion.empty:
        return "No lesion was found: the mask is empty."
    cut = ", and touches the photograph's edge" if lesion.touches_border else ""
    return f"The lesion covers {_share(lesion.area_share)} of the photograph{cut}."


def _join(names: Iterable[str]) -> str:
    *first, last = [*names] or [""]
    return f"{', '.join(first)} or {last}" if first else last


def _share(value: float) -> str:
    return f"{100 * value:.1f} %" if value >= 0.001 or value == 0 else "< 0.1 %"


def _number(value: float | None) -> str:
    return _NONE if value is None else f"{value:.2f}"


def _length(pixels: float | None, millimetres: float | None) -> str:
    if pixels is None:
        return _NONE
    if millimetres is None:
        return f"{pixels:.0f} pixels (no scale given: no millimetres)"
    return f"{millimetres:.1f} mm ({pixels:.0f} pixels)"
