"""`nevus.analyze`: one call for one photograph or many."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from glob import has_magic
from pathlib import Path
from typing import TypedDict, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from nevus.analyzer.analyzed import Analyzed
from nevus.analyzer.analyzer import MOST_SIMILAR, Analyzer
from nevus.analyzer.naming import find_inputs
from nevus.analyzer.sources import Source
from nevus.errors import ImageError
from nevus.imaging.limits import Limits
from nevus.inference.inputs import Failure
from nevus.runtime.networks import Networks, load_networks


class CallOptions(TypedDict, total=False):
    """Options of `Analyzer`, and what becomes of photographs that fail."""

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
def analyze(source: Sequence[Path | str], **options: Unpack[CallOptions]) -> Iterator[Analyzed]: ...


def analyze(
    source: Source | Sequence[Path | str], **options: Unpack[CallOptions]
) -> Analyzed | Iterator[Analyzed]:
    """Return everything nevus says about a photograph, or an iterator over many.

    The networks stay loaded from call to call.

    Args:
        source: A file, a file's bytes or (H, W, 3) uint8 RGB pixels: one answer. A list of files,
            folders and patterns: an iterator, which reads photographs as they are asked for. One
            folder or pattern gives an iterator too, though its type does not tell; for a type
            checker's sake put it into a list.
        **options: Those of `Analyzer`; for many photographs also `on_failure`, called with each
            one that cannot be read. Without it the iterator raises there and ends.

    Raises:
        ImageError: The photograph cannot be read.
        ZooError: Models are missing, damaged or foreign.
        UsageError: A source does not exist, or an option is out of range.
    """
    on_failure = options.pop("on_failure", None)
    analyzer = _make_analyzer(options)
    if isinstance(source, bytes | np.ndarray):
        return analyzer.analyze(source)
    if isinstance(source, str | Path):
        if not _names_many(source):
            return analyzer.analyze(source)
        source = [source]
    return _analyze_each(analyzer, source, on_failure)


def _analyze_each(
    analyzer: Analyzer,
    sources: Sequence[Path | str],
    on_failure: Callable[[Failure], object] | None,
) -> Iterator[Analyzed]:
    # Not inside the generator: what does not exist is said by the call itself.
    inputs = find_inputs(sources)

    def found() -> Iterator[Analyzed]:
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
    return Analyzer(networks=networks, **chosen)  # type: ignore[arg-type]


@lru_cache(maxsize=2)
def _load(models: Path | None, threads: int) -> Networks:
    return load_networks(models, threads=threads, similar=MOST_SIMILAR)
