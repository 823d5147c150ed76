"""What it is worth that presences may empty attribute masks.

    python benchmarks/presences.py RUN --data DATA

Thresholds, and presence thresholds where allowed, are fitted on one half of a run's validation
photographs and judged on the other, both ways; pooled Jaccard at the network's own size, four flips.
The interval is of the difference, from 2,000 resamples of photographs, thresholds held.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nevus.data.cache import open_cache
from nevus.imaging.views import VIEW_SETS
from nevus.metrics.thresholds import PRESENCES, Histograms, Rules, fit_rules, pooled_jaccard
from nevus.models.attributes import AttributeNetwork
from nevus.models.checkpoint import build_from_checkpoint, read_checkpoint
from nevus.training.attribute_validation import collect_histograms
from nevus.training.distributed import Group
from nevus.training.learner import build_normalizer
from nevus.training.refit import read_run_recipe
from nevus.training.run import RunFolder
from nevus.training.split import read_split
from nevus.training.train import MATERIALS

Floats = NDArray[np.float64]
HALVES = (slice(0, None, 2), slice(1, None, 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    histograms = measure(RunFolder(options.run), options.data)
    kept, plain = (cross(histograms, allowed) for allowed in (PRESENCES, (0.0,)))
    generator = np.random.default_rng(0)
    drawn = generator.integers(0, len(kept), (2000, len(kept)))
    apart = [pooled_jaccard(kept[rows]) - pooled_jaccard(plain[rows]) for rows in drawn]
    low, high = np.quantile(apart, (0.025, 0.975))
    print(json.dumps({
        "n": len(kept),
        "with_presences": round(pooled_jaccard(kept), 4),
        "without": round(pooled_jaccard(plain), 4),
        "difference_ci95": [round(float(low), 4), round(float(high), 4)],
    }))  # fmt: skip


def measure(run: RunFolder, data: Path) -> Histograms:
    """Return the histograms of a run's validation photographs under its last weights."""
    recipe, group = read_run_recipe(run), Group(0, 1, torch.device("cpu"))
    cache = open_cache(MATERIALS[recipe.task](recipe, data).items(), recipe.input.preparation)
    places = {name: place for place, name in enumerate(cache.image_ids)}
    chosen = [places[name] for name in read_split(run.split).validation]
    network = build_from_checkpoint(read_checkpoint(run.checkpoint("last")))
    assert isinstance(network, AttributeNetwork), f"{run.path} is no run of attributes"
    return collect_histograms(
        network,
        cache,
        chosen,
        build_normalizer(recipe, group),
        group,
        views=VIEW_SETS["flips"],
    )


def cross(histograms: Histograms, presences: tuple[float, ...]) -> Floats:
    """Return (N, 5, 3) counts of each photograph under the rules of the other half."""
    found = np.zeros((len(histograms.presences), 5, 3))
    for fitted, judged in (HALVES, HALVES[::-1]):
        rules = fit_rules(histograms.select(fitted), presences=presences)
        found[judged] = count_each(histograms.select(judged), rules)
    return found


def count_each(histograms: Histograms, rules: Rules) -> Floats:
    """Return (N, 5, 3) counts of single photographs."""
    number = len(histograms.presences)
    return np.stack([histograms.select(slice(row, row + 1)).count(rules) for row in range(number)])


if __name__ == "__main__":
    main()
