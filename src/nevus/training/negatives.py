"""Negatives for triplets, mined over the whole training set into a list all processes share.

Mining inside a batch would make two processes differ from one. Hardest negatives can pull all
embeddings into one point early in training; semi-hard ones (Schroff et al. 2015,
arXiv:1503.03832, section 3.2) lie farther from the anchor than its positives do.
"""

from collections import Counter
from collections.abc import Sequence

import torch

from nevus.data.seeds import mix_seed
from nevus.options import TripletOptions

ROWS_AT_ONCE = 512


def find_anchors(labels: Sequence[int], options: TripletOptions) -> list[int]:
    """Return the positions of photographs that may anchor, in order.

    They have a positive; where there is only one class, none of them has a negative.
    """
    counts = Counter(labels)
    if len(counts) < 2:
        return []
    majority = find_majority(labels)
    return [
        place
        for place, label in enumerate(labels)
        if counts[label] > 1 and (options.anchors == "all" or label != majority)
    ]


def find_majority(labels: Sequence[int]) -> int:
    """Return the most frequent class, the smallest of equally frequent ones."""
    counts = Counter(labels)
    return min(counts, key=lambda label: (-counts[label], label))


def mine_negatives(
    embeddings: torch.Tensor,
    labels: Sequence[int],
    anchors: Sequence[int],
    options: TripletOptions,
    *,
    seed: int,
) -> torch.Tensor:
    """Return (A, K) positions of negatives for each anchor, nearest first.

    Args:
        embeddings: (N, E) of all training photographs.
        labels: (N,) their classes.
        anchors: (A,) positions, as `find_anchors` gives them.
        options: Kind of mining, where negatives come from, and K at most.
        seed: For ``random`` mining.
    """
    classes = torch.tensor(labels)
    allowed = torch.ones(len(labels), dtype=torch.bool)
    if options.negatives == "majority":
        allowed = classes == find_majority(labels)
    kept = count_kept(labels, anchors, options)
    generator = torch.Generator().manual_seed(mix_seed(seed, "negatives"))
    found = []
    for start in range(0, len(anchors), ROWS_AT_ONCE):
        rows = torch.tensor(anchors[start : start + ROWS_AT_ONCE])
        same = classes[rows][:, None] == classes[None]
        if options.mining == "random":
            distances = torch.rand(len(rows), len(labels), generator=generator)
        else:
            distances = torch.cdist(embeddings[rows], embeddings).square()
        if options.mining == "semi_hard":
            distances = _put_too_near_last(distances, same, rows)
        distances = distances.masked_fill(same | ~allowed[None], torch.inf)
        found.append(distances.topk(kept, largest=False, sorted=True).indices)
    return torch.cat(found)


def count_kept(labels: Sequence[int], anchors: Sequence[int], options: TripletOptions) -> int:
    """Return K: `options.kept`, or fewer where an anchor has fewer negatives."""
    counts = Counter(labels)
    total = counts[find_majority(labels)] if options.negatives == "majority" else len(labels)
    inside = options.negatives == "other"
    fewest = min(total - (counts[labels[place]] if inside else 0) for place in anchors)
    return min(options.kept, fewest)


def _put_too_near_last(
    distances: torch.Tensor, same: torch.Tensor, rows: torch.Tensor
) -> torch.Tensor:
    # Semi-hard: farther than the anchor's positives are on average; too near ones only come if
    # there are no others, and then farthest first.
    positive = same.clone()
    positive[torch.arange(len(rows)), rows] = False
    reach = (distances * positive).sum(1) / positive.sum(1).clamp(min=1)
    too_near = distances <= reach[:, None]
    return torch.where(too_near, distances.max() * 2 - distances, distances)
