"""The JSON schema of an answer; what each field means is read from the classes' docstrings."""

import json
import re
from inspect import cleandoc
from pathlib import Path
from typing import Any, Final

from nevus.analysis.definitions import DEFINITIONS
from nevus.analysis.results import Analysis
from nevus.imaging.files import write_atomically

_HEADING: Final = "\n\nAttributes:\n"
_FIELD: Final = re.compile(r"^ {4}(\w+): ", re.MULTILINE)


def make_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of `Analysis.to_json`.

    Measures of a lesion have their formula, unit and source, too.
    """
    schema = Analysis.model_json_schema(mode="serialization")
    for part in (schema, *schema["$defs"].values()):
        _move_descriptions(part)
    for one in DEFINITIONS:
        field = schema["$defs"]["Abcd"]["properties"].get(one.name)
        if field is not None:
            told = f"Formula: {one.formula}. Unit: {one.unit}. Source: {one.source}."
            field["description"] = " ".join((field.get("description", ""), told)).strip()
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "analysis-1.json"}
    return {**head, **schema}


def write_schema(path: Path) -> None:
    """Write the schema; ``docs/schema/analysis-1.json`` is its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, f"{json.dumps(make_schema(), indent=1)}\n".encode())


def _move_descriptions(part: dict[str, Any]) -> None:
    """Give each property its line of the docstring, which pydantic took for the whole."""
    summary, _, fields = cleandoc(part.get("description", "")).partition(_HEADING)
    part["description"] = " ".join(summary.split())
    told = _FIELD.split(fields)[1:]
    for name, text in zip(told[::2], told[1::2], strict=True):
        part["properties"][name]["description"] = " ".join(text.replace("`", "").split())
