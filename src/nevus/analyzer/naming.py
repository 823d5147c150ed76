"""Which photographs are meant, and what the files about each are called."""

import glob
import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path
from typing import Final

from nevus.errors import UsageError
from nevus.imaging.cells import clean_name
from nevus.imaging.files import find_images, tell_none_found

_OWN: Final = re.compile(r"(?s)(.+)_(?:segmentation|overlay|attribute_[a-z_]+)\.png")
_LONGEST: Final = 120
_NOT_IN_NAMES: Final = re.compile(r'[<>:"/\\|?*]')
_RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


@dataclass(frozen=True)
class Input:
    """A photograph to be analysed.

    Attributes:
        path: The file.
        name: Its base name, cleaned.
        stem: What the files about it are called, without their endings; no two share one.
    """

    path: Path
    name: str
    stem: str


def find_inputs(sources: Sequence[Path | str]) -> tuple[Input, ...]:
    """Return the photographs that files, folders and patterns name, sorted and without doubles.

    What `nevus analyze` drew, its answer beside it, is no photograph.

    Args:
        sources: A pattern is taken as such only where no file has that very name.

    Raises:
        UsageError: One does not exist, or there is no photograph at all.
    """
    found = {
        path.absolute(): path
        for path in find_images([part for source in sources for part in _expand(str(source))])
        if not _is_own(path)
    }
    if not found:
        raise UsageError(
            tell_none_found(map(Path, sources)), hint="name photographs (.jpg, .png) or folders"
        )
    return name_inputs(found.values())


def name_inputs(paths: Iterable[Path]) -> tuple[Input, ...]:
    """Return inputs whose stems differ, however names are alike.

    A photograph alone of its name keeps it; where several share one, each gets a few digits made
    of its ending and place below their common folder, so that moving all together changes nothing.
    """
    paths = sorted(paths)
    stems = [clean_stem(path.stem) for path in paths]
    counts = Counter(_fold(stem) for stem in stems)
    shared = [path for path, stem in zip(paths, stems, strict=True) if counts[_fold(stem)] > 1]
    root = Path(commonpath([path.absolute().parent for path in shared])) if shared else Path()
    return tuple(
        Input(
            path,
            clean_name(path.name),
            stem if counts[_fold(stem)] == 1 else f"{stem}-{_digits(path, root)}",
        )
        for path, stem in zip(paths, stems, strict=True)
    )


def tell_stem(name: str, stem: str) -> str:
    """Return the stem of a photograph's files where it does not follow from its name, else ''."""
    return "" if stem == clean_stem(Path(name).stem) else stem


def clean_stem(stem: str) -> str:
    """Return a file name's stem that every file system takes and no program reads as an option."""
    # Composed, whichever way the disk spells an umlaut: other lists of the names then match.
    stem = unicodedata.normalize("NFC", stem)
    shown = _NOT_IN_NAMES.sub(lambda sign: f"[U+{ord(sign[0]):04X}]", clean_name(stem)).rstrip(". ")
    if len(shown.encode()) > _LONGEST:
        digits = hashlib.sha256(shown.encode()).hexdigest()[:8]
        kept = shown.encode()[:_LONGEST].decode(errors="ignore")
        shown = f"{kept}-{digits}"
    if not shown or shown[0] in "-.=+@~ " or _RESERVED.fullmatch(shown):
        shown = f"_{shown}"
    return shown


def _fold(stem: str) -> str:
    """Return what names have in common that some file system takes for one, such as A and a."""
    return unicodedata.normalize("NFC", stem.casefold())


def _expand(source: str) -> list[Path]:
    path = Path(source)
    if path.exists() or path.is_symlink() or not glob.has_magic(source):
        return [path]
    # Path.glob refuses patterns that begin at the root.
    found = sorted(Path(one) for one in glob.glob(source, recursive=True))  # noqa: PTH207
    if not found:
        raise UsageError(f"nothing matches {source!r}", hint="name photographs or folders")
    return found


def _is_own(path: Path) -> bool:
    """Return whether a picture was written by an earlier call: its answer lies beside it."""
    found = _OWN.fullmatch(path.name)
    return found is not None and path.with_name(f"{found[1]}.json").is_file()


def _digits(path: Path, root: Path) -> str:
    place = path.absolute().relative_to(root).as_posix()
    return hashlib.sha256(place.encode(errors="surrogateescape")).hexdigest()[:8]
