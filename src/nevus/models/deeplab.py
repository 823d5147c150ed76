"""DeepLabV3+ (Chen et al. 2018, arXiv:1802.02611) from segmentation-models-pytorch."""

import segmentation_models_pytorch as smp
import torch
from torch import nn
from torch.nn import functional

OUTPUT_STRIDE = 16
ATROUS_RATES = (6, 12, 18)


class DeepLabV3Plus(nn.Module):
    """DeepLabV3+ at output stride 16 for photographs of any size.

    Args:
        encoder: A segmentation-models-pytorch encoder name, ``resnet101`` in the paper's recipe.
        outputs: Maps to predict.
    """

    def __init__(self, encoder: str = "resnet101", *, outputs: int = 1) -> None:
        super().__init__()
        self.network = smp.DeepLabV3Plus(
            encoder_name=encoder,
            encoder_weights=None,
            encoder_output_stride=OUTPUT_STRIDE,
            decoder_atrous_rates=ATROUS_RATES,
            classes=outputs,
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return (N, outputs, H, W) logits for (N, 3, H, W) normalised images."""
        height, width = images.shape[-2:]
        # The library refuses sizes that are no multiple of the stride, such as the paper's 296.
        bottom, right = -height % OUTPUT_STRIDE, -width % OUTPUT_STRIDE
        padded = functional.pad(images, (0, right, 0, bottom), mode="replicate")
        logits: torch.Tensor = self.network(padded)
        return logits[..., :height, :width]
