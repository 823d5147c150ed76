"""Truth and prediction files, folder or zip, joined as the official scorer joins them."""

import re
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from nevus.data.archives import UNPACKING_ERRORS
from nevus.data.listing import MASK_ENDINGS
from nevus.data.records import IMAGE_FOLDERS, MASK_FOLDERS, find_named_folder
from nevus.errors import ArchiveError, ImageError, UsageError
from nevus.imaging.files import is_photograph_name
from nevus.imaging.limits import DEFAULT_LIMITS
from nevus.labels import IMAGE_SUFFIXES

_IMAGE_ID: Final = re.compile(r"ISIC_[0-9]{7}")
_NUMBER: Final = re.compile(r"(?=([0-9]{7}))")
_NOT_MASKS: Final = frozenset({"ATTRIBUTION.txt", "LICENSE.txt"})
_MAX_MEMBERS: Final = 100_000


@dataclass(frozen=True)
class MaskFile:
    """A file in a folder, or a member of a zip that is open.

    Args:
        name: The file's own name, without folders.
        path: Of the file, or of the zip.
        member: What to read inside `path`; None for a file in a folder.
        archive: The open zip `member` belongs to.
    """

    name: str
    path: Path
    member: zipfile.ZipInfo | None = None
    archive: zipfile.ZipFile | None = None

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return PurePosixPath(self.name).stem

    def open(self) -> Path | bytes:
        """Return what an image reader takes: the path, or the bytes of the member.

        Raises:
            ImageError: The member cannot be unpacked.
        """
        if self.archive is None or self.member is None:
            return self.path
        try:
            return self.archive.read(self.member)
        except UNPACKING_ERRORS as error:
            raise ImageError(
                "unreadable", f"{self.name} cannot be unpacked from {self.path.name}: {error}"
            ) from error


@dataclass(frozen=True)
class MaskPair:
    """The truth and the prediction of one photograph."""

    image_id: str
    truth: MaskFile
    prediction: MaskFile


