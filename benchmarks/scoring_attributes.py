"""Task 2 scoring against the official scorer's library: the same numbers, and how much faster.

The official scorer runs in a Python environment of its own, which this makes once:

    python -m venv peer
    peer/bin/pip install isic-challenge-scoring==5.6.0
    python benchmarks/scoring_attributes.py --peer-python peer/bin/python

Numbers: pooled Jaccard and Dice and those of each attribute, on random sets in which masks are
noise, equal, empty in the truth, in the prediction or in both, some attributes throughout a set.
Time: one set, in alternating order, every round a fresh process; nevus draws 2,000 bootstrap
resamples within its scoring call and the official scorer none. Last, what the official command
line's metric (task 1's) makes of the same folders: another number. Exit code 1: ours differ.
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
import PIL
from PIL import Image

from nevus.labels import ATTRIBUTES, attribute_name

TOLERANCE = 1e-12
PEER_HEAD = """
import json, pathlib, sys, time, warnings
warnings.simplefilter("ignore")
from isic_challenge_scoring import task2
def score(folder):
    found = task2.score(*(pathlib.Path(folder) / side for side in ("truth", "prediction")))
    return {name: found[name] for name in found if name != "overall"} | {
        "overall": {"jaccard": found["overall"]}}
"""
OURS_HEAD = """
import json, pathlib, sys, time
from nevus.evaluation.attribute_scores import score_attributes
def score(folder):
    one = score_attributes(*(pathlib.Path(folder) / side for side in ("truth", "prediction")))
    table = {name: {key: row[key] for key in ("jaccard", "dice")}
             for name, row in one.per_attribute().items()}
    table["micro_average"] = {"jaccard": one.pooled_jaccard, "dice": one.pooled_dice}
    return table | {"overall": {"jaccard": one.pooled_jaccard}}
"""
EACH = """
print(json.dumps({folder: score(folder) for folder in sys.argv[1:]}))
"""
TIMED = """
start = time.perf_counter()
table = score(sys.argv[1])
print(json.dumps({"seconds": time.perf_counter() - start, "table": table}))
"""
PEER_TASK1 = """
import json, pathlib, sys, warnings
warnings.simplefilter("ignore")
from isic_challenge_scoring import SegmentationScore
score = SegmentationScore.from_dir(
    *(pathlib.Path(sys.argv[1]) / side for side in ("truth", "prediction")))
print(json.dumps(score.to_dict()["macro_average"]))
"""
KINDS = ("noise", "noise", "same", "empty truth", "empty prediction", "both empty")


def draw_pair(
    generator: np.random.Generator, size: tuple[int, int], kind: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return truth and prediction (H, W) bool."""
    shares = generator.random(2) ** 3
    truth, prediction = (generator.random(size) < share for share in shares)
    if kind == "same":
        prediction = truth
    if kind in ("empty truth", "both empty"):
        truth = np.zeros(size, bool)
    if kind in ("empty prediction", "both empty"):
        prediction = np.zeros(size, bool)
    return truth, prediction


def write_set(folder: Path, generator: np.random.Generator, photographs: int) -> Path:
    """Write photographs of sizes of their own, one to three attributes of one kind throughout."""
    fixed = dict(
        zip(generator.permutation(ATTRIBUTES)[: generator.integers(0, 4)],
            generator.permutation(KINDS), strict=False)
    )  # fmt: skip
    for side in ("truth", "prediction"):
        (folder / side).mkdir(parents=True)
    for number in range(photographs):
        size = (int(generator.integers(8, 70)), int(generator.integers(8, 90)))
        for name in ATTRIBUTES:
            kind = fixed.get(name, str(generator.choice(KINDS)))
            masks = draw_pair(generator, size, kind)
            write_masks(folder, f"ISIC_{number:07d}", name, masks)
    return folder


