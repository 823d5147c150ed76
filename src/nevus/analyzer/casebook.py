"""The user's own copy of the training photographs, for pictures of similar cases."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nevus.errors import ImageError, UsageError
from nevus.imaging.files import is_photograph_name
from nevus.imaging.reading import read_image


def check_casebook(folder: Path | None) -> None:
    """Refuse what is no folder.

    Raises:
        UsageError: It is none.
    """
    if folder is not None and not folder.is_dir():
        raise UsageError(f"there is no folder {str(folder)!r}", hint="--photographs takes one")


def read_similar(folder: Path | None, image_ids: Iterable[str]) -> dict[str, NDArray[np.uint8]]:
    """Return the photographs that a folder has of some cases; what cannot be read is left out.

    Args:
        folder: The data set, photographs named by their ids; None for no pictures.
        image_ids: Of the cases.
    """
    if folder is None:
        return {}
    known = _find_photographs(folder)
    found = {}
    for image_id in image_ids:
        try:
            found[image_id] = read_image(known[image_id]).pixels
        except (KeyError, ImageError):
            continue
    return found


@cache
def _find_photographs(folder: Path) -> dict[str, Path]:
    """Return stem to file; looked up once per process, because data sets have ten thousand."""
    return {path.stem: path for path in sorted(folder.rglob("*")) if is_photograph_name(path)}
