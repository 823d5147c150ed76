"""A checkpoint's network as it is exported: bytes in, answers out."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nevus.export.weights import strip_origins
from nevus.labels import ATTRIBUTES
from nevus.models.checkpoint import Checkpoint, build_from_checkpoint
from nevus.models.diagnosis import DiagnosisNetwork
from nevus.runtime.manifest import OUTPUTS

MOST_VIEWS = 64
"""Photographs, or views of one, that may go through at once."""


class ExportedNetwork(nn.Module):
    """A network that takes bytes and gives what its task is about, nothing to be computed after.

    Args:
        checkpoint: Network, normalisation and, for diagnosis, the gallery.

    Attributes:
        outputs: Names of what `forward` gives, as `nevus.runtime.manifest` knows them.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.network = build_from_checkpoint(checkpoint)
        self.task = checkpoint.task
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.gallery: torch.Tensor
        mean, std = torch.tensor(checkpoint.input.mean), torch.tensor(checkpoint.input.std)
        self.register_buffer("mean", mean.view(1, 3, 1, 1) * 255)
        self.register_buffer("std", std.view(1, 3, 1, 1) * 255)
        known = checkpoint.extra.get("gallery.embeddings", torch.zeros(0, 1))
        self.register_buffer("gallery", known)
        self.outputs = OUTPUTS[self.task]
        if checkpoint.network.lesion_map and self.task == "attributes":
            self.outputs += ("lesion",)
        if isinstance(self.network, DiagnosisNetwork) and self._shows_evidence(checkpoint):
            self.outputs += ("evidence",)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return `outputs` for (N, H, W, 3) uint8."""
        values = (image.permute(0, 3, 1, 2).float() - self.mean) / self.std
        if self.task == "diagnosis":
            return self._diagnose(values)
        given = self.network(values)
        if self.task == "segmentation":
            return (torch.sigmoid(given),)
        maps, count = torch.sigmoid(given.maps), len(ATTRIBUTES)
        found = maps[:, :count], torch.sigmoid(given.presences)
        return (*found, maps[:, count:]) if "lesion" in self.outputs else found

    def _diagnose(self, values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        network: Any = self.network
        if "evidence" not in self.outputs:
            given = network(values)
            return given.logits, self._measure(given.embedding)
        features = network.backbone.forward_features(values)
        given = network.judge(features.mean(dim=(2, 3)))
        evidence = torch.einsum("kc,nchw->nkhw", network.weigh_features(), features)
        return given.logits, self._measure(given.embedding), evidence

    def _measure(self, embedding: torch.Tensor) -> torch.Tensor:
        return (embedding[:, None] - self.gallery[None]).square().sum(2).sqrt()

    def _shows_evidence(self, checkpoint: Checkpoint) -> bool:
        """Return whether pooled features are the plain mean of a map of features.

        Class activation maps (Zhou et al. 2016, arXiv:1512.04150) are then exact: each place's
        evidence is what it adds to the logit.
        """
        network: Any = self.network
        height, width = checkpoint.input.size
        values = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            features = network.backbone.forward_features(values)
            pooled = network.backbone(values)
            if features.ndim != 4 or features.shape[1] != pooled.shape[1]:
                return False
            return bool(torch.allclose(features.mean(dim=(2, 3)), pooled, atol=1e-5, rtol=1e-4))


def convert(network: ExportedNetwork, size: tuple[int, int]) -> bytes:
    """Return the network as an ONNX model that takes (N, *size, 3) uint8 named ``image``."""
    example = torch.zeros(2, *size, 3, dtype=torch.uint8)
    export: Callable[..., Any] = torch.onnx.export
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export(
            network,
            (example,),
            str(path),
            input_names=["image"],
            output_names=list(network.outputs),
            dynamic_shapes={"image": {0: torch.export.Dim("n", min=1, max=MOST_VIEWS)}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        return strip_origins(path.read_bytes())
