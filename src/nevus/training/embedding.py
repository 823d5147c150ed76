"""Embeddings and logits of many photographs, shared between processes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from nevus.data.cache import Cache
from nevus.imaging.views import UPRIGHT, View
from nevus.labels import DIAGNOSES
from nevus.models.diagnosis import DiagnosisNetwork
from nevus.models.turning import turn
from nevus.training.distributed import Group
from nevus.training.learner import Normalizer


@dataclass(frozen=True)
class Embedded:
    """What a diagnosis network sees in photographs.

    Attributes:
        embeddings: (N, E) float32 on the CPU.
        logits: (N, 7) float32 on the CPU.
    """

    embeddings: torch.Tensor
    logits: torch.Tensor


def embed(
    network: DiagnosisNetwork,
    cache: Cache,
    indices: Sequence[int],
    normalizer: Normalizer,
    group: Group,
    *,
    batch_size: int = 32,
    view: View = UPRIGHT,
) -> Embedded:
    """Return embeddings and logits of photographs in one view, the same in every process.

    Args:
        network: A diagnosis network; it is left in evaluation mode.
        cache: Decoded photographs.
        indices: Which of them, at least one.
        normalizer: The run's.
        group: The run's processes, which share the work.
        batch_size: Photographs at a time; results do not depend on it beyond rounding.
        view: How photographs are mirrored and turned.
    """
    network.eval()
    mine = range(group.rank, len(indices), group.world_size)
    parts: list[torch.Tensor] = []
    for start in range(0, len(mine), batch_size):
        places = [indices[row] for row in mine[start : start + batch_size]]
        images = torch.from_numpy(cache.images[places]).permute(0, 3, 1, 2)
        with torch.inference_mode():
            embedding, logits = network(normalizer.images(turn(images, view)))
        parts.append(torch.cat([embedding.float(), logits.float()], dim=1))
    # Every process knows the width without asking: a process may have no photographs at all.
    every = torch.zeros(len(indices), _width(network), device=group.device)
    if parts:
        every[list(mine)] = torch.cat(parts)
    every = group.sum(every).cpu()
    return Embedded(every[:, : -len(DIAGNOSES)], every[:, -len(DIAGNOSES) :])


def _width(network: DiagnosisNetwork) -> int:
    return network.embedding.out_features + len(DIAGNOSES)
