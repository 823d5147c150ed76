"""`nevus.analyze`: one call for one photograph or many."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from glob import has_magic, iglob
from pathlib import Path
from typing import TypedDict, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from nevus.analyzer.analyzed import Analyzed
from nevus.analyzer.analyzer import MOST_SIMILAR, Analyzer
from nevus.analyzer.naming import find_inputs
from nevus.analyzer.sources import Source
from nevus.errors import ImageError, UsageError
from nevus.imaging.cells import clean_name
from nevus.imaging.limits import Limits
from nevus.inference.inputs import Failure
from nevus.runtime.networks import Networks, load_networks


class CallOptions(TypedDict, total=False):
    """Options of `Analyzer`, what a photograph is called, and what becomes of those that fail."""

    name: str | None
    models: Path | str | None
    threads: int
    coverage: float
    similar: int
    mm_per_pixel: float | None
    limits: Limits
    evidence: bool
    on_failure: Callable[[Failure], object] | None


# A str is a sequence of str as well; the first that fits is meant.
@overload
def analyze(  # type: ignore[overload-overlap]
    source: Path | str | bytes | NDArray[np.uint8], **options: Unpack[CallOptions]
) -> Analyzed: ...


@overload
def analyze(source: Iterable[Path | str], **options: Unpack[CallOptions]) -> Iterator[Analyzed]: ...


def analyze(
    source: Source | Iterable[Path | str], **options: Unpack[CallOptions]
) -> Analyzed | Iterator[Analyzed]:
    """Return everything nevus says about a photograph, or an iterator over many.

    The networks stay loaded from call to call.

    Args:
        source: A file, a file's bytes or (H, W, 3) uint8 RGB pixels: one answer. Several files,
            folders and patterns: an iterator, which reads photographs as they are asked for. One
            folder or pattern gives an iterator too, though its type does not tell; for a type
            checker's sake put it into a list.
        **options: Those of `Analyzer`; for one photograph also `name`, what to call it; for many
            also `on_failure`, called with each one that is missing or cannot be read. Without it
            what is missing is raised by the call, what cannot be read by the iterator, which ends.

    Raises:
        ImageError: The photograph is missing or cannot be read.
        ZooError: Models are missing, damaged or foreign.
        UsageError: A folder holds no photograph, the source is of no type that is known, or an
            option is out of range.
    """
    on_failure, name = options.pop("on_failure", None), options.pop("name", None)
    if isinstance(source, bytes | np.ndarray):
        return _make_analyzer(options).analyze(source, name=name)
    if isinstance(source, str | Path):
        if not _names_many(source):
            return _make_analyzer(options).analyze(source, name=name)
        source = [source]
    names = _check_names(source)
    if name is not None:
        raise UsageError("name is for one photograph, several keep those of their files")
    return _analyze_each(_make_analyzer(options), names, on_failure)


def _check_names(source: Iterable[Path | str]) -> list[Path | str]:
    # An image object or an open file would be iterated over, and its content end up in a message.
    if not isinstance(source, Iterable) or hasattr(source, "read"):
        raise UsageError(
            f"found {type(source).__name__}, expected a path, a file's bytes, or pixels",
            hint="numpy.asarray(image.convert('RGB')), file.read()",
        )
    names = list(source)
    for place, one in enumerate(names):
        if not isinstance(one, str | Path):
            raise UsageError(
                f"source {place} of several is {type(one).__name__}, expected a path",
                hint="bytes and pixels go in one by one",
            )
    return names


def _is_there(source: str) -> bool:
    if Path(source).exists():
        return True
    # Path.glob refuses patterns that begin at the root.
    return has_magic(source) and any(True for _ in iglob(source, recursive=True))  # noqa: PTH207


def _tell_missing(source: str) -> str:
    return "nothing matches" if has_magic(source) else "there is no such file"


def _analyze_each(
    analyzer: Analyzer,
    sources: Sequence[Path | str],
    on_failure: Callable[[Failure], object] | None,
) -> Iterator[Analyzed]:
    # Not inside the generator: what does not exist is said by the call itself.
    missing = [Path(one) for one in sources if not _is_there(str(one))]
    failures = [
        ImageError("missing", f"{clean_name(one.name)}: {_tell_missing(str(one))}")
        for one in missing
    ]
    if failures and on_failure is None:
        raise failures[0]
    there = [one for one in sources if Path(one) not in missing]
    inputs = find_inputs(there) if there or not missing else ()

    def found() -> Iterator[Analyzed]:
        for path, failure in zip(missing, failures, strict=True):
            assert on_failure is not None
            on_failure(Failure(path, failure.code, str(failure)))
        for one in inputs:
            try:
                done = analyzer.analyze(one.path)
            except ImageError as error:
                if on_failure is None:
                    raise
                on_failure(Failure(one.path, error.code, str(error)))
                continue
            yield done

    return found()


def _names_many(source: Path | str) -> bool:
    path = Path(source)
    return path.is_dir() or (has_magic(str(source)) and not path.exists())


def _make_analyzer(options: CallOptions) -> Analyzer:
    chosen = dict(options)
    models = chosen.pop("models", None)
    folder = None if models is None else Path(str(models)).absolute()
    # One loading serves calls that name more cases and calls that name fewer.
    networks = _load(folder, int(str(chosen.pop("threads", 2))))
    # What is left in `chosen` are the options of CallOptions; a plain dict no longer says so.
    return Analyzer(networks=networks, **chosen)  # type: ignore[arg-type]


@lru_cache(maxsize=2)
def _load(models: Path | None, threads: int) -> Networks:
    return load_networks(models, threads=threads, similar=MOST_SIMILAR)
