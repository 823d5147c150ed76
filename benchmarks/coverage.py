"""Conformal sets on photographs they were not made from: coverage and size.

    nevus predict diagnosis --models packaged --images PHOTOGRAPHS --split SPLIT --out diagnoses
    python benchmarks/coverage.py --data DATA --prediction diagnoses/diagnosis.csv

Photographs must be ones the network was not trained on. Their lesions are halved at random,
`--times` over; sets are made from one half's scores and judged on the other, both ways: the mean is
printed. Its 95 % interval: the same after drawing the lesions of each diagnosis anew, with
replacement, each time halved at random. Probabilities stay as predicted: their one temperature is
fitted on all of these photographs.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nevus.analyzer.conformal import find_level
from nevus.data.cases import find_cases
from nevus.evaluation.class_tables import read_predictions
from nevus.labels import DIAGNOSES

ROWS = ("all photographs", "mean of diagnoses", "names in a set", "sets of one name")


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
    every = np.arange(len(labels))

    def measure(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        first = (generator.permutation(lesions.max() + 1) % 2 == 0)[lesions[rows]]
        held, sizes = judge(table.values[rows], labels[rows], first, arguments.coverage)
        return summarize(labels[rows], held, sizes)

    means = np.mean([measure(every) for _ in range(arguments.times)], axis=0)
    drawn = [measure(draw(lesions, labels, generator)) for _ in range(10 * arguments.times)]
    low, high = np.nanquantile(drawn, (0.025, 0.975), axis=0)
    print(f"n = {len(labels)}, {lesions.max() + 1} lesions, {arguments.times} random halvings; ")
    print(f"wanted {arguments.coverage:.0%} of each diagnosis; mean [95 % interval over lesions]")
    names = [f"{name} (n {np.sum(labels == place)})" for place, name in enumerate(DIAGNOSES)]
    for name, mean, start, end in zip((*ROWS, *names), means, low, high, strict=True):
        print(f"  {name:20s} {mean:.3f} [{start:.3f}, {end:.3f}]")


def draw(
    lesions: NDArray[np.int64], labels: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.int64]:
    """Return the rows of as many lesions of each diagnosis, drawn with replacement."""
    rows = []
    for place in range(len(DIAGNOSES)):
        known = np.unique(lesions[labels == place])
        counts = np.bincount(generator.choice(known, len(known)), minlength=lesions.max() + 1)
        rows.append(np.repeat(np.flatnonzero(labels == place), counts[lesions[labels == place]]))
    return np.concatenate(rows)


def summarize(
    labels: NDArray[np.int64], held: NDArray[np.bool_], sizes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the values of `ROWS`, then the share of each diagnosis whose set held it."""
    shares = np.array([held[labels == place].mean() for place in range(len(DIAGNOSES))])
    rest = [held.mean(), shares.mean(), sizes.mean(), (sizes == 1).mean()]
    return np.concatenate([rest, shares])


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


if __name__ == "__main__":
    main()
