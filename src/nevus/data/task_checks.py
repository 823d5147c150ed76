"""Which checks a data root calls for: one for each task whose data is there."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from nevus.data.attribute_checks import check_attributes
from nevus.data.attribute_masks import ATTRIBUTE_SOURCES
from nevus.data.case_checks import check_cases
from nevus.data.cases import CASE_SOURCES
from nevus.data.checks import Report, check_listing
from nevus.data.grouping import find_pairs_file
from nevus.data.records import SOURCES, find_listing


class Check(Protocol):
    """A check of one task's data."""

    def __call__(
        self,
        *,
        lookalikes: bool = True,
        workers: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Report:
        """Return everything that is wrong or odd; arguments as `nevus.data.checks.check_data`."""
        ...


def find_checks(root: Path) -> dict[str, Check]:
    """Return task to check, of the tasks whose data is below `root`, in the order of `FINDERS`.

    Raises:
        DataError: The folder does not exist, or no task understands its layout.
    """
    checks: dict[str, Check] = {}
    if root.is_dir():
        for task, find in FINDERS.items():
            check = find(root)
            if check is not None:
                checks[task] = check
    return checks or {"segmentation": partial(check_listing, find_listing(root))}


def find_segmentation_check(root: Path) -> Check | None:
    """Return the check of photographs with masks, or None without them."""
    listings = (source(root) for source in SOURCES.values())
    listing = next((found for found in listings if found is not None), None)
    return None if listing is None else partial(check_listing, listing)


def find_attribute_check(root: Path) -> Check | None:
    """Return the check of photographs with five masks, or None without them."""
    listings = (source(root) for source in ATTRIBUTE_SOURCES.values())
    listing = next((found for found in listings if found is not None), None)
    return None if listing is None else partial(check_attributes, listing)


def find_diagnosis_check(root: Path) -> Check | None:
    """Return the check of photographs with diagnoses, or None without them."""
    listings = (source(root) for source in CASE_SOURCES.values())
    listing = next((found for found in listings if found is not None), None)
    if listing is None:
        return None
    return partial(check_cases, listing, cache=find_pairs_file(c.image for c in listing.cases))


FINDERS: dict[str, Callable[[Path], Check | None]] = {
    "segmentation": find_segmentation_check,
    "attributes": find_attribute_check,
    "diagnosis": find_diagnosis_check,
}
"""Each value: ``root -> check``, or None where the root holds no data of the task."""
