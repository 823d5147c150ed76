"""What pages of photographs ask of the command line, whatever the task."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from nevus.errors import UsageError


def require_gallery_options(gallery: Path | None, images: Path | None) -> None:
    """Refuse --gallery without --images, and the other way round.

    Raises:
        UsageError: One is given without the other.
    """
    if gallery is not None and images is None:
        raise UsageError("--gallery needs the photographs", hint="add --images DIR")
    if images is not None and gallery is None:
        raise UsageError("--images has no use without --gallery", hint="add --gallery FILE")


def find_shown(images: Path, groups: Mapping[str, Iterable[str]]) -> dict[str, Path]:
    """Return image_id -> photograph, among them all that a page is to show.

    Args:
        images: Folder of the photographs, or a data root.
        groups: Heading -> image_ids.

    Raises:
        UsageError: A photograph is not there.
    """
    from nevus.evaluation.pairs import find_photographs

    photographs = find_photographs(images)
    absent = sorted({key for keys in groups.values() for key in keys} - photographs.keys())
    if absent:
        raise UsageError(f"{images} lacks {len(absent)} photographs: {', '.join(absent[:3])}")
    return photographs
