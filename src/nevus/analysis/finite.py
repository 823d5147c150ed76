"""The strictness every part of an answer shares."""

from pydantic import BaseModel, ConfigDict


class Finite(BaseModel):
    """A frozen part of an answer: exact types, no unknown fields, no NaN and no infinity."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, protected_namespaces=()
    )
