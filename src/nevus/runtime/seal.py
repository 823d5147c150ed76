"""A manifest's own sha256, so that not only the model but all that is said of it is checked."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

KEY: Final = "manifest_sha256"
_BLANK: Final = b"0" * 64
_SEAL: Final = re.compile(rb'"manifest_sha256":[ \t\r\n]*"([0-9a-f]{64})"')


def dump_sealed(document: Mapping[str, Any], *, indent: int | None = None) -> bytes:
    """Return a manifest as JSON that holds its own hash.

    Args:
        document: JSON values; `KEY` is set anew.
        indent: Of the text; None for one line.
    """
    values = {**document, KEY: _BLANK.decode()}
    separators = (",", ":") if indent is None else None
    text = json.dumps(
        values, indent=indent, separators=separators, sort_keys=True, allow_nan=False
    ).encode()
    found = _find(text)
    if found is None:
        raise ValueError(f"{KEY} stands in the manifest twice")
    start, end = found.span(1)
    return text[:start] + _hash(text).encode() + text[end:]


def is_whole(text: bytes) -> bool:
    """Return whether a manifest is what `dump_sealed` made, to the last byte.

    The hash is that of the file with the 64 digits of `KEY` replaced by zeros.
    """
    found = _find(text)
    if found is None:
        return False
    start, end = found.span(1)
    return _hash(text[:start] + _BLANK + text[end:]) == found[1].decode()


def _find(text: bytes) -> re.Match[bytes] | None:
    found = list(_SEAL.finditer(text))
    return found[0] if len(found) == 1 else None


def _hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
