"""Where the ISIC 2018 files lie: addresses, approximate sizes and licences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nevus.errors import UsageError
from nevus.labels import TASKS

BASE_URL: Final = "https://isic-challenge-data.s3.amazonaws.com/2018/"
"""The challenge's public bucket, as linked from https://challenge.isic-archive.com/data/#2018."""

PARTS: Final = ("training", "validation", "test")

_PUBLIC_DOMAIN = "CC-0"
_NON_COMMERCIAL = "CC-BY-NC 4.0"
_KB, _MB = 10**3, 10**6


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be downloaded.

    Attributes:
        name: File name at the source and on disk.
        tasks: The tasks that need it.
        part: One of `PARTS`.
        approximate_bytes: Size as the challenge's page rounds it; only for planning.
        licence: The licence the publisher names.
        base_url: What stands before the name in its address.
    """

    name: str
    tasks: tuple[str, ...]
    part: str
    approximate_bytes: int
    licence: str
    base_url: str = BASE_URL

    @property
    def url(self) -> str:
        """The address."""
        return self.base_url + self.name

    @property
    def max_bytes(self) -> int:
        """No honest copy of the file is larger; a transfer stops here."""
        return 2 * self.approximate_bytes + 16 * 2**20


def _lesions(name: str, tasks: tuple[str, ...], part: str, size: int) -> RemoteFile:
    return RemoteFile(f"ISIC2018_{name}", tasks, part, size, _PUBLIC_DOMAIN)


def _diagnoses(name: str, part: str, size: int) -> RemoteFile:
    return RemoteFile(f"ISIC2018_{name}", ("diagnosis",), part, size, _NON_COMMERCIAL)


_BOTH = ("segmentation", "attributes")
_FIRST = ("segmentation",)
_SECOND = ("attributes",)

FILES: Final = (
    _lesions("Task1-2_Training_Input.zip", _BOTH, "training", 10_400 * _MB),
    _lesions("Task1_Training_GroundTruth.zip", _FIRST, "training", 26 * _MB),
    _lesions("Task2_Training_GroundTruth_v3.zip", _SECOND, "training", 33 * _MB),
    _diagnoses("Task3_Training_Input.zip", "training", 2_600 * _MB),
    _diagnoses("Task3_Training_GroundTruth.zip", "training", 36 * _KB),
    _diagnoses("Task3_Training_LesionGroupings.csv", "training", 400 * _KB),
    _lesions("Task1-2_Validation_Input.zip", _BOTH, "validation", 228 * _MB),
    _lesions("Task1_Validation_GroundTruth.zip", _FIRST, "validation", 1 * _MB),
    _lesions("Task2_Validation_GroundTruth.zip", _SECOND, "validation", 2 * _MB),
    _diagnoses("Task3_Validation_Input.zip", "validation", 51 * _MB),
    _diagnoses("Task3_Validation_GroundTruth.zip", "validation", 2 * _KB),
    _lesions("Task1-2_Test_Input.zip", _BOTH, "test", 2_200 * _MB),
    _lesions("Task1_Test_GroundTruth.zip", _FIRST, "test", 9 * _MB),
    _lesions("Task2_Test_GroundTruth.zip", _SECOND, "test", 15 * _MB),
    _diagnoses("Task3_Test_Input.zip", "test", 402 * _MB),
    _diagnoses("Task3_Test_GroundTruth.zip", "test", 16 * _KB),
)
"""All files of the challenge that nevus can use. Sizes are approximate."""


def choose_files(
    tasks: Sequence[str], parts: Sequence[str] = PARTS, files: Sequence[RemoteFile] = FILES
) -> tuple[RemoteFile, ...]:
    """Return the files that tasks need, each once, in the table's order.

    Raises:
        UsageError: A task or part is unknown, or none is named.
    """
    _require_known("task", tasks, TASKS)
    _require_known("part", parts, PARTS)
    return tuple(
        file for file in files if file.part in parts and not set(tasks).isdisjoint(file.tasks)
    )


def describe_bytes(count: int) -> str:
    """Return a size for people: ``10.4 GB``, ``36 kB``."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f}".removesuffix(".0") + f" {unit}"
    return f"{count} bytes"


def _require_known(what: str, given: Sequence[str], known: Sequence[str]) -> None:
    hint = f"comma-separated, of {', '.join(known)}"
    if not given:
        raise UsageError(f"no {what} is named", hint=hint)
    for name in given:
        if name not in known:
            raise UsageError(f"unknown {what} {name!r}", hint=hint)
