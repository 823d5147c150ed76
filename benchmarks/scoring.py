"""Task 1 scoring against the official scorer: the same numbers, and how much faster.

The official scorer runs in a Python environment of its own, which this makes once:

    python -m venv peer
    peer/bin/pip install isic-challenge-scoring==5.6.0
    python benchmarks/scoring.py --peer-python peer/bin/python

Both sides score the same PNG files within one run, in alternating order; every round is a fresh
process. "whole process" is the time from starting Python to its end, "scoring" what the process
itself measures around its one scoring call, "processor" the seconds of all its threads together,
which tells least about waiting and most about work on a busy machine. Exit code 1: the numbers
differ.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image

Mask = npt.NDArray[np.bool_]
TOLERANCE = 1e-12
PEER_EACH = """
import json, pathlib, sys
from isic_challenge_scoring import confusion, load_image, metrics
table = {}
for pair in load_image.iter_image_pairs(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])):
    matrix = confusion.create_binary_confusion_matrix(
        pair.truth_image > 128, pair.prediction_image > 128)
    names = ("threshold_jaccard", "jaccard", "dice", "accuracy", "sensitivity", "specificity")
    table[pair.image_id] = {n: float(getattr(metrics, "binary_" + n)(matrix)) for n in names}
print(json.dumps(table))
"""
PEER_TIMED = """
import json, pathlib, sys, time
from isic_challenge_scoring import SegmentationScore
start = time.perf_counter()
score = SegmentationScore.from_dir(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "means": score.to_dict()["macro_average"]}))
"""
OURS_EACH = """
import json, pathlib, sys
from nevus.evaluation.scores import score_segmentation
print(json.dumps(score_segmentation(*map(pathlib.Path, sys.argv[1:3])).to_json()["per_image"]))
"""
OURS_TIMED = """
import json, pathlib, sys, time
from nevus.evaluation.scores import score_segmentation
workers = int(sys.argv[3]) if len(sys.argv) > 3 else None
start = time.perf_counter()
scores = score_segmentation(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), workers=workers)
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "means": dict(scores.means)}))
"""


def draw_blob(generator: np.random.Generator, size: tuple[int, int]) -> Mask:
    """A lesion with a wavy, slightly ragged border."""
    height, width = size
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    down = rows - height * generator.uniform(0.4, 0.6)
    across = columns - width * generator.uniform(0.4, 0.6)
    angle = np.arctan2(down, across)
    radius = np.full(size, min(size) * generator.uniform(0.15, 0.4), dtype=np.float32)
    for wave in range(1, 12):
        swing = radius.mean() * generator.normal() * 0.12 / wave
        radius += swing * np.cos(wave * angle + generator.uniform(0, 2 * np.pi))
    ragged = radius + generator.normal(0, 0.7, size)
    return np.asarray(np.hypot(down, across) < ragged)


def make_random_pairs(generator: np.random.Generator, number: int) -> list[tuple[Mask, Mask]]:
    """Blobs, noise and every empty or full combination, each of its own size."""
    kinds = ("blob", "noise", "same", "both empty", "empty truth", "empty prediction", "both full")
    pairs = []
    for index in range(number):
        size = (int(generator.integers(32, 140)), int(generator.integers(32, 180)))
        empty, blob = np.zeros(size, dtype=bool), draw_blob(generator, size)
        noise = generator.random(size) < generator.random()
        pairs.append(
            {
                "blob": (blob, draw_blob(generator, size)),
                "noise": (noise, generator.random(size) < generator.random()),
                "same": (blob, blob),
                "both empty": (empty, empty),
                "empty truth": (empty, noise),
                "empty prediction": (noise, empty),
                "both full": (~empty, ~empty),
            }[kinds[index % len(kinds)]]
        )
    return pairs


def make_large_pairs(
    generator: np.random.Generator, number: int, size: tuple[int, int]
) -> list[tuple[Mask, Mask]]:
    """Many pairs from forty drawings, moved about: drawing each would take minutes."""
    drawings = [draw_blob(generator, size) for _ in range(min(number, 40))]

    def move(mask: Mask) -> Mask:
        shift = tuple(int(side * generator.uniform(-0.05, 0.05)) for side in size)
        return np.roll(mask, shift, axis=(0, 1))

    pairs = []
    for index in range(number):
        drawing = drawings[index % len(drawings)]
        pairs.append((move(drawing), move(drawing)))
    return pairs


def write_pairs(folder: Path, pairs: list[tuple[Mask, Mask]]) -> tuple[Path, Path]:
    sides = (folder / "truth", folder / "prediction")
    for side in sides:
        side.mkdir(parents=True)
    for index, masks in enumerate(pairs):
        for side, mask in zip(sides, masks, strict=True):
            pixels = mask.astype(np.uint8) * 255
            Image.fromarray(pixels).save(side / f"ISIC_{index:07d}_segmentation.png")
    return sides


def run_process(python: str, code: str, *arguments: object) -> tuple[float, float, dict[str, Any]]:
    """Return seconds by the clock, seconds of processor (0 on Windows), and the answer."""
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(
        [python, "-c", code, *map(str, arguments)], check=True, capture_output=True, text=True
    )
    clock, after = time.perf_counter() - start, os.times()
    processor = after.children_user + after.children_system
    processor -= before.children_user + before.children_system
    return clock, processor, json.loads(done.stdout)


def compare_numbers(peer: str, folder: Path, number: int, seed: int) -> bool:
    sides = write_pairs(folder, make_random_pairs(np.random.default_rng(seed), number))
    _, _, theirs = run_process(peer, PEER_EACH, *sides)
    _, _, ours = run_process(sys.executable, OURS_EACH, *sides)
    print(f"\nequality: {number} pairs, of which 4 in 7 empty or full; largest difference")
    worst = 0.0
    for name in next(iter(ours.values())):
        gap = max(abs(ours[key][name] - theirs[key][name]) for key in theirs)
        worst = max(worst, gap)
        print(f"  {name:18s} {gap:.3g}")
    same = worst <= TOLERANCE and ours.keys() == theirs.keys()
    print(f"  {'equal' if same else 'DIFFERENT'} (tolerance {TOLERANCE:g})")
    return same


def compare_times(peer: str, sides: tuple[Path, Path], rounds: int) -> bool:
    runners: dict[str, tuple[str, str, tuple[int, ...]]] = {
        "official": (peer, PEER_TIMED, ()),
        "nevus": (sys.executable, OURS_TIMED, ()),
        "nevus, 1 thread": (sys.executable, OURS_TIMED, (1,)),
    }
    kinds = ("whole process", "scoring", "processor")
    times: dict[str, dict[str, list[float]]] = {k: {name: [] for name in runners} for k in kinds}
    means: dict[str, dict[str, float]] = {}
    for turn in range(rounds):
        for name in list(runners) if turn % 2 == 0 else list(runners)[::-1]:
            python, code, extra = runners[name]
            clock, processor, answer = run_process(python, code, *sides, *extra)
            for kind, seconds in zip(kinds, (clock, answer["seconds"], processor), strict=True):
                times[kind][name].append(seconds)
            means[name] = answer["means"]
            shown = ", ".join(f"{kind} {times[kind][name][-1]:7.3f} s" for kind in kinds)
            print(f"  round {turn + 1}: {name:16s} {shown}", flush=True)
    for kind in kinds:
        for name in list(runners)[1:]:
            pairs = zip(times[kind]["official"], times[kind][name], strict=True)
            ratios = [theirs / max(ours, 1e-9) for theirs, ours in pairs]
            print(f"  {kind:14s} official / {name:16s} min {min(ratios):5.2f}x, "
                  f"median {statistics.median(ratios):5.2f}x")  # fmt: skip
    official = means["official"]
    return all(abs(means["nevus"][key] - official[key]) <= TOLERANCE for key in official)


def find_peer(python: Path | None) -> str:
    if python is not None and python.exists():
        done = subprocess.run(
            [str(python), "-c", "import importlib.metadata as m, PIL; "
             "print(m.version('isic-challenge-scoring'), 'Pillow', PIL.__version__)"],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode == 0:
            print(f"official: isic-challenge-scoring {done.stdout.strip()}")
            return str(python)
    raise SystemExit(
        "isic-challenge-scoring is not there. Make an environment of its own for it:\n"
        "  python -m venv peer\n"
        "  peer/bin/pip install isic-challenge-scoring==5.6.0\n"
        "  python benchmarks/scoring.py --peer-python peer/bin/python"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", type=Path, help="Python that has the official scorer")
    parser.add_argument("--pairs", type=int, default=300, help="for the equality of numbers")
    parser.add_argument("--masks", type=int, default=1000, help="for the time")
    parser.add_argument("--size", type=int, nargs=2, default=(767, 1022), metavar=("H", "W"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    peer = find_peer(options.peer_python)
    print(f"nevus: Python {platform.python_version()}, Pillow {PIL.__version__}, "
          f"numpy {np.__version__}; {os.cpu_count()} cores, {platform.machine()}")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        same = compare_numbers(peer, Path(folder) / "equality", options.pairs, options.seed)
        size = (options.size[0], options.size[1])
        print(f"\ntime: {options.masks} pairs of {size[0]} x {size[1]}, {options.rounds} rounds; "
              "the official scorer is single-threaded by design")  # fmt: skip
        pairs = make_large_pairs(np.random.default_rng(options.seed), options.masks, size)
        sides = write_pairs(Path(folder) / "time", pairs)
        same = compare_times(peer, sides, options.rounds) and same
    print(f"means equal: {same}")
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
