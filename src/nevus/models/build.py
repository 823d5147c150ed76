"""Networks by name: what a recipe or a checkpoint says becomes a module."""

from collections.abc import Callable, Sequence
from pathlib import Path

import segmentation_models_pytorch as smp
from torch import nn

from nevus.errors import RecipeError
from nevus.labels import ATTRIBUTES
from nevus.models.attributes import AttributeNetwork
from nevus.models.deeplab import DeepLabV3Plus
from nevus.models.diagnosis import DiagnosisNetwork, SideBySide, build_backbone
from nevus.models.encoders import Encoder
from nevus.models.joint import JointAttributes, JointSegmentor
from nevus.models.pretrained import find_weights, load_pretrained
from nevus.models.segmentor import DEFAULT_CHANNELS, UNet
from nevus.options import NetworkOptions


def build_unet(options: NetworkOptions, *, pretrained: bool) -> nn.Module:
    """Return a U-Net on a timm encoder."""
    encoder = Encoder(options.encoder, squeeze_excite=options.squeeze_excite)
    if pretrained and options.pretrained is not False:
        given = options.pretrained
        path = Path(given) if isinstance(given, str) else find_weights(options.encoder)
        load_pretrained(encoder.backbone, path)
    channels = options.decoder_channels or DEFAULT_CHANNELS
    if len(channels) != len(encoder.channels) - 1:
        raise RecipeError(
            f"network.decoder_channels has {len(channels)} values, "
            f"{options.encoder} needs {len(encoder.channels) - 1}"
        )
    return UNet(
        encoder, decoder_channels=channels, outputs=options.outputs, separable=options.separable
    )


def build_attributes(options: NetworkOptions, *, pretrained: bool) -> nn.Module:
    """Return a U-Net of attribute maps with its presence head."""
    maps = len(ATTRIBUTES) + options.lesion_map
    unet = build_unet(options.model_copy(update={"outputs": maps}), pretrained=pretrained)
    assert isinstance(unet, UNet)
    network = AttributeNetwork(unet, presence=options.presence)
    if options.map_prior:
        network.expect(options.map_prior)
    return network


def build_deeplabv3plus(options: NetworkOptions, *, pretrained: bool) -> nn.Module:
    """Return a DeepLabV3+, which the paper trains from scratch."""
    if pretrained and options.pretrained is not False:
        raise RecipeError(
            "network.pretrained is not offered for deeplabv3plus, which the paper trains from "
            "scratch",
            hint="--set network.pretrained=false",
        )
    known = smp.encoders.get_encoder_names()
    if options.encoder not in known and not options.encoder.startswith("tu-"):
        raise RecipeError(
            f"segmentation-models-pytorch has no encoder {options.encoder!r}",
            hint="resnet18, resnet50, resnet101 or tu-<timm name>",
        )
    try:
        return DeepLabV3Plus(options.encoder, outputs=options.outputs)
    except (RuntimeError, ValueError, AssertionError, TypeError) as error:
        raise RecipeError(
            f"network.encoder {options.encoder} does not fit deeplabv3plus: {error}",
            hint="resnet18, resnet50, resnet101 or tu-<timm name>",
        ) from error


def build_diagnosis(options: NetworkOptions, *, pretrained: bool) -> nn.Module:
    """Return a diagnosis network on a timm backbone, or on several side by side."""
    backbones = []
    features = 0
    for _ in range(options.members):
        backbone, width = build_backbone(
            options.encoder, stride_first=options.stride_first, drop_path=options.drop_path
        )
        if pretrained and options.pretrained is not False:
            given = options.pretrained
            path = Path(given) if isinstance(given, str) else find_weights(options.encoder)
            load_pretrained(backbone, path, deepen=options.deepen)
        backbones.append(backbone)
        features += width
    return DiagnosisNetwork(
        backbones[0] if len(backbones) == 1 else SideBySide(backbones),
        features,
        embedding=options.embedding * options.members,
        normalize=options.normalize_embedding,
        dropout=options.dropout,
        members=options.members,
    )


MODELS: dict[str, Callable[..., nn.Module]] = {
    "unet": build_unet,
    "attributes": build_attributes,
    "deeplabv3plus": build_deeplabv3plus,
    "diagnosis": build_diagnosis,
}
"""Each value: ``(options, *, pretrained) -> network``."""

JOINTS: dict[str, Callable[[Sequence[nn.Module]], nn.Module]] = {
    "unet": JointSegmentor,
    "attributes": JointAttributes,
    "deeplabv3plus": JointSegmentor,
}
"""Each value: ``(whole networks) -> network``. Diagnosis networks join their backbones instead."""


def build_network(options: NetworkOptions, *, pretrained: bool) -> nn.Module:
    """Return the network that `options` names.

    Args:
        options: Name and variants.
        pretrained: Whether `options.pretrained` is to be honoured; a network about to be filled
            from a checkpoint needs no ImageNet weights.

    Raises:
        RecipeError: The network or its encoder does not exist.
        WeightsError: Pretrained weights are wanted and not there, or do not fit.
    """
    if options.name not in MODELS:
        raise RecipeError(f"no network {options.name!r}; one of {', '.join(MODELS)}")
    build = MODELS[options.name]
    if options.members == 1 or options.name not in JOINTS:
        return build(options, pretrained=pretrained)
    single = options.model_copy(update={"members": 1})
    members = [build(single, pretrained=pretrained) for _ in range(options.members)]
    return JOINTS[options.name](members)


def encoder_backbone(network: nn.Module) -> nn.Module | None:
    """Return the part that freezing holds fixed (not the gates, not the decoder), if any."""
    part = getattr(network, "pretrained_part", None)
    return part if isinstance(part, nn.Module) else None
