"""What a recipe may say, section by section: frozen, and strict about its keys."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nevus.imaging.preparation import Constancy, Fit, Preparation

Side = Annotated[int, Field(ge=32, le=4096)]
"""Pixels, within what an exported model's manifest may say."""
Size = tuple[Side, Side]
Positive = Annotated[float, Field(gt=0)]
Strength = Annotated[float, Field(ge=0, le=10)]
"""Of a change of colours: factors are drawn from 1 - strength, at least 0, to 1 + strength."""
Channels = tuple[Annotated[int, Field(ge=1)], ...]
Probability = Annotated[float, Field(ge=0, le=1)]
StartWith = Literal["encoder", "all"]


class Section(BaseModel):
    """A part of a recipe: frozen, strict about its keys, every number finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class InputOptions(Section):
    """How a photograph becomes the network's input; sizes are (height, width) in pixels."""

    size: Size
    crop: Size | None = None
    """Size of random crops while training; prediction takes the whole of `size`."""
    fit: Fit = "stretch"
    """How a photograph of other proportions comes to `size`; see `Preparation`."""
    color_constancy: Constancy = "none"
    """``shades_of_grey`` takes the colour of the light out."""
    hairless: bool = False
    """Paint over dark hairs."""
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[Positive, Positive, Positive] = (0.229, 0.224, 0.225)

    @property
    def preparation(self) -> Preparation:
        """What is done to a photograph, while training and while predicting."""
        return Preparation(self.size, self.fit, self.color_constancy, self.hairless)

    @model_validator(mode="after")
    def _crop_fits(self) -> "InputOptions":
        if self.crop and (self.crop[0] > self.size[0] or self.crop[1] > self.size[1]):
            raise ValueError(f"crop {self.crop} is larger than size {self.size}")
        return self


class AugmentationOptions(Section):
    """Random changes during training; photograph and mask move together."""

    flip_horizontal: Probability = 0.5
    flip_vertical: Probability = 0.5
    quarter_turns: bool = False
    rotate: Annotated[float, Field(ge=0, le=180)] = 0.0
    """Largest free rotation, degrees."""
    scale: tuple[Positive, Positive] = (1.0, 1.0)
    """Range of the zoom factor."""
    brightness: Strength = 0.0
    contrast: Strength = 0.0
    saturation: Strength = 0.0
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    jitter_probability: Probability = 1.0
    erase: Probability = 0.0
    """How often a square of the photograph, not of its mask, is painted over with its mean colour
    (DeVries and Taylor 2017, arXiv:1708.04552)."""


class NetworkOptions(Section):
    """A network by name; a checkpoint stores exactly this."""

    name: str = "unet"
    encoder: str = "tf_efficientnet_lite0"
    pretrained: bool | str = True
    """True: timm's weights; a path: a safetensors file; False: from scratch."""
    squeeze_excite: Annotated[int, Field(ge=0)] = 0
    """Reduction of the squeeze-and-excitation after each encoder stage; 0 for none."""
    decoder_channels: Channels = ()
    """Channels of the decoder from deep to shallow; empty: chosen by the network."""
    separable: bool = False
    """Depthwise separable convolutions in the decoder."""
    outputs: Annotated[int, Field(ge=1)] = 1
    presence: bool = True
    """Attribute networks: a fully connected head that says which attributes are there."""
    lesion_map: bool = False
    """Attribute networks: a sixth map for the lesion of task 1."""
    map_prior: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Attribute networks: the probability of every attribute at every pixel before the first step
    (Lin et al. 2017, Focal Loss, section 3.3); 0: about .5, as layers come."""
    embedding: Annotated[int, Field(ge=2)] = 256
    """Dimensions of a diagnosis network's embedding."""
    normalize_embedding: bool = True
    """Distances between embeddings of unit length, or raw ones."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of pooled features dropped before the embedding."""
    members: Annotated[int, Field(ge=1)] = 1
    """Networks side by side, one answer; what `nevus join` makes of several runs. Of diagnosis
    networks the backbones, each with an embedding of its own."""
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Diagnosis networks: share of residual branches left out at random, growing with depth (Huang
    et al. 2016, arXiv:1603.09382); the encoder has to know it."""
    stride_first: bool = False
    """Strides of a bottleneck ResNet in its first 1x1 convolution (original, Keras, Caffe)."""
    deepen: bool = False
    """Blocks that the weight file lacks start as identities: ResNet-101 from ResNet-50."""


class OptimizerOptions(Section):
    """Optimiser and learning rate as a pure function of the step."""

    name: Literal["adam", "adamw", "sgd"] = "adam"
    lr: Annotated[float, Field(gt=0)] = 1e-3
    encoder_lr_factor: Annotated[float, Field(gt=0)] = 1.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    schedule: Literal["linear", "cosine", "constant", "step"] = "linear"
    step_epochs: Annotated[int, Field(ge=1)] = 100
    """Schedule ``step``: the rate falls to a tenth after every so many epochs."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    clip_norm: Annotated[float, Field(ge=0)] = 0.0
    """Largest gradient norm; 0 for no clipping."""


class AdversarialOptions(Section):
    """SegAN: equations 1 and 2 of Xue et al. 2018 and what its authors' code adds."""

    critic_channels: Annotated[Channels, Field(min_length=1)] = (64, 128, 256, 512, 512)
    clamp: Annotated[float, Field(ge=0)] = 0.05
    """Critic parameters stay in [-clamp, clamp]; 0 for no clamping."""
    clamp_parameters: Literal["all", "convolutions"] = "all"
    adversarial_weight: Annotated[float, Field(ge=0)] = 1.0
    dice_weight: Annotated[float, Field(ge=0)] = 0.0
    input_scale: bool = False
    """Also compare the masked photographs themselves, as scale 0."""


