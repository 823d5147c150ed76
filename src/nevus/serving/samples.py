"""Examples for the OpenAPI document; a test holds them against the shapes they are examples of."""

import json
from collections.abc import Mapping
from typing import Any, Final

from nevus import __version__
from nevus.analysis.lesion import Abcd
from nevus.analysis.results import (
    Analysis,
    AttributeAnswer,
    Calibration,
    Dermoscopy,
    DiagnosisAnswer,
    ModelUsed,
    SegmentationAnswer,
    SimilarCase,
    Size,
)
from nevus.labels import ATTRIBUTES, NOTICE
from nevus.serving.refusals import (
    RefusedError,
    closing,
    describe_error,
    died,
    full,
    late,
    too_large,
    too_slow,
)

_PNG: Final = "iVBORw0KGgoAAAANSUhEUg=="
"""The first bytes of every PNG in base64; a whole mask would fill pages."""

_PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "analyze": ("segmentation", "attributes", "diagnosis", "abcd", "similar"),
    "segment": ("segmentation", "abcd"),
    "attributes": ("attributes",),
    "diagnose": ("diagnosis", "similar"),
}
_SPLIT: Final = "photographs the model was not trained on"
_UNREADABLE: Final = describe_error("truncated", "the file is cut off: its picture is incomplete")


def add_examples(document: dict[str, Any]) -> None:
    """Put an example beside every JSON answer of an OpenAPI document.

    Not given to FastAPI, which drops what is null from all that it is given.
    """
    for path, item in document["paths"].items():
        for operation in item.values():
            for status, answer in operation["responses"].items():
                shown = answer["content"].get("application/json")
                if shown is not None:
                    shown["example"] = make_example(path, int(status))


def make_example(path: str, status: int) -> dict[str, Any]:
    """Return an answer of a path."""
    if status != 200:
        return dict(json.loads(_REFUSALS[status].to_json()))
    name = path.rpartition("/")[2]
    if name in _PARTS:
        return _make_results(name)
    return _FACTS[name]


def _make_results(verb: str) -> dict[str, Any]:
    """Return one photograph that was analysed, and one that could not be read."""
    told = _draw().model_dump(mode="json")
    bare = Analysis(image="a.jpg", size=Size(height=450, width=600)).model_dump(mode="json")
    dropped = set(_PARTS["analyze"]) - set(_PARTS[verb])
    analysis = {**told, **{name: bare[name] for name in dropped}}
    masks = ["lesion"] if analysis["segmentation"] else []
    masks += list(analysis["attributes"])
    answered = {"name": "a.jpg", "analysis": analysis, "masks": dict.fromkeys(masks, _PNG)}
    return {"notice": NOTICE, "results": [answered, {"name": "b.jpg", "error": _UNREADABLE}]}


_REFUSALS: Final = {
    400: RefusedError(400, "damaged_form", "the form is cut off"),
    401: RefusedError(401, "no_token", "the token is missing or wrong"),
    403: RefusedError(403, "other_site", "another site's page sent this request"),
    404: RefusedError(404, "no_model", "no model answers this", hint="/v1/models"),
    408: too_slow(),
    413: too_large(32 * 2**20),
    415: RefusedError(415, "compressed", "the request is compressed", hint="send it as it is"),
    421: RefusedError(421, "wrong_host", "the Host header names another service"),
    429: full(2),
    500: died(),
    503: closing(),
    504: late(30),
}
_MODEL: Final = ModelUsed(
    name="segmentation-small", task="segmentation", sha256="0" * 64, licence="CC-BY-NC-4.0",
    training_data="ISIC 2018, task 1",
)  # fmt: skip
_FACTS: Final[Mapping[str, dict[str, Any]]] = {
    "models": {
        "notice": NOTICE, "nevus": __version__, "verbs": sorted(_PARTS),
        "models": [_MODEL.model_dump(mode="json")],
    },
    "livez": {"status": "live"},
    "readyz": {"status": "ready"},
}  # fmt: skip


def _draw() -> Analysis:
    chances = (0.12, 0.81, 0.01, 0.01, 0.04, 0.005, 0.005)
    names = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
    absent = AttributeAnswer(file=None, present=False, probability=0.04, area_share=0.0)
    network = AttributeAnswer(file=None, present=True, probability=0.91, area_share=0.08)
    return Analysis(
        image="a.jpg",
        size=Size(height=450, width=600),
        dermoscopy=Dermoscopy(score=0.99, threshold=0.5, is_dermoscopy=True),
        segmentation=SegmentationAnswer(
            file=None, area_share=0.2, empty=False, touches_border=False, model=_MODEL.name
        ),
        attributes={**dict.fromkeys(ATTRIBUTES, absent), "pigment_network": network},
        diagnosis=DiagnosisAnswer(
            probabilities=dict(zip(names, chances, strict=True)), calibrated=True,
            calibration=Calibration(n=1400, ece=0.02, temperature=1.4, split=_SPLIT),
            conformal_set=("NV", "MEL"), coverage=0.9, abstained=False,
        ),
        abcd=Abcd(
            empty=False, area_share=0.2, area_pixels=54000, asymmetry_major=0.06,
            asymmetry_minor=0.08, asymmetry=0.07, compactness=1.2, solidity=0.97,
            perimeter_pixels=902.0, colour_shares={"light_brown": 0.6, "dark_brown": 0.3},
            colours=("light_brown", "dark_brown"), colours_corrected=True, feret_pixels=290.0,
            equal_area_pixels=262.2,
        ),
        similar=(
            SimilarCase(
                image_id="ISIC_0000001", diagnosis="NV", distance=0.31,
                link_text="look up ISIC_0000001 in the ISIC Archive, isic-archive.com",
            ),
        ),
        models=(_MODEL,),
    )  # fmt: skip
