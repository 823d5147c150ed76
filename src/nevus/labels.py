"""The vocabulary of ISIC 2018: tasks, attributes, diagnoses and official file names."""

from typing import Final

TASKS: Final = ("segmentation", "attributes", "diagnosis")
"""Task 1, task 2 and task 3 of the challenge, by nevus's names."""

PREDICTED_NAME: Final = "predicted.json"
"""A file in folders of predictions: what made them, and that nevus may replace them."""

ATTRIBUTES: Final = (
    "pigment_network",
    "negative_network",
    "streaks",
    "milia_like_cyst",
    "globules",
)
"""The five dermoscopic attributes of task 2, in the order of every array and table."""

DIAGNOSES: Final = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
"""The seven diagnoses of task 3, in the order of the official columns."""

NOTICE: Final = "Research use only. Not a medical device. Not for diagnosis or treatment decisions."
"""The sentence that stands wherever nevus answers."""

IMAGE_SUFFIXES: Final = (".jpg", ".jpeg", ".png")
"""File name endings (lower case) that count as photographs."""

MASK_SUFFIX: Final = "_segmentation"
"""What stands between image_id and ``.png`` in an official task 1 mask's name."""


def segmentation_name(image_id: str) -> str:
    """Return the official task 1 file name, ``ISIC_0000001_segmentation.png``."""
    return f"{image_id}{MASK_SUFFIX}.png"


def attribute_name(image_id: str, attribute: str) -> str:
    """Return the official task 2 file name, ``ISIC_0000001_attribute_streaks.png``.

    Raises:
        ValueError: `attribute` is none of `ATTRIBUTES`.
    """
    if attribute not in ATTRIBUTES:
        raise ValueError(f"unknown attribute {attribute!r}; one of {', '.join(ATTRIBUTES)}")
    return f"{image_id}_attribute_{attribute}.png"
