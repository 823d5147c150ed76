"""Several processes that train one network as if they were one.

Gradients are averaged after backward instead of wrapping networks: alternating phases and an
encoder that is frozen first and thawed later are where wrapping fails, partly without a word.
Batch norm takes its statistics over all processes, so that n processes equal one.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from timm.layers.norm_act import BatchNormAct2d
from torch import distributed, nn

from nevus.errors import UsageError


@dataclass(frozen=True)
class Group:
    """The processes of a run, seen from one of them."""

    rank: int
    world_size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """Return the element-wise sum over processes; `values` may be overwritten."""
        if self.world_size > 1:
            distributed.all_reduce(values)
        return values

    def sum_through(self, values: torch.Tensor) -> torch.Tensor:
        """Return the element-wise sum over processes, which gradients flow through."""
        if self.world_size == 1:
            return values
        total: torch.Tensor = _SumAcrossProcesses.apply(values)
        return total

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in any process."""
        if self.world_size == 1:
            return flag
        return bool(self.sum(torch.tensor(float(flag), device=self.device)) > 0)

    def gather(self, values: torch.Tensor) -> torch.Tensor:
        """Return (world_size * N, ...) from (N, ...) of every process, in rank order."""
        if self.world_size == 1:
            return values
        parts = [torch.empty_like(values) for _ in range(self.world_size)]
        distributed.all_gather(parts, values.contiguous())
        return torch.cat(parts)

    def wait(self) -> None:
        """Wait for all processes."""
        if self.world_size > 1:
            distributed.barrier()

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its mean over processes, in one exchange per type."""
        if self.world_size == 1:
            return
        by_type: dict[torch.dtype, list[torch.Tensor]] = {}
        for parameter in parameters:
            if parameter.grad is not None:
                by_type.setdefault(parameter.grad.dtype, []).append(parameter.grad)
        for gradients in by_type.values():
            flat = torch.cat([gradient.flatten() for gradient in gradients])
            self.sum(flat).div_(self.world_size)
            start = 0
            for gradient in gradients:
                piece = flat[start : start + gradient.numel()]
                gradient.copy_(piece.view_as(gradient))
                start += gradient.numel()


@contextmanager
def join_group(device: str) -> Iterator[Group]:
    """Join the processes torchrun started, or be the only one.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises:
        UsageError: The device is not there.
    """
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    chosen = choose_device(device)
    if world_size == 1:
        yield Group(0, 1, chosen)
        return
    distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Group(distributed.get_rank(), world_size, chosen)
    finally:
        distributed.destroy_process_group()


def choose_device(name: str) -> torch.device:
    """Return the device, the best there is for ``auto``; several GPUs are shared by local rank.

    Raises:
        UsageError: The device is not there.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next((kind for kind, there in available.items() if there), "cpu")
    if name not in ("cpu", "cuda", "mps"):
        raise UsageError(f"no device {name!r}", hint="auto, cpu, cuda or mps")
    if not available.get(name, True):
        raise UsageError(f"this machine has no {name} device", hint="--device auto")
    if name == "cuda":
        index = int(os.environ.get("LOCAL_RANK", "0"))
        torch.cuda.set_device(index)
        return torch.device("cuda", index)
    return torch.device(name)


class _SumAcrossProcesses(torch.autograd.Function):
    """A sum over processes that gradients flow through."""

    @staticmethod
    def forward(_ctx: Any, values: torch.Tensor) -> torch.Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        return total


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the batches of all processes, on any device (torch's own needs a GPU)."""

    # `input` is what the class above calls it: callers may name it.
    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002
        """Return (N, C, H, W) normalised by the statistics of all processes' batches."""
        if not self.training:
            return super().forward(input)
        count = input.numel() // input.shape[1] * distributed.get_world_size()
        shape = (1, -1, 1, 1)
        wide = input.to(torch.promote_types(input.dtype, torch.float32))
        mean = _SumAcrossProcesses.apply(wide.sum((0, 2, 3))) / count
        centred = wide - mean.view(shape)
        variance = _SumAcrossProcesses.apply(centred.square().sum((0, 2, 3))) / count
        self._remember(mean.detach(), variance.detach() * count / (count - 1))
        scale = self.weight / (variance + self.eps).sqrt()
        normal: torch.Tensor = centred * scale.view(shape) + self.bias.view(shape)
        return normal.to(input.dtype)

    def _remember(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.momentum is None:
            return
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), self.momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


class SyncedBatchNormAct2d(SyncedBatchNorm2d):
    """The same for timm's batch norm with a built-in activation."""

    act: nn.Module
    drop: nn.Module

    # `input` is what the class above calls it: callers may name it.
    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002
        """Return the activated, normalised features."""
        activated: torch.Tensor = self.act(self.drop(super().forward(input)))
        return activated


def synchronise_batch_norm(network: nn.Module, group: Group) -> None:
    """Let a network's batch norms work over all processes; nothing changes for one process."""
    if group.world_size == 1:
        return
    for module in network.modules():
        # The class is exchanged in place, which keeps parameters, buffers and their names.
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SyncedBatchNorm2d
        elif type(module) is BatchNormAct2d:
            # mypy takes the exact type for the declared one, nn.Module.
            module.__class__ = SyncedBatchNormAct2d  # type: ignore[assignment]
