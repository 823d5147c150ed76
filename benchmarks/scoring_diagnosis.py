"""Task 3 scoring against the official scorer: the same numbers, and how much faster.

The official scorer runs in a Python environment of its own, which this makes once (it calls a
function that pandas 3 no longer has):

    python -m venv peer
    peer/bin/pip install isic-challenge-scoring==5.6.0 "pandas<3"
    python benchmarks/scoring_diagnosis.py --peer-python peer/bin/python

Numbers: balanced accuracy and nine metrics of each class, on random tables with ties, with rows
that do not add up to 1, and every other one with ISIC_0035068; with --truth and --prediction on
files of your own besides. Time: one table of --rows rows, in alternating order, every round a
fresh process. "whole process" is from starting Python to its end, "scoring" what the process
measures around its one scoring call. nevus draws 2,000 bootstrap resamples within that call and
the official scorer none. Exit code 1: the numbers differ.
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

from nevus.labels import DIAGNOSES

TOLERANCE = 1e-12
PEER_HEAD = """
import json, pathlib, sys, time, warnings
warnings.simplefilter("ignore")
from isic_challenge_scoring.classification import ClassificationMetric, ClassificationScore
def score(pair):
    truth, prediction = (pathlib.Path(pair) / f"{side}.csv" for side in ("truth", "prediction"))
    return ClassificationScore.from_file(
        truth, prediction, ClassificationMetric.BALANCED_ACCURACY)
def tell(one):
    table = {name: row.to_dict() for name, row in one.per_category.iterrows()}
    return {"balanced_accuracy": float(one.overall), "per_class": table}
"""
OURS_HEAD = """
import json, pathlib, sys, time
from nevus.evaluation.class_scores import score_diagnosis
def score(pair):
    return score_diagnosis(pathlib.Path(pair) / "truth.csv", pathlib.Path(pair) / "prediction.csv")
def tell(one):
    return {"balanced_accuracy": one.balanced_accuracy,
            "per_class": {name: dict(values) for name, values in one.per_class.items()}}
"""
EACH = """
print(json.dumps({pair: tell(score(pair)) for pair in sys.argv[1:]}))
"""
TIMED = """
start = time.perf_counter()
one = score(sys.argv[1])
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, **tell(one)}))
"""
SHARES = (0.11, 0.67, 0.05, 0.03, 0.11, 0.01, 0.02)
KINDS = ("sharp", "one decimal", "two decimals", "any sum", "certain or tied")


def draw_table(
    generator: np.random.Generator, rows: int, kind: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return true classes, each at least once, and probabilities that know something of them."""
    others = generator.choice(len(DIAGNOSES), size=rows - len(DIAGNOSES), p=SHARES)
    truth = generator.permutation(np.concatenate([np.arange(len(DIAGNOSES)), others]))
    values = generator.dirichlet(np.full(len(DIAGNOSES), generator.uniform(0.1, 2)), size=rows)
    values[np.arange(rows), truth] += generator.uniform(0, 0.6, size=rows)
    values /= values.sum(axis=1, keepdims=True)
    if kind == "any sum":
        values = generator.random(values.shape)
    elif kind == "certain or tied":
        values = (values == values.max(axis=1, keepdims=True)).astype(float)
        values[::7] = 0.25
    elif kind.endswith(("decimal", "decimals")):
        values = values.round(1 if kind.startswith("one") else 2)
    return truth, np.clip(values, 0, 1)


