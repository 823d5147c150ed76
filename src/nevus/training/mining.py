"""Hard mining: only the worst photographs of a batch are learnt from.

Xue et al. 2018, section 1: the 5 cases of a batch with the highest soft Dice loss.
"""

import torch

from nevus.training.distributed import Group


def mean_of_hardest(
    values: torch.Tensor, rank_by: torch.Tensor, count: int, group: Group
) -> torch.Tensor:
    """Return the mean of `values` over the photographs with the highest `rank_by`.

    The choice is made over the batches of all processes, and the result is scaled so that the
    mean of the processes' gradients is the gradient of that one mean.

    Args:
        values: (N,), the loss to back-propagate.
        rank_by: (N,), what the hardest are chosen by; no gradient flows through it.
        count: How many to keep; 0 or more than there are keeps all.
        group: The run's processes.

    Returns:
        A scalar joined to the graph, also where none of this process's photographs is chosen.
    """
    everyone = group.gather(rank_by.detach())
    if not 0 < count < len(everyone):
        return values.mean()
    chosen = everyone.topk(count).indices - group.rank * len(values)
    here = chosen[(chosen >= 0) & (chosen < len(values))]
    # An empty selection sums to a zero that still reaches the weights.
    return values[here].sum() * (group.world_size / count)
