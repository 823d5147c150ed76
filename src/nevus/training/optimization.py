"""Optimisers, learning rates, precision: one guarded step for every learner."""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.optim import Optimizer

from nevus.models.build import encoder_backbone
from nevus.options import OptimizerOptions
from nevus.training.distributed import Group

DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


class Moment(NamedTuple):
    """Where in the run a step stands; `step` and `epoch` count from 0."""

    step: int
    total: int
    epoch: int


def build_optimizer(network: nn.Module, options: OptimizerOptions) -> Optimizer:
    """Return the optimiser a recipe names, the encoder's weights in a group of their own."""
    backbone = encoder_backbone(network)
    inner = {id(parameter) for parameter in backbone.parameters()} if backbone else set()
    encoder = [p for p in network.parameters() if id(p) in inner]
    others = [p for p in network.parameters() if id(p) not in inner]
    groups = [{"params": others, "factor": 1.0}]
    if encoder:
        groups.append({"params": encoder, "factor": options.encoder_lr_factor})
    if options.name == "sgd":
        return torch.optim.SGD(
            groups, lr=options.lr, momentum=options.momentum, weight_decay=options.weight_decay
        )
    kind = torch.optim.Adam if options.name == "adam" else torch.optim.AdamW
    return kind(groups, lr=options.lr, weight_decay=options.weight_decay)


def learning_rate(options: OptimizerOptions, moment: Moment) -> float:
    """Return the learning rate of a step: a pure function, so that resuming needs no state.

    Linear decay ends at 0 after the last step; cosine likewise; warm-up multiplies any, and takes
    a quarter of the steps at most: a short run on few photographs would never be warm.
    """
    done = moment.step / max(moment.total, 1)
    decay = {
        "linear": 1 - done,
        "cosine": 0.5 * (1 + math.cos(math.pi * done)),
        "constant": 1.0,
        "step": 0.1 ** (moment.epoch // options.step_epochs),
    }[options.schedule]
    warmup = min(options.warmup_steps, moment.total // 4)
    warm = min(1.0, (moment.step + 1) / warmup) if warmup else 1.0
    return options.lr * decay * warm


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Set every group's learning rate, each by its own factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


class GuardedStep:
    """Backward and optimiser steps with mixed precision, averaging, clipping and a finite check.

    Args:
        group: The run's processes.
        precision: A key of `DTYPES`; float16 scales its losses.
        clip_norm: Largest gradient norm; 0 for none.
    """

    def __init__(self, group: Group, precision: str, *, clip_norm: float = 0.0) -> None:
        self.group = group
        self.dtype = DTYPES[precision]
        self.clip_norm = clip_norm
        self.scaler = torch.amp.GradScaler(group.device.type, enabled=precision == "float16")
        self._applied = False

    def autocast(self) -> torch.autocast:
        """Return the context in which networks run forward."""
        mixed = self.dtype in (torch.bfloat16, torch.float16)
        kind = self.dtype if mixed else torch.bfloat16
        return torch.autocast(self.group.device.type, dtype=kind, enabled=mixed)

    def backward(self, loss: torch.Tensor) -> bool:
        """Back-propagate; return False, and do nothing, if any process's loss is not finite."""
        if self.group.any(not bool(torch.isfinite(loss))):
            return False
        # torch declares no types for `scale`.
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        return True

    def apply(self, optimizer: Optimizer) -> bool:
        """Average, clip and step; return False, without a step, if a gradient is not finite."""
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.group.average_gradients(parameters)
        self.scaler.unscale_(optimizer)
        self._applied = True
        gradients = [p.grad for p in parameters if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        finite = bool(torch.isfinite(norm))
        if finite and self.clip_norm:
            torch.nn.utils.clip_grads_with_norm_(parameters, self.clip_norm, norm)
        if finite or self.scaler.is_enabled():
            # The scaler leaves out a step that is not finite by itself, and has to see it.
            self.scaler.step(optimizer)
        return finite

    def finish(self) -> None:
        """End an iteration: adapt the loss scale of float16, if any step was tried."""
        if self._applied:
            self.scaler.update()
        self._applied = False

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs: the loss scale of float16, else nothing."""
        return dict(self.scaler.state_dict())

    def load(self, state: dict[str, Any]) -> None:
        """Take back what `state` returned."""
        if state:
            self.scaler.load_state_dict(state)


class Statistics:
    """What networks remember of batches (batch norm), to be taken back after a skipped step.

    A forward pass that overflows has by then put its infinities into the running averages, which
    no later batch washes out.

    Args:
        networks: Whose buffers are copied as they are now.
    """

    def __init__(self, *networks: nn.Module) -> None:
        self._kept = [(buffer, buffer.clone()) for net in networks for buffer in net.buffers()]

    def restore(self) -> None:
        """Make the networks forget all batches since."""
        for buffer, kept in self._kept:
            buffer.copy_(kept)


def freeze(module: nn.Module | None, frozen: bool) -> None:
    """Fix a module, batch norm statistics included, or let it train."""
    if module is None:
        return
    for parameter in module.parameters():
        parameter.requires_grad_(not frozen)
    if frozen:
        module.eval()


def clamp_parameters(modules: Iterable[nn.Module], limit: float) -> None:
    """Clamp all parameters of `modules` to [-limit, limit], in place."""
    with torch.no_grad():
        for module in modules:
            for parameter in module.parameters():
                parameter.clamp_(-limit, limit)