def write_large(
    folder: Path, generator: np.random.Generator, photographs: int, size: tuple[int, int]
) -> Path:
    """Write masks of coarse squares, as large as photographs are."""
    for side in ("truth", "prediction"):
        (folder / side).mkdir(parents=True)
    coarse = (size[0] // 32 + 1, size[1] // 32 + 1)
    for number in range(photographs):
        for name in ATTRIBUTES:
            masks = []
            for _ in range(2):
                squares = generator.random(coarse) < generator.random() ** 3
                masks.append(np.kron(squares, np.ones((32, 32), bool))[: size[0], : size[1]])
            write_masks(folder, f"ISIC_{number:07d}", name, masks)
    return folder


def write_masks(folder: Path, image_id: str, name: str, masks: Any) -> None:
    for side, mask in zip(("truth", "prediction"), masks, strict=True):
        pixels = Image.fromarray(mask.astype(np.uint8) * 255)
        pixels.save(folder / side / attribute_name(image_id, name))


def run_process(python: str, code: str, *arguments: object) -> tuple[float, float, Any]:
    """Return seconds by the clock, seconds of processor (0 on Windows), and the answer."""
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(
        [python, "-c", code, *map(str, arguments)], check=True, capture_output=True, text=True
    )
    clock, after = time.perf_counter() - start, os.times()
    processor = after.children_user + after.children_system
    processor -= before.children_user + before.children_system
    return clock, processor, json.loads(done.stdout)


def find_gap(theirs: dict[str, Any], ours: dict[str, Any]) -> float:
    """Return the largest difference; infinite where one alone is undefined or missing."""
    if theirs.keys() != ours.keys():
        return float("inf")
    gaps = [abs(theirs[name][key] - ours[name][key]) for name in theirs for key in theirs[name]]
    return max(float("inf") if np.isnan(gap) else gap for gap in gaps)


def compare_numbers(peer: str, folders: list[Path]) -> bool:
    _, _, theirs = run_process(peer, PEER_HEAD + EACH, *folders)
    _, _, ours = run_process(sys.executable, OURS_HEAD + EACH, *folders)
    gaps = [find_gap(theirs[key], ours[key]) for key in theirs]
    blank = sum(row["jaccard"] in (0, 1) for table in ours.values() for row in table.values())
    print(f"\nequality: {len(folders)} sets, five attributes and the pool; "
          f"{blank} numbers of exactly 0 or 1 among them")  # fmt: skip
    same = max(gaps) <= TOLERANCE and len(ours) == len(folders)
    print(f"  largest difference {max(gaps):.3g}: {'equal' if same else 'DIFFERENT'} "
          f"(tolerance {TOLERANCE:g})")  # fmt: skip
    return same


def compare_times(peer: str, folder: Path, rounds: int) -> bool:
    runners = {"official": (peer, PEER_HEAD), "nevus": (sys.executable, OURS_HEAD)}
    kinds = ("whole process", "scoring", "processor")
    times: dict[str, dict[str, list[float]]] = {k: {name: [] for name in runners} for k in kinds}
    tables: dict[str, Any] = {}
    for turn in range(rounds):
        for name in list(runners) if turn % 2 == 0 else list(runners)[::-1]:
            python, head = runners[name]
            clock, processor, answer = run_process(python, head + TIMED, folder)
            tables[name] = answer["table"]
            seconds = (clock, answer["seconds"], processor)
            for kind, value in zip(kinds, seconds, strict=True):
                times[kind][name].append(value)
            shown = ", ".join(f"{kind} {times[kind][name][-1]:7.3f} s" for kind in kinds)
            print(f"  round {turn + 1}: {name:9s} {shown}", flush=True)
    for kind, found in times.items():
        ratios = [left / max(right, 1e-9) for left, right in zip(*found.values(), strict=True)]
        print(f"  {kind:14s} official / nevus: min {min(ratios):5.2f}x, "
              f"median {statistics.median(ratios):5.2f}x")  # fmt: skip
    return find_gap(tables["official"], tables["nevus"]) <= TOLERANCE


def show_trap(peer: str, folder: Path) -> None:
    _, _, task1 = run_process(peer, PEER_TASK1, folder)
    _, _, ours = run_process(sys.executable, OURS_HEAD + EACH, folder)
    pooled = ours[str(folder)]["micro_average"]["jaccard"]
    print(f"\nthe same folders: pooled Jaccard {pooled:.6f}; by the official command line's "
          f"`segmentation` threshold Jaccard {task1['threshold_jaccard']:.6f}, "
          f"Jaccard {task1['jaccard']:.6f}")  # fmt: skip


def find_peer(python: Path | None) -> str:
    if python is not None and python.exists():
        code = (
            "import importlib.metadata as m, PIL; "
            "print(m.version('isic-challenge-scoring'), 'Pillow', PIL.__version__)"
        )
        done = subprocess.run(
            [str(python), "-c", code], check=False, capture_output=True, text=True
        )
        if done.returncode == 0:
            print(f"official: isic-challenge-scoring {done.stdout.strip()}")
            return str(python)
    raise SystemExit(
        "isic-challenge-scoring is not there. Make an environment of its own for it:\n"
        "  python -m venv peer\n"
        "  peer/bin/pip install isic-challenge-scoring==5.6.0\n"
        "  python benchmarks/scoring_attributes.py --peer-python peer/bin/python"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", type=Path, help="Python that has the official scorer")
    parser.add_argument("--sets", type=int, default=200, help="for the equality of numbers")
    parser.add_argument("--photographs", type=int, default=60, help="for the time")
    parser.add_argument("--size", type=int, nargs=2, default=(767, 1022), metavar=("H", "W"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    peer = find_peer(options.peer_python)
    print(f"nevus: Python {platform.python_version()}, Pillow {PIL.__version__}, "
          f"numpy {np.__version__}; {os.cpu_count()} cores, {platform.machine()}")  # fmt: skip
    generator = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folders = [
            write_set(root / f"set{number:04d}", generator, int(generator.integers(1, 7)))
            for number in range(options.sets)
        ]
        same = compare_numbers(peer, folders)
        size = (options.size[0], options.size[1])
        print(f"\ntime: {options.photographs} photographs of {size[0]} x {size[1]}, five masks "
              f"each, {options.rounds} rounds")  # fmt: skip
        large = write_large(root / "time", generator, options.photographs, size)
        same = compare_times(peer, large, options.rounds) and same
        show_trap(peer, large)
    print(f"numbers equal: {same}")
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
