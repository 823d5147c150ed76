"""Exponential moving average of a network's weights (Polyak averaging), used for prediction."""

import copy

import torch
from torch import nn


class WeightAverage:
    """Keeps `network`, a running average of another network's weights and statistics.

    Args:
        source: The network that trains.
        decay: Share of the old average kept at each step, in (0, 1).
    """

    def __init__(self, source: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(source).eval().requires_grad_(False)
        self.decay = decay

    def update(self, source: nn.Module, step: int) -> None:
        """Take in the weights after `step`; a pure function of step, average and weights."""
        # Early weights are far from good: the average forgets them faster.
        decay = min(self.decay, (1 + step) / (10 + step))
        averages, news = self.network.state_dict(), source.state_dict()
        floats = [name for name, value in averages.items() if value.is_floating_point()]
        with torch.no_grad():
            # As torch's own swa_utils do it: a GPU starts a few kernels, not hundreds.
            torch._foreach_lerp_(
                [averages[name] for name in floats], [news[name] for name in floats], 1 - decay
            )
            for name in averages.keys() - set(floats):
                averages[name].copy_(news[name])
