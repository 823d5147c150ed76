"""How often `analyze` calls a picture no dermoscopy: other pictures rightly, dermoscopies wrongly.

    python benchmarks/not_dermoscopy.py --data DATA

DATA is, or holds, a folder of ISIC 2018. Folders ``not_dermoscopy`` (other pictures) and
``fullsize`` (dermoscopies as cameras save them) in it are one's own, and left out if not there.

Other pictures: the photographs of ``not_dermoscopy``, and drawings of sixteen kinds from a seed the
model was not fitted on. Dermoscopies: 250 of task 1 and 250 of task 3 of ISIC 2018 that
``tools/fit_dermoscopy.py`` held out, 500 drawn from all, fitted on or not, and those of ``fullsize``;
the held-out ones also as other instruments would show them: in a round black frame, in less or more
light, in other colours. Shares with 95 % Wilson intervals; one line of JSON with ``--json``.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nevus.analysis.dermoscopy import dermoscopy_score, is_dermoscopy
from nevus.analyzer.analyzer import WORKING_SIDE
from nevus.imaging.drawing import fit_within
from nevus.imaging.files import find_images
from nevus.imaging.reading import read_image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

from fit_dermoscopy import draw_all, split_dermoscopies, wilson
from odd_instruments import INSTRUMENTS

Pixels = NDArray[np.uint8]
DRAWN_EACH, DRAWN_SEED = 25, 4_711
FOLDERS = ("ISIC2018_Task1-2_Training_Input", "ISIC2018_Task3_Training_Input")
EACH = 250


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of ISIC 2018")
    parser.add_argument("--seed", type=int, default=0, help="which 500 of all dermoscopies")
    parser.add_argument("--names", action="store_true", help="name the dermoscopies flagged")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = measure(arguments.data, arguments.seed, print if arguments.names else None)
    if arguments.json:
        print(json.dumps(found))
        return
    for name, row in found.items():
        low, high = (100 * end for end in row["ci95"])
        print(
            f"{name}: {row['flagged']} of n = {row['n']} flagged, "
            f"{100 * row['share']:.1f} % (95 % interval {low:.1f} to {high:.1f})"
        )


def measure(
    data: Path, seed: int, tell: Callable[[str], object] | None = None
) -> dict[str, dict[str, object]]:
    """Return how many of each group are flagged."""
    held_out = split_dermoscopies(data, np.random.default_rng(1)).test
    groups = {
        "not_dermoscopy": list_there(data / "not_dermoscopy"),
        "dermoscopies held out": held_out,
        "dermoscopies of all": pick(data, np.random.default_rng(seed)),
        "dermoscopies of full size": list_there(data / "fullsize", ".jpg"),
    }
    groups = {name: paths for name, paths in groups.items() if paths}
    found = {name: count(read(paths), paths, tell) for name, paths in groups.items()}
    found["drawn"] = count(draw_all(DRAWN_EACH, DRAWN_SEED))
    for name, show in INSTRUMENTS.items():
        generator = np.random.default_rng(seed)
        found[f"held out, {name}"] = count(show(one, generator) for one in read(held_out))
    return found


def list_there(folder: Path, *endings: str) -> list[Path]:
    """Return the photographs of a folder, none where there is none."""
    paths = find_images([folder]) if folder.is_dir() else ()
    return [path for path in paths if not endings or path.suffix in endings]


def pick(data: Path, generator: np.random.Generator) -> list[Path]:
    """Return `EACH` photographs of either task."""
    chosen: list[Path] = []
    for folder in FOLDERS:
        paths = find_images([next(data.rglob(folder))])
        chosen += [paths[place] for place in generator.permutation(len(paths))[:EACH]]
    return chosen


def read(paths: Iterable[Path]) -> Iterable[Pixels]:
    """Yield photographs as the analyser looks at them."""
    return (fit_within(read_image(path).pixels, WORKING_SIDE) for path in paths)


def count(
    pictures: Iterable[Pixels],
    names: Iterable[Path] = (),
    tell: Callable[[str], object] | None = None,
) -> dict[str, object]:
    """Return n, how many are flagged, and the share with its interval."""
    flags = [not is_dermoscopy(dermoscopy_score(picture)) for picture in pictures]
    if tell:
        for path, flag in zip(names, flags, strict=False):
            if flag:
                tell(f"  flagged: {path.parent.name}/{path.name}")
    return wilson(sum(flags), len(flags))


if __name__ == "__main__":
    main()
