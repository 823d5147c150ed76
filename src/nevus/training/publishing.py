"""What a run hands over: checkpoints of validated weights, with what prediction needs."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from nevus import __version__
from nevus.models.checkpoint import Checkpoint, write_checkpoint
from nevus.recipe import Recipe
from nevus.training.journal import Values
from nevus.training.loop import Hooks
from nevus.training.run import RunFolder
from nevus.training.split import Split
from nevus.training.state import RunState
from nevus.training.workload import Validation, Workload


def make_hooks(
    recipe: Recipe,
    folder: RunFolder,
    workload: Workload,
    split: Split,
    *,
    fold: Sequence[int] | None,
) -> Hooks:
    """Return what the loop calls to validate, to draw and to publish.

    Args:
        recipe: The run's.
        folder: Where checkpoints go.
        workload: Validates.
        split: Who trains and who validates, told in checkpoints.
        fold: (k, n) of the split, None where it is no fold.
    """
    # Publishing follows a validation of the same weights at once.
    latest: dict[str, tuple[nn.Module, Validation]] = {}

    def validate(network: nn.Module) -> Validation:
        latest["now"] = network, workload.validate(network)
        return latest["now"][1]

    def publish(name: str, scores: Values, state: RunState) -> None:
        network, validation = latest["now"]
        checkpoint = Checkpoint(
            task=recipe.task,
            network=recipe.network,
            input=recipe.input,
            prediction=recipe.prediction,
            tensors=_single(network.state_dict()),
            extra=dict(validation.extra),
            fitted=dict(validation.fitted),
            about=_describe(recipe, fold, split, scores, state),
        )
        write_checkpoint(folder.checkpoint(name), checkpoint)

    return Hooks(validate, workload.draw, publish)


def _single(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k: v.float() if v.dtype == torch.float64 else v for k, v in tensors.items()}


def _describe(
    recipe: Recipe, fold: Sequence[int] | None, split: Split, scores: Values, state: RunState
) -> dict[str, Any]:
    return {
        "nevus": __version__,
        "recipe": recipe.name,
        "learner": recipe.learner,
        "fold": fold and list(fold),
        "training_photographs": len(split.training),
        "validation_photographs": len(split.validation),
        "steps": state.step,
        "hours": round(state.seconds / 3600, 3),
        "scores": {name: round(float(value), 6) for name, value in scores.items()},
    }
