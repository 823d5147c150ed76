"""Answers of several photographs as one: JSON, or an archive."""

import io
import itertools
import json
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Sequence
from typing import Final

from nevus.labels import ATTRIBUTES, NOTICE, attribute_name, segmentation_name
from nevus.serving.jobs import Done
from nevus.serving.refusals import name_error

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
    """Return a name for each photograph's files, none twice and none with a strange sign.

    Letters of all scripts stay. What counts are the files: ``b_error`` beside ``b`` would be two
    photographs with a ``b_error.json``.
    """
    stems: list[str] = []
    taken: set[str] = set()
    for name in names:
        bare = re.sub(r"\.(jpe?g|png)$", "", name, flags=re.IGNORECASE)
        bare = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", bare)).lstrip(".-")
        bare = bare.encode()[:_LONGEST_STEM].decode(errors="ignore") or "photograph"
        tries = (bare if count == 1 else f"{bare}-{count}" for count in itertools.count(1))
        stem = next(one for one in tries if taken.isdisjoint(_list_files(one)))
        stems.append(stem)
        taken |= _list_files(stem)
    return stems


def _list_files(stem: str) -> set[str]:
    """Return all names a photograph's files may have; some file systems know no capitals."""
    masks = (attribute_name(stem, one) for one in ATTRIBUTES)
    names = (f"{stem}.json", name_error(stem), segmentation_name(stem), *masks)
    return {name.casefold() for name in names}


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    # PNG does not get smaller, and a time would make equal answers differ.
    archive.writestr(zipfile.ZipInfo(name, _OLDEST), data)
