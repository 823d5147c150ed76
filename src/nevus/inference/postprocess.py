"""Post-processing: from a probability map to the mask that is handed in.

A step is a function ``(probability, pixels, **options) -> probability`` on (H, W) float32 arrays,
found by its name in `STEPS`. Steps of shape binarise at .5 and return exactly 0 or 1. Their
lengths are pixels of a photograph whose long side is 1000 pixels and their areas are shares of
the photograph, so that a chain means the same at any size. The CRF's distances are pixels of the
photograph itself, as everywhere.
"""

# ruff: noqa: ARG001 - every step takes the photograph, the CRF alone looks at it

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nevus.errors import RecipeError, UsageError
from nevus.inference import morphology
from nevus.inference.crf import dense_crf

Probability = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Step = Callable[..., Probability]
"""A function (probability, pixels, **options) -> probability."""

REFERENCE_SIDE: Final = 1000
"""Long side, in pixels, of the photograph in which radii are given."""
LARGEST_OPTION: Final = 10**9
"""No step has a use for larger numbers, and those of hundreds of digits are no floats."""
MASK_LEVEL: Final = 0.5
"""Above this a probability is lesion."""


def threshold(probability: Probability, pixels: Pixels, *, value: float = 0.5) -> Probability:
    """Return 1 where the probability is above `value`, from 0 to 1, else 0."""
    if not 0 <= value <= 1:
        raise UsageError(f"step threshold: value is {value}, expected a number from 0 to 1")
    return (probability > value).astype(np.float32)


def open_mask(probability: Probability, pixels: Pixels, *, radius: float = 5.0) -> Probability:
    """Cut off what is thinner than a disk of `radius`, pixels at a long side of 1000."""
    scaled = _scale_radius("open", radius, probability.shape)
    return _shape(probability, lambda mask: morphology.open_disk(mask, scaled))


def close_mask(probability: Probability, pixels: Pixels, *, radius: float = 5.0) -> Probability:
    """Fill what is thinner than a disk of `radius`, pixels at a long side of 1000."""
    scaled = _scale_radius("close", radius, probability.shape)
    return _shape(probability, lambda mask: morphology.close_disk(mask, scaled))


def drop_small(probability: Probability, pixels: Pixels, *, area: float = 0.001) -> Probability:
    """Remove regions smaller than `area`, a share of the photograph from 0 to 1."""
    if not 0 <= area <= 1:
        raise UsageError(f"step drop_small: area is {area}, expected a number from 0 to 1")
    smallest = area * probability.size
    return _shape(probability, lambda mask: morphology.drop_regions(mask, smallest))


def largest(probability: Probability, pixels: Pixels) -> Probability:
    """Keep the largest region."""
    return _shape(probability, morphology.keep_largest)


def fill(probability: Probability, pixels: Pixels) -> Probability:
    """Fill all holes."""
    return _shape(probability, morphology.fill_holes)


STEPS: Final[Mapping[str, Step]] = MappingProxyType(
    {
        "crf": dense_crf,
        "threshold": threshold,
        "open": open_mask,
        "close": close_mask,
        "drop_small": drop_small,
        "largest": largest,
        "fill": fill,
    }
)
"""All steps by the name recipes call them."""

Spec = Mapping[str, object]
"""One step of a recipe: ``{"name": "open", "radius": 5}``."""

CHALLENGE_STEPS: Final[tuple[Spec, ...]] = ({"name": "largest"}, {"name": "fill"})
"""What the challenge asks for, one region without holes, and nothing more."""

PAPER_STEPS: Final[tuple[Spec, ...]] = (
    {"name": "crf"},
    {"name": "open", "radius": 3},
    {"name": "close", "radius": 3},
    {"name": "drop_small", "area": 0.005},
    *CHALLENGE_STEPS,
)
"""CRF and morphology as Xue et al. 2018 name them and their recipes have them; the values are not
in the paper."""


def run_steps(specs: Sequence[Spec], probability: Probability, pixels: Pixels) -> Mask:
    """Return the mask, (H, W) bool, after all steps in order: where their result is above .5.

    Args:
        specs: Steps as in a recipe; none is a plain threshold.
        probability: (H, W) float32 in [0, 1].
        pixels: (H, W, 3) uint8 RGB, the photograph.

    Raises:
        RecipeError: A step or option is unknown or of the wrong type.
        UsageError: An option is out of range, or the arrays do not fit each other.
    """
    calls = [_read_spec(spec) for spec in specs]
    if probability.ndim != 2 or pixels.shape != (*probability.shape, 3):
        raise UsageError(
            f"probability has shape {probability.shape} and pixels {pixels.shape}, expected "
            "(H, W) and (H, W, 3)"
        )
    for step, options in calls:
        probability = step(probability, pixels, **options)
    return np.asarray(probability > MASK_LEVEL, dtype=np.bool_)


def check_steps(specs: Sequence[Spec]) -> None:
    """Raise what `run_steps` would raise for these steps, without a photograph."""
    run_steps(specs, np.zeros((8, 8), dtype=np.float32), np.zeros((8, 8, 3), dtype=np.uint8))


def run_step(spec: Spec, probability: Probability, pixels: Pixels) -> Probability:
    """Return the probability map after one step; raises as `run_steps` does."""
    step, options = _read_spec(spec)
    return step(probability, pixels, **options)


def _read_spec(spec: Spec) -> tuple[Step, dict[str, Any]]:
    options = dict(spec)
    name = options.pop("name", None)
    if not isinstance(name, str):
        raise RecipeError(
            f"post-processing step {dict(spec)!r} has no name", hint=f"one of {', '.join(STEPS)}"
        )
    if name not in STEPS:
        raise RecipeError(f"there is no post-processing step {name!r}", hint=_suggest(name, STEPS))
    step = STEPS[name]
    known = {
        key: parameter.annotation
        for key, parameter in inspect.signature(step).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    for key, value in options.items():
        if key not in known:
            raise RecipeError(f"step {name} has no option {key!r}", hint=_suggest(key, known))
        if not _fits(value, known[key]):
            wanted = "a whole number" if known[key] is int else "a number"
            raise RecipeError(f"step {name}: {key} is {_show(value)}, expected {wanted}")
    return step, options


def _fits(value: object, kind: type) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= LARGEST_OPTION and (isinstance(value, int) or kind is not int)


def _show(value: object) -> str:
    if isinstance(value, int) and abs(value) > LARGEST_OPTION:
        return "too large"
    return repr(value)


def _suggest(word: str, known: Iterable[str]) -> str:
    names = list(known)
    if not names:
        return "it has no options"
    near = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"


def _shape(probability: Probability, change: Callable[[Mask], Mask]) -> Probability:
    return change(probability > MASK_LEVEL).astype(np.float32)


def _scale_radius(step: str, radius: float, shape: tuple[int, ...]) -> float:
    """Return the radius in pixels of this photograph."""
    if not 0 <= radius <= REFERENCE_SIDE:
        raise UsageError(
            f"step {step}: radius is {radius}, expected 0 to {REFERENCE_SIDE}, pixels of a "
            f"photograph whose long side is {REFERENCE_SIDE}"
        )
    return radius * max(shape) / REFERENCE_SIDE
