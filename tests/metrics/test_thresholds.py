import numpy as np
import pytest

from nevus.metrics.thresholds import BINS, Histograms, Rules, fit_rules, pooled_jaccard

SIZE = (20, 30)


def make_maps(count: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return probabilities, truths and presences: attribute 3 is never there, 4 is noise."""
    generator = np.random.default_rng(0)
    truth = np.zeros((count, 5, *SIZE), bool)
    truth[:, 0, 4:12, 5:20] = True
    truth[::2, 1, 2:9, 2:9] = True
    truth[:, 2, 5:6, 5:7] = True
    probability = np.clip(truth * 0.5 + generator.normal(0.2, 0.15, truth.shape), 0, 1)
    presences = np.where(truth.any(axis=(2, 3)), 0.8, 0.1) + generator.normal(0, 0.02, (count, 5))
    return probability.astype(np.float32), truth, presences


def make_histograms(
    probability: np.ndarray, truth: np.ndarray, presences: np.ndarray
) -> Histograms:
    spreads = np.zeros((*probability.shape[:2], 2, BINS))
    for index in np.ndindex(*probability.shape[:2]):
        bins = np.minimum((probability[index] * BINS).astype(int), BINS - 1)
        for side in (0, 1):
            chosen = bins[truth[index] == bool(side)]
            spreads[(*index, side)] = np.bincount(chosen, minlength=BINS) / truth[index].size
    return Histograms(spreads, presences)


def count_slowly(rules: Rules, maps: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    total = np.zeros((5, 3))
    for probability, truth, presences in zip(*maps, strict=True):
        masks = rules.apply(probability, presences)
        for place in range(5):
            t, p = truth[place], masks[place]
            total[place] += [(t & p).mean(), (~t & p).mean(), (t & ~p).mean()]
    return total


@pytest.mark.parametrize(
    "rules",
    [
        Rules.plain(0.5),
        Rules((0.25, 0.5, 0.75, 0.5, 0.125), (0.0, 0.02, 0.0, 0.001, 0.0), (0, 0.3, 0.5, 0.2, 0)),
    ],
)
def test_histograms_count_what_the_rules_do(rules: Rules) -> None:
    maps = make_maps()
    assert make_histograms(*maps).count(rules) == pytest.approx(count_slowly(rules, maps))


def test_fitted_rules_beat_plain_ones_and_survive_json() -> None:
    maps = make_maps()
    histograms = make_histograms(*maps)
    rules = fit_rules(histograms)
    fitted = pooled_jaccard(histograms.count(rules))
    plain = [pooled_jaccard(histograms.count(Rules.plain(t / 8))) for t in range(1, 8)]
    assert fitted > max(plain)
    # What is never there is not predicted.
    assert histograms.count(rules)[3, 1] == 0
    assert Rules.from_json(rules.to_json()) == rules


def test_rules_for_each_attribute_serve_each_best() -> None:
    histograms = make_histograms(*make_maps())
    own, pooled = fit_rules(histograms, pooled=False), fit_rules(histograms)
    for place in range(5):
        best = pooled_jaccard(histograms.count(own)[place])
        assert best >= pooled_jaccard(histograms.count(pooled)[place])
        assert best >= pooled_jaccard(histograms.count(Rules.plain(0.5))[place])


def test_nothing_to_find_and_nothing_found_is_perfect() -> None:
    assert pooled_jaccard(np.zeros((5, 3))) == 1.0
    assert pooled_jaccard(np.array([[1.0, 1.0, 2.0], [1.0, 0.0, 3.0]])) == pytest.approx(2 / 8)
