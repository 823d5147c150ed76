"""A diagnosis checkpoint with fewer known photographs to compare with, weights untouched."""

from dataclasses import replace
from pathlib import Path

import torch

from nevus.errors import CheckpointError, UsageError
from nevus.models.checkpoint import read_checkpoint, write_checkpoint
from nevus.models.gallery import Gallery, draw_gallery, pack_gallery, unpack_gallery


def shrink_gallery(source: Path, out: Path, *, per_class: int, seed: int = 0) -> int:
    """Write a checkpoint whose gallery holds `per_class` photographs of each class at most.

    The draw is the trainer's: of a gallery that holds more of each class, the same photographs
    stay as training with ``gallery.per_class`` and the same seed would have drawn. Temperatures
    stay as they were fitted; by gallery alone and with one view they decide nothing.

    Returns:
        How many photographs the new gallery holds.

    Raises:
        CheckpointError: The source is no diagnosis checkpoint.
        UsageError: `per_class` is below 1.
    """
    if per_class < 1:
        raise UsageError(f"a gallery of {per_class} photographs of each class is none")
    checkpoint = read_checkpoint(source)
    if checkpoint.task != "diagnosis":
        raise CheckpointError(f"{source} is a checkpoint for {checkpoint.task}, not diagnosis")
    arrays = {name: tensor.numpy() for name, tensor in checkpoint.extra.items()}
    whole = unpack_gallery(arrays, checkpoint.fitted["gallery"])
    kept = draw_gallery(whole.image_ids, whole.labels.tolist(), per_class, seed)
    small = Gallery(
        tuple(whole.image_ids[place] for place in kept), whole.labels[kept], whole.embeddings[kept]
    )
    packed, names = pack_gallery(small)
    extra = {name: torch.from_numpy(values.copy()) for name, values in packed.items()}
    fitted = {**checkpoint.fitted, "gallery": names}
    write_checkpoint(out, replace(checkpoint, extra=extra, fitted=fitted))
    return len(kept)
