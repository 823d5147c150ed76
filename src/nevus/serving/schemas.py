"""The shapes of answers, for the OpenAPI document; answers themselves are put together as bytes."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from nevus.analysis.results import Analysis, CleanName, ModelUsed
from nevus.labels import NOTICE

_TOKEN: Final = {"type": "http", "scheme": "bearer"}


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Problem(_Shape):
    """What went wrong; `code` is stable, `text` and `hint` are for people."""

    code: str
    text: str
    hint: str | None


class ErrorAnswer(_Shape):
    """Of every status but 200."""

    error: Problem


class Answered(_Shape):
    """A photograph's answer, and its masks: PNG of 0 and 255 in base64, of the stored size."""

    name: CleanName
    analysis: Analysis
    masks: dict[str, Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})]]


class Unanswered(_Shape):
    """Why there is no answer for a photograph."""

    name: CleanName
    error: Problem


class Results(_Shape):
    """One result for each photograph, in the order they were sent."""

    notice: str = Field(default=NOTICE, json_schema_extra={"const": NOTICE})
    results: list[Answered | Unanswered]


class Models(_Shape):
    """What answers."""

    notice: str = NOTICE
    nevus: str
    verbs: list[str]
    models: list[ModelUsed]


class Health(_Shape):
    """That all is well."""

    status: Literal["live", "ready"]


_MEANINGS: Final = {
    400: "The form is damaged, empty, or has a field nobody asked for",
    401: "The token is missing or wrong",
    403: "Another site's page sent this",
    404: "No model answers this",
    408: "The request came too slowly",
    413: "The request is too large, or has too many photographs",
    415: "The request is compressed, or no multipart/form-data",
    421: "The Host header names another service",
    429: "The queue is full; see Retry-After",
    500: "A worker died, or nevus has a defect",
    503: "The service starts or stops",
    504: "The deadline passed",
}


def describe_errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return FastAPI's `responses` for some statuses."""
    found: dict[int | str, dict[str, Any]] = {
        status: {"model": ErrorAnswer, "description": _MEANINGS[status]} for status in statuses
    }
    advice = {"description": "Seconds", "schema": {"type": "integer", "minimum": 1}}
    for status in {429, 503} & set(found):
        found[status]["headers"] = {"Retry-After": advice}
    return found


def describe_form(most: int) -> dict[str, Any]:
    """Return the OpenAPI request body of an upload."""
    file = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
    shape = {
        "type": "object",
        "required": ["photographs"],
        "additionalProperties": False,
        "properties": {
            "photographs": {
                "type": "array",
                "minItems": 1,
                "maxItems": most,
                "items": file,
                "description": "JPEG or PNG files, in parts of this one name",
            }
        },
    }
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": shape}}}
    }


def describe_token() -> dict[str, Any]:
    """Return the OpenAPI component for the token."""
    return {"token": dict(_TOKEN)}
