"""Which photographs must stay on one side of a split: one lesion, or one picture twice."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from nevus.data.cache import cache_folder
from nevus.data.case_listing import Case
from nevus.data.lookalikes import Pair, group_lookalikes


def group_cases(cases: Sequence[Case], pairs: Iterable[Pair] = ()) -> dict[str, str]:
    """Return image_id to the smallest image_id of all it must stay together with.

    Photographs are joined where they share a lesion_id or look alike, directly or by way of
    others; one without a lesion_id is joined by look-alikes alone.

    Args:
        cases: Every photograph that is to be split, each once.
        pairs: image_ids of look-alikes, `nevus.data.lookalikes.find_lookalikes`; those that name
            other photographs are left out.
    """
    return group_lookalikes([case.image_id for case in cases], [*pair_lesions(cases), *pairs])


def pair_lesions(cases: Iterable[Case]) -> list[Pair]:
    """Return each photograph with the first one of its lesion, in the order of the cases."""
    first: dict[str, str] = {}
    pairs: list[Pair] = []
    for case in cases:
        if case.lesion_id is None:
            continue
        original = first.setdefault(case.lesion_id, case.image_id)
        if original != case.image_id:
            pairs.append((original, case.image_id))
    return pairs


def find_pairs_file(images: Iterable[Path]) -> Path:
    """Return where the look-alikes of these photographs are kept from one call to the next.

    Photographs of the same folders share a file, so that a training, a check and an audit of one
    data root compare its photographs once, and another data root does not push them out.
    """
    folders = sorted({str(image.parent.absolute()) for image in images})
    digest = hashlib.sha256("\n".join(folders).encode(errors="surrogateescape")).hexdigest()
    return cache_folder() / f"lookalikes-{digest[:16]}.json"
