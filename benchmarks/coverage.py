"""Conformal sets on photographs they were not made from: coverage and size.

    nevus predict diagnosis --models packaged --images PHOTOGRAPHS --split SPLIT --out diagnoses
    python benchmarks/coverage.py --data DATA --prediction diagnoses/diagnosis.csv

Photographs must be ones the network was not trained on. Their lesions are halved at random,
`--times` over; sets are made from one half's scores and judged on the other, both ways. Probabilities
stay as predicted: their one temperature is fitted on all of these photographs.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nevus.analyzer.conformal import find_level
from nevus.data.cases import find_cases
from nevus.evaluation.class_tables import read_predictions
from nevus.labels import DIAGNOSES


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--prediction", type=Path, required=True, help="diagnosis.csv")
    parser.add_argument("--coverage", type=float, default=0.9)
    parser.add_argument("--times", type=int, default=100)
    arguments = parser.parse_args()
    table = read_predictions(arguments.prediction)
    cases = {case.image_id: case for case in find_cases(arguments.data)}
    known = [cases[name] for name in table.image_ids]
    labels = np.array([DIAGNOSES.index(case.diagnosis) for case in known])
    lesions = np.unique([case.lesion_id for case in known], return_inverse=True)[1]
    generator = np.random.default_rng(0)
    rounds = [
        judge(table.values, labels, generator.permutation(lesions.max() + 1)[lesions] % 2 == 0,
              arguments.coverage)
        for _ in range(arguments.times)
    ]  # fmt: skip
    held = np.array([held for held, _ in rounds])
    sizes = np.array([size for _, size in rounds])
    print(f"n = {len(labels)}, {lesions.max() + 1} lesions, {arguments.times} random halvings; ")
    print(f"wanted {arguments.coverage:.0%} of each diagnosis; mean [2.5 %, 97.5 % of halvings]")
    shares = np.array([[row[labels == k].mean() for k in range(len(DIAGNOSES))] for row in held])
    show("all photographs", held.mean(1))
    show("mean of diagnoses", shares.mean(1))
    for place, name in enumerate(DIAGNOSES):
        show(f"{name} (n {np.sum(labels == place)})", shares[:, place])
    show("names in a set", sizes.mean(1))
    show("sets of one name", (sizes == 1).mean(1))


def judge(
    values: NDArray[np.float64], labels: NDArray[np.int64], half: NDArray[np.bool_], coverage: float
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return whether each photograph's set held its diagnosis, and the set's size."""
    kept = np.zeros(values.shape, np.bool_)
    for fitting in (half, ~half):
        for place in range(values.shape[1]):
            scores = np.sort(1 - values[fitting & (labels == place), place])
            kept[~fitting, place] = 1 - values[~fitting, place] <= find_level(
                scores.tolist(), coverage
            )
    kept[np.arange(len(labels)), values.argmax(1)] = True
    return kept[np.arange(len(labels)), labels], kept.sum(1)


def show(name: str, shares: NDArray[np.float64]) -> None:
    low, high = np.quantile(shares, (0.025, 0.975))
    print(f"  {name:20s} {shares.mean():.3f} [{low:.3f}, {high:.3f}]")


if __name__ == "__main__":
    main()
