"""Folders of photographs to folders of masks, one bad file not stopping the rest."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nevus.imaging.limits import DEFAULT_LIMITS, Limits
from nevus.imaging.masks import write_mask
from nevus.imaging.reading import Photograph
from nevus.inference.inputs import Failure, read_ahead, refuse_same_names, write_failures
from nevus.inference.postprocess import run_steps
from nevus.labels import segmentation_name

Pixels = NDArray[np.uint8]
Probability = NDArray[np.float32]
Steps = Sequence[Mapping[str, Any]]
Progress = Callable[[int, int], None]


class Segmentor(Protocol):
    """Anything that gives a lesion probability per pixel."""

    def probability(self, pixels: Pixels) -> Probability:
        """Return (H, W) float32 in [0, 1] for (H, W, 3) uint8 RGB."""


class Ensemble:
    """The mean of several segmentors' probability maps (Xue et al. 2018, section 1).

    Args:
        members: At least one.
    """

    def __init__(self, members: Sequence[Segmentor]) -> None:
        self.members = tuple(members)

    def probability(self, pixels: Pixels) -> Probability:
        """Return the mean map, (H, W) float32 in [0, 1]."""
        total = self.members[0].probability(pixels).copy()
        for member in self.members[1:]:
            total += member.probability(pixels)
        return total / np.float32(len(self.members))


@dataclass(frozen=True)
class Prediction:
    """What became of one photograph.

    Attributes:
        path: The photograph.
        mask: (H, W) bool at the photograph's own size.
        warnings: What was odd about the file.
    """

    path: Path
    mask: NDArray[np.bool_]
    warnings: tuple[str, ...]


def predict_masks(
    segmentor: Segmentor,
    images: Sequence[Path],
    *,
    steps: Steps,
    limits: Limits = DEFAULT_LIMITS,
    workers: int = 2,
) -> Iterator[Prediction | Failure]:
    """Yield one result per photograph, in order.

    Reading and post-processing run in threads beside the network; results do not depend on how
    many there are.
    """
    ahead = max(workers, 1) + 1
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        finishing: list[Future[Prediction | Failure]] = []
        for path, photograph in read_ahead(pool, images, limits, ahead):
            if isinstance(photograph, Failure):
                finishing.append(pool.submit(_pass_on, photograph))
            else:
                probability = segmentor.probability(photograph.pixels)
                finishing.append(pool.submit(_finish, path, photograph, probability, steps))
            if len(finishing) > ahead:
                yield finishing.pop(0).result()
        for future in finishing:
            yield future.result()


def predict_folder(
    segmentor: Segmentor,
    images: Sequence[Path],
    out: Path,
    *,
    steps: Steps,
    limits: Limits = DEFAULT_LIMITS,
    workers: int = 2,
    progress: Progress | None = None,
) -> list[Failure]:
    """Write a mask by its official name for each photograph, and ``errors.csv``.

    Args:
        segmentor: A network or an ensemble.
        images: Photographs.
        out: Folder, made if needed.
        steps: Post-processing chain.
        limits: What is refused before decoding.
        workers: Threads beside the network.
        progress: Called with (done, total).

    Returns:
        The failures, which also stand in ``errors.csv``; the file is removed if there are none.

    Raises:
        UsageError: Two photographs have one name.
    """
    refuse_same_names(images)
    out.mkdir(parents=True, exist_ok=True)
    failures: list[Failure] = []
    results = predict_masks(segmentor, images, steps=steps, limits=limits, workers=workers)
    for done, result in enumerate(results, start=1):
        if isinstance(result, Failure):
            failures.append(result)
        else:
            write_mask(out / segmentation_name(result.path.stem), result.mask)
        if progress:
            progress(done, len(images))
    write_failures(out / "errors.csv", failures)
    return failures


def _pass_on(failure: Failure) -> Prediction | Failure:
    return failure


def _finish(
    path: Path, photograph: Photograph, probability: Probability, steps: Steps
) -> Prediction | Failure:
    mask = run_steps(steps, probability, photograph.pixels)
    return Prediction(path, mask, photograph.warnings)