def write_tables(
    folder: Path, generator: np.random.Generator, rows: int, kind: str, *, weightless: bool
) -> Path:
    folder.mkdir(parents=True)
    truth, values = draw_table(generator, rows, kind)
    numbers = generator.choice(35_000, size=rows, replace=False)
    names = [f"ISIC_{number:07d}" for number in numbers]
    if weightless:
        names[0] = "ISIC_0035068"
    # The official scorer sorts the truth but not its weights: an unsorted truth would have it
    # leave out another photograph than ISIC_0035068.
    order = np.argsort(names)
    header = ",".join(["image", *DIAGNOSES])
    hot = np.eye(len(DIAGNOSES))[truth]
    for side, table, places in (
        ("truth", hot, order),
        ("prediction", values, generator.permutation(rows)),
    ):
        lines = [",".join([names[place], *map(repr, table[place].tolist())]) for place in places]
        (folder / f"{side}.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return folder


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


def find_gaps(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, float]:
    """Return metric -> largest difference; infinite where one alone is undefined."""
    gaps = {"balanced_accuracy": abs(theirs["balanced_accuracy"] - ours["balanced_accuracy"])}
    for diagnosis, values in theirs["per_class"].items():
        for name, value in values.items():
            mine = ours["per_class"][diagnosis][name]
            same = np.isnan(value) and np.isnan(mine)
            gap = 0.0 if same else abs(value - mine)
            gaps[name] = max(gaps.get(name, 0.0), float("inf") if np.isnan(gap) else gap)
    return gaps


def compare_numbers(peer: str, folders: list[Path]) -> bool:
    _, _, theirs = run_process(peer, PEER_HEAD + EACH, *folders)
    _, _, ours = run_process(sys.executable, OURS_HEAD + EACH, *folders)
    worst: dict[str, float] = {}
    for key, table in theirs.items():
        for name, gap in find_gaps(table, ours[key]).items():
            worst[name] = max(worst.get(name, 0.0), gap)
    print(f"\nequality: {len(folders)} tables, 7 classes; largest difference")
    for name, gap in worst.items():
        print(f"  {name:18s} {gap:.3g}")
    same = max(worst.values()) <= TOLERANCE
    print(f"  {'equal' if same else 'DIFFERENT'} (tolerance {TOLERANCE:g})")
    return same


def compare_times(peer: str, folder: Path, rounds: int) -> bool:
    runners = {"official": (peer, PEER_HEAD), "nevus": (sys.executable, OURS_HEAD)}
    kinds = ("whole process", "scoring", "processor")
    times: dict[str, dict[str, list[float]]] = {k: {name: [] for name in runners} for k in kinds}
    answers: dict[str, dict[str, Any]] = {}
    for turn in range(rounds):
        for name in list(runners) if turn % 2 == 0 else list(runners)[::-1]:
            python, head = runners[name]
            clock, processor, answers[name] = run_process(python, head + TIMED, folder)
            seconds = (clock, answers[name]["seconds"], processor)
            for kind, value in zip(kinds, seconds, strict=True):
                times[kind][name].append(value)
            shown = ", ".join(f"{kind} {times[kind][name][-1]:7.3f} s" for kind in kinds)
            print(f"  round {turn + 1}: {name:9s} {shown}", flush=True)
    for kind, found in times.items():
        ratios = [left / max(right, 1e-9) for left, right in zip(*found.values(), strict=True)]
        print(f"  {kind:14s} official / nevus: min {min(ratios):5.2f}x, "
              f"median {statistics.median(ratios):5.2f}x")  # fmt: skip
    return max(find_gaps(answers["official"], answers["nevus"]).values()) <= TOLERANCE


def find_peer(python: Path | None) -> str:
    if python is not None and python.exists():
        code = (
            "import importlib.metadata as m, pandas; assert int(pandas.__version__[0]) < 3; "
            "print(m.version('isic-challenge-scoring'), 'pandas', pandas.__version__)"
        )
        done = subprocess.run(
            [str(python), "-c", code], check=False, capture_output=True, text=True
        )
        if done.returncode == 0:
            print(f"official: isic-challenge-scoring {done.stdout.strip()}")
            return str(python)
    raise SystemExit(
        "isic-challenge-scoring with pandas < 3 is not there. Make an environment for it:\n"
        "  python -m venv peer\n"
        '  peer/bin/pip install isic-challenge-scoring==5.6.0 "pandas<3"\n'
        "  python benchmarks/scoring_diagnosis.py --peer-python peer/bin/python"
    )


def copy_pair(folder: Path, truth: Path, prediction: Path) -> Path:
    folder.mkdir(parents=True)
    for path, side in ((truth, "truth"), (prediction, "prediction")):
        (folder / f"{side}.csv").write_bytes(path.read_bytes())
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", type=Path, help="Python that has the official scorer")
    parser.add_argument("--tables", type=int, default=100, help="for the equality of numbers")
    parser.add_argument("--rows", type=int, default=10_015, help="for the time")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--truth", type=Path, help="a truth CSV of your own")
    parser.add_argument("--prediction", type=Path, help="and what to score against it")
    options = parser.parse_args()
    peer = find_peer(options.peer_python)
    print(f"nevus: Python {platform.python_version()}, numpy {np.__version__}; "
          f"{os.cpu_count()} cores, {platform.machine()}")  # fmt: skip
    generator = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folders = [
            write_tables(root / f"table{number:04d}", generator, int(generator.integers(20, 500)),
                         KINDS[number % len(KINDS)], weightless=number % 2 == 0)
            for number in range(options.tables)
        ]  # fmt: skip
        if options.truth and options.prediction:
            folders.append(copy_pair(root / "own", options.truth, options.prediction))
        same = compare_numbers(peer, folders)
        print(f"\ntime: {options.rows} rows, {options.rounds} rounds")
        large = write_tables(root / "time", generator, options.rows, "sharp", weightless=True)
        same = compare_times(peer, large, options.rounds) and same
    print(f"numbers equal: {same}")
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