class SupervisedOptions(Section):
    """Weighted sum of losses by name, see `nevus.losses.LOSSES`."""

    losses: dict[str, float] = Field(default_factory=lambda: {"cross_entropy": 1.0, "dice": 1.0})
    start_from: str = ""
    """A segmentation run's: a checkpoint of any task, see `AttributeOptions.start_from`."""
    start_with: StartWith = "encoder"
    """What is taken from it: the encoder, or encoder, decoder and whatever else fits."""


class AttributeOptions(Section):
    """Multitask training of task 2; the maps' own losses stand in `supervised`."""

    presence_weight: Annotated[float, Field(ge=0)] = 1.0
    """Of the multi-label soft margin of the presences, where the network has that head."""
    lesion_weight: Annotated[float, Field(ge=0)] = 1.0
    """Of the same losses on the lesion's map, where the network has one."""
    positive_weights: tuple[Annotated[float, Field(gt=0)], ...] = ()
    """Of pixels inside each of the five attributes in the cross-entropy; empty: 1."""
    sampling_power: Probability = 0.0
    """Photographs count as their rarest attribute; see `ClassificationOptions.sampling_power`."""
    start_from: str = ""
    """A checkpoint of any task whose weights are taken where names and shapes agree."""
    start_with: StartWith = "encoder"
    """What is taken from `start_from`: the encoder, or encoder and decoder."""


class ClassificationOptions(Section):
    """Cross-entropy over the seven diagnoses."""

    start_from: str = ""
    """A diagnosis checkpoint of the same network to go on from, at a larger size, say."""
    sampling_power: Probability = 0.0
    """A class of n photographs is shown in proportion to n ** (1 - power); 1: all equally."""
    logit_adjustment: Annotated[float, Field(ge=0)] = 0.0
    """Times the log share of what is shown, added to the logits in the loss (Menon et al. 2021,
    arXiv:2007.07314): with 1, plain logits predict as if all classes were equally frequent."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    mixup: Annotated[float, Field(ge=0)] = 0.0
    """Each photograph is mixed with another drawn like it, in a share from a Beta distribution
    with both parameters this large (Zhang et al. 2018, arXiv:1710.09412); 0 for none."""


class TripletOptions(Section):
    """Triplets in turn with cross-entropy: equation 4 of Xue et al. 2018."""

    margin: Annotated[float, Field(gt=0)] = 0.2
    reduction: Literal["sum", "mean"] = "mean"
    """Over a batch's triplets; equation 4 sums."""
    cross_entropy_epochs: Annotated[int, Field(ge=0)] = 1
    """Length of each phase of cross-entropy, which comes first."""
    triplet_epochs: Annotated[int, Field(ge=1)] = 1
    """Length of each phase of triplets."""
    mine_epochs: Annotated[int, Field(ge=1)] = 10
    """Negatives are mined anew after so many epochs."""
    mining: Literal["hardest", "semi_hard", "random"] = "hardest"
    negatives: Literal["other", "majority"] = "other"
    """Negatives come from any other class, or from the most frequent class."""
    anchors: Literal["minority", "all"] = "minority"
    """Which classes anchor: all but the most frequent one, or all."""
    kept: Annotated[int, Field(ge=1)] = 10
    """Negatives kept for each anchor; one of them is drawn each time."""

    @model_validator(mode="after")
    def _anchors_have_negatives(self) -> "TripletOptions":
        if self.anchors == "all" and self.negatives == "majority":
            raise ValueError(
                "anchors 'all' needs negatives 'other': photographs of the most "
                "frequent class have no negatives in it"
            )
        return self


class GalleryOptions(Section):
    """The training photographs a new one is compared with."""

    per_class: Annotated[int, Field(ge=0)] = 100
    """Photographs drawn of each class, fewer where it has fewer; 0 for all."""


class TrainingOptions(Section):
    """The run itself."""

    epochs: Annotated[int, Field(ge=1)]
    epoch_steps: Annotated[int, Field(ge=0)] = 0
    """An epoch ends after so many steps at the latest; 0: when the photographs are through."""
    batch_size: Annotated[int, Field(ge=1)]
    accumulation: Annotated[int, Field(ge=1)] = 1
    """Each batch is worked off in this many parts of equal size."""
    freeze_encoder_epochs: Annotated[int, Field(ge=0)] = 0
    hard_mining: Annotated[int, Field(ge=0)] = 0
    """Back-propagate only the k photographs of a batch with the highest loss; 0 for all."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Exponential moving average of the weights, used for prediction; 0 for none."""
    precision: Literal["float32", "float64", "bfloat16", "float16"] = "float32"
    channels_last: bool = True
    workers: Annotated[int, Field(ge=0)] = 2
    resident: bool = False
    """Keep all photographs in the device's memory and augment whole batches there, without loader
    processes: for GPUs with room for them."""
    seed: Annotated[int, Field(ge=0)] = 0
    deterministic: bool = True

    @model_validator(mode="after")
    def _parts_are_equal(self) -> "TrainingOptions":
        if self.batch_size % self.accumulation:
            raise ValueError(
                f"batch_size {self.batch_size} is no multiple of accumulation {self.accumulation}"
            )
        return self


class PredictionOptions(Section):
    """Test-time choices; `steps` is the post-processing chain in order."""

    flips: bool = False
    """Average over the photograph and its three flips."""
    rotations: bool = False
    """Average over quarter turns too: eight views together with `flips`, at twice the time."""
    by: Literal["logits", "gallery", "both"] = "logits"
    """Diagnosis: from the logits, from distances to the gallery, or the mean of both."""
    steps: tuple[dict[str, Any], ...] = ({"name": "threshold", "value": 0.5},)
