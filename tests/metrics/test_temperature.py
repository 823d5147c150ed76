import numpy as np
import pytest

from nevus.metrics.temperature import fit_probabilities, softmax


def draw(temperature: float, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    scores = generator.normal(0, 2, (count, 4))
    chances = softmax(scores, temperature).cumsum(axis=1)
    labels = (generator.random((count, 1)) > chances).sum(axis=1)
    return scores, labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_drew_the_labels_is_found(temperature: float) -> None:
    scores, labels = draw(temperature)
    found = fit_probabilities(lambda value: softmax(scores, value), labels)
    assert found == pytest.approx(temperature, rel=0.05)


def test_softmax_by_hand_and_without_overflow() -> None:
    assert softmax(np.array([[0.0, np.log(3.0)]]))[0] == pytest.approx([0.25, 0.75])
    assert softmax(np.array([[1e4, 0.0]]))[0] == pytest.approx([1, 0])
    assert softmax(np.array([[0.0, -np.inf]]))[0] == pytest.approx([1, 0])
