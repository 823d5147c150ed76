"""Answers of several photographs as one: JSON, or an archive."""

import io
import json
import re
import zipfile
from collections.abc import Iterable, Sequence
from typing import Final

from nevus.labels import NOTICE
from nevus.serving.pool import Done

_OLDEST: Final = (1980, 1, 1, 0, 0, 0)
_LONGEST_STEM: Final = 100


def join_results(answers: Iterable[Done]) -> bytes:
    """Return the JSON answer: workers wrote the pieces, so nothing is parsed here."""
    pieces = b",".join(one.files[""] for one in answers)
    return b'{"notice":%s,"results":[%s]}' % (json.dumps(NOTICE).encode(), pieces)


def pack_results(answers: Iterable[Done]) -> bytes:
    """Return a zip of all files, equal for equal answers."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, "NOTICE.txt", f"{NOTICE}\n".encode())
        for answer in answers:
            for name, data in answer.files.items():
                _add(archive, name, data)
    return stream.getvalue()


def name_stems(names: Sequence[str]) -> list[str]:
    """Return a name for each photograph's files, none twice and none with a strange sign."""
    stems: list[str] = []
    for name in names:
        bare = re.sub(r"\.(jpe?g|png)$", "", name, flags=re.IGNORECASE)
        bare = re.sub(r"[^\w.-]+", "_", bare, flags=re.ASCII).lstrip(".-")[:_LONGEST_STEM]
        stem = bare = bare or "photograph"
        count = 1
        while stem.lower() in {other.lower() for other in stems}:
            count += 1
            stem = f"{bare}-{count}"
        stems.append(stem)
    return stems


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    # PNG does not get smaller, and a time would make equal answers differ.
    archive.writestr(zipfile.ZipInfo(name, _OLDEST), data)