@dataclass(frozen=True)
class Pairing:
    """What two folders have in common, and what keeps them apart.

    Args:
        pairs: Sorted by image_id.
        missing: image_ids of the truth that have no prediction.
        extra: Names of predictions that have no truth.
        problems: What forbids scoring in any case, one sentence each.
    """

    pairs: tuple[MaskPair, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    problems: tuple[str, ...]


@contextmanager
def open_masks(source: Path) -> Iterator[tuple[MaskFile, ...]]:
    """List the files of a folder or zip, sorted by name; a zip stays open inside the `with`.

    Folders inside a zip are ignored, as the official scorer flattens it, and nothing is
    unpacked to disk.

    Raises:
        UsageError: `source` does not exist.
        ArchiveError: The zip is damaged, encrypted, or names paths outside itself.
    """
    if source.is_dir():
        yield tuple(MaskFile(path.name, path) for path in sorted(source.iterdir()))
        return
    if not source.is_file():
        raise UsageError(f"{source} does not exist; expected a folder or a zip of masks")
    try:
        archive = zipfile.ZipFile(source)
    except UNPACKING_ERRORS as error:
        raise ArchiveError(f"{source} is neither a folder nor a readable zip: {error}") from error
    with archive:
        yield tuple(sorted(_list_members(source, archive), key=lambda file: file.name))


def _list_members(source: Path, archive: zipfile.ZipFile) -> Iterator[MaskFile]:
    members = archive.infolist()
    if len(members) > _MAX_MEMBERS:
        raise ArchiveError(f"{source} has {len(members)} entries, expected <= {_MAX_MEMBERS}")
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise ArchiveError(f"{source} names a path outside itself: {member.filename!r}")
        if not path.parts and not member.filename.endswith("/"):
            raise ArchiveError(f"{source} holds a file without a name: {member.filename!r}")
        if member.flag_bits & 0x1:
            raise ArchiveError(f"{source} is encrypted ({member.filename!r})")
        if member.file_size > DEFAULT_LIMITS.max_bytes:
            raise ArchiveError(
                f"{member.filename!r} in {source} unpacks to {member.file_size} bytes, "
                f"expected <= {DEFAULT_LIMITS.max_bytes}"
            )
        if not member.is_dir() and path.parts[0] != "__MACOSX":
            yield MaskFile(path.name, source, member, archive)


def find_image_id(name: str) -> str:
    """Return the ``ISIC_`` and seven digits in a mask's name, else its stem without suffix."""
    stem = PurePosixPath(name).stem
    found = _IMAGE_ID.search(stem)
    if found:
        return found.group()
    for ending in ("_prediction", *MASK_ENDINGS):
        stem = stem.removesuffix(ending)
    return stem


def pair_masks(truth: Sequence[MaskFile], prediction: Sequence[MaskFile]) -> Pairing:
    """Join truth and prediction files, listing everything that does not fit.

    The official scorer takes for a photograph every prediction whose stem holds its seven
    digits anywhere, and refuses unless that is exactly one file; so does this. Photographs
    without an ISIC number are joined by the same stem.
    """
    candidates = _index_predictions(prediction)
    problems: list[str] = []
    pairs: list[MaskPair] = []
    missing: list[str] = []
    used: set[str] = set()
    for image_id, files in _group_truth(truth).items():
        found = candidates.get(image_id, [])
        used.update(file.name for file in found)
        if len(files) > 1:
            problems.append(f"{image_id} has {len(files)} truth files: {_join_names(files)}")
        if len(found) > 1:
            problems.append(f"{image_id} has {len(found)} predictions: {_join_names(found)}")
        elif not found:
            missing.append(image_id)
        elif len(files) == 1:
            pairs.append(MaskPair(image_id, files[0], found[0]))
    extra = sorted({file.name for file in prediction if _looks_like_mask(file)} - used)
    return Pairing(tuple(pairs), tuple(missing), tuple(extra), tuple(problems))


def _group_truth(truth: Iterable[MaskFile]) -> dict[str, list[MaskFile]]:
    groups: dict[str, list[MaskFile]] = defaultdict(list)
    for file in truth:
        if file.name not in _NOT_MASKS and not file.name.startswith("."):
            groups[find_image_id(file.name)].append(file)
    return dict(sorted(groups.items()))


def _index_predictions(prediction: Iterable[MaskFile]) -> dict[str, list[MaskFile]]:
    index: dict[str, list[MaskFile]] = defaultdict(list)
    for file in prediction:
        keys = {f"ISIC_{number}" for number in _NUMBER.findall(file.stem)}
        for key in keys | {find_image_id(file.name)}:
            index[key].append(file)
    return index


def _looks_like_mask(file: MaskFile) -> bool:
    suffix = PurePosixPath(file.name).suffix.lower()
    return suffix in IMAGE_SUFFIXES or _NUMBER.search(file.stem) is not None


def _join_names(files: Iterable[MaskFile]) -> str:
    return ", ".join(repr(file.name) for file in files)


def find_truth_folder(root: Path) -> Path:
    """Return the task 1 ground-truth folder of a data root, or `root` where it is no data root.

    Raises:
        UsageError: The data root holds several.
    """
    return _find_inside(root, "*Task1*GroundTruth*", MASK_FOLDERS)


def find_photographs(root: Path) -> dict[str, Path]:
    """Return image_id -> photograph for a folder of photographs, or of a data root.

    Raises:
        UsageError: `root` is no folder, or a data root with several photograph folders.
    """
    folder = _find_inside(root, "*Task1*Input*", IMAGE_FOLDERS)
    if not folder.is_dir():
        raise UsageError(f"{root} is not a folder; expected the photographs")
    return {path.stem: path for path in sorted(folder.iterdir()) if is_photograph_name(path)}


def _find_inside(root: Path, pattern: str, names: Sequence[str]) -> Path:
    for base in (root, root / "isic2018"):
        found = sorted(path for path in base.glob(pattern) if path.is_dir())
        if len(found) > 1:
            several = ", ".join(path.name for path in found)
            raise UsageError(f"{base} holds several folders {pattern}: {several}; name one of them")
        if found:
            return found[0]
    named = find_named_folder(root, names) if root.is_dir() else None
    return named or root
