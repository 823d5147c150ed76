import pytest
import torch

from nevus.data.dataset import Batch
from nevus.errors import RecipeError
from nevus.models.build import build_network, encoder_backbone
from nevus.models.critic import Critic
from nevus.recipe import read_recipe
from nevus.training.adversarial import AdversarialLearner
from nevus.training.classification import ClassificationLearner
from nevus.training.distributed import Group
from nevus.training.learner import Learner
from nevus.training.learners import LEARNERS, _require_sizes
from nevus.training.mining import mean_of_hardest
from nevus.training.multitask import MultitaskLearner
from nevus.training.optimization import Moment, learning_rate
from nevus.training.supervised import SupervisedLearner
from nevus.training.triplet import TripletLearner

ONE = Group(0, 1, torch.device("cpu"))
RECIPES = {
    "adversarial": "segan-tiny",
    "supervised": "segmentation-tiny",
    "classification": "diagnosis-tiny",
    "triplet": "diagnosis-tiny",
    "multitask": "attributes-tiny",
}
CLASSES = (0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2)


def make_batch(count: int = 4) -> Batch:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)
    target = torch.zeros(count, 1, 32, 32, dtype=torch.uint8)
    target[:, :, 8:24, 8:24] = 1
    return Batch(images, target, torch.arange(count))


def make_learner(name: str, *overrides: str) -> Learner:
    torch.manual_seed(0)
    recipe = read_recipe(RECIPES[name], ["training.channels_last=false", *overrides])
    network = build_network(recipe.network, pretrained=True)
    if name == "classification":
        return ClassificationLearner(recipe, network, ONE, {0: 0.3, 1: 0.4, 2: 0.3})
    if name == "triplet":
        return TripletLearner(recipe, network, ONE, {0: 0.3, 1: 0.4, 2: 0.3}, CLASSES)
    if name == "multitask":
        return MultitaskLearner(recipe, network, ONE)
    if name == "supervised":
        return SupervisedLearner(recipe, network, ONE)
    critic = Critic(recipe.adversarial.critic_channels)
    return AdversarialLearner(recipe, network, critic, ONE)


def make_batch_for(name: str) -> Batch:
    """Return masks or classes; triplets as anchor, positive, negative of three classes."""
    if name == "multitask":
        batch = make_batch()
        planes = [batch.target.roll(4 * shift, 3) for shift in range(6)]
        return batch._replace(target=torch.cat(planes, dim=1))
    if name not in ("classification", "triplet"):
        return make_batch()
    batch = make_batch(12)
    shift = torch.tensor(CLASSES, dtype=torch.uint8).view(-1, 1, 1, 1) * 60
    images = batch.images // 4 + shift
    order = torch.tensor([0, 3, 1, 1, 4, 2, 2, 5, 0, 6, 9, 7])
    target = torch.tensor(CLASSES)
    return Batch(images[order], target[order], order)


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_learns_one_batch(name: str) -> None:
    learner = make_learner(name)
    batch = make_batch_for(name)
    terms = [learner.step(batch, Moment(step, 1000, 9)) for step in range(40)]
    key = {"adversarial": "dice", "triplet": "triplet"}.get(name, "loss")
    first, last = terms[0], terms[-1]
    assert first is not None
    assert last is not None
    assert last[key] < 0.7 * first[key]


@pytest.mark.parametrize("name", LEARNERS)
def test_frozen_means_weights_and_statistics(name: str) -> None:
    learner = make_learner(name, "training.freeze_encoder_epochs=1")
    backbone = encoder_backbone(next(iter(learner.networks.values())))
    assert backbone is not None
    before = {k: v.clone() for k, v in backbone.state_dict().items()}
    learner.step(make_batch_for(name), Moment(0, 10, 0))
    assert all(torch.equal(v, before[k]) for k, v in backbone.state_dict().items())
    learner.step(make_batch_for(name), Moment(1, 10, 1))
    after = backbone.state_dict()
    assert any(not torch.equal(v, before[k]) for k, v in after.items())
    assert any("running" in k and not torch.equal(v, before[k]) for k, v in after.items())


@pytest.mark.parametrize("name", LEARNERS)
def test_a_skipped_step_leaves_no_infinity_behind(name: str) -> None:
    average = [] if name == "adversarial" else ["training.ema_decay=0.9"]
    learner = make_learner(name, *average)
    batch = make_batch_for(name)
    learner.step(batch, Moment(0, 10, 9))
    network = next(iter(learner.networks.values()))
    before = {k: v.clone() for k, v in network.state_dict().items()}
    first = next(module for module in network.modules() if isinstance(module, torch.nn.Conv2d))
    overflow = first.register_forward_hook(lambda _module, _given, out: out * float("inf"))
    assert learner.step(batch, Moment(1, 10, 9)) is None
    overflow.remove()
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    for other in learner.networks.values():
        assert all(bool(torch.isfinite(v).all()) for v in other.state_dict().values())
    assert learner.step(batch, Moment(2, 10, 9)) is not None


@pytest.mark.parametrize("mode", ["all", "convolutions"])
def test_critic_is_clamped(mode: str) -> None:
    learner = make_learner("adversarial", f"adversarial.clamp_parameters={mode}")
    learner.step(make_batch(), Moment(0, 10, 5))
    for name, parameter in learner.networks["critic"].named_parameters():
        batch_norm = parameter.ndim == 1
        largest = float(parameter.detach().abs().max())
        if mode == "all" or not batch_norm:
            assert largest <= 0.05 + 1e-8, name
        elif name.endswith("weight"):
            assert largest > 0.5, name


def test_segan_step_equals_the_sibling_order() -> None:
    """The order of operations in the public SegAN code: S twice, C four times, nothing shared."""
    overrides = ["optimizer.name=sgd", "optimizer.momentum=0.0", "training.precision=float64"]
    overrides += ["training.channels_last=false", "optimizer.schedule=constant"]
    recipe = read_recipe("segan-tiny", overrides)
    torch.manual_seed(0)
    network = build_network(recipe.network, pretrained=True).double()
    critic = Critic(recipe.adversarial.critic_channels).double()
    learner = AdversarialLearner(recipe, network, critic, ONE)
    torch.manual_seed(0)
    other = build_network(recipe.network, pretrained=True).double()
    other_critic = Critic(recipe.adversarial.critic_channels).double()
    batch = make_batch()
    learner.step(batch, Moment(0, 10, 9))

    images, target = (
        learner.normalizer.images(batch.images),
        learner.normalizer.target(batch.target),
    )
    rate = recipe.optimizer.lr
    probability = torch.sigmoid(other(images)).detach()
    distance = _distance(other_critic, images * probability, images * target)
    _descend(other_critic, -distance, rate)
    with torch.no_grad():
        for parameter in other_critic.parameters():
            parameter.clamp_(-0.05, 0.05)
    probability = torch.sigmoid(other(images))
    overlap = 2 * (probability * target).sum((1, 2, 3)) + 1e-6
    total = probability.square().sum((1, 2, 3)) + target.square().sum((1, 2, 3)) + 1e-6
    distance = _distance(other_critic, images * probability, images * target)
    _descend(other, distance + (1 - overlap / total).mean(), rate)
    for mine, theirs in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.allclose(mine, theirs, rtol=0, atol=1e-12)
    for mine, theirs in zip(critic.parameters(), other_critic.parameters(), strict=True):
        assert torch.allclose(mine, theirs, rtol=0, atol=1e-12)


def _distance(critic: Critic, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    pairs = zip(critic(first), critic(second), strict=True)
    return torch.stack([(a - b).abs().mean() for a, b in pairs]).mean()


def _descend(network: torch.nn.Module, loss: torch.Tensor, rate: float) -> None:
    parameters = list(network.parameters())
    gradients = torch.autograd.grad(loss, parameters)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.sub_(rate * gradient)


def test_accumulation_without_batch_norm_effects_is_a_mean() -> None:
    values = torch.tensor([0.1, 0.9, 0.5, 0.7], requires_grad=True)
    loss = mean_of_hardest(values, values, 2, ONE)
    assert float(loss.detach()) == pytest.approx(0.8)
    loss.backward()
    assert values.grad is not None
    assert values.grad.tolist() == pytest.approx([0, 0.5, 0, 0.5])
    assert float(mean_of_hardest(values, values, 0, ONE).detach()) == pytest.approx(0.55)


def test_accumulation_takes_one_step() -> None:
    learner = make_learner("supervised", "training.accumulation=2", "training.batch_size=4")
    terms = learner.step(make_batch(), Moment(0, 10, 0))
    assert terms is not None
    assert terms["loss"] > 0


@pytest.mark.parametrize(
    ("name", "override"),
    [
        ("adversarial", "training.accumulation=2"),
        ("adversarial", "training.ema_decay=0.9"),
        ("adversarial", "training.hard_mining=2 adversarial.dice_weight=0"),
        ("supervised", "supervised.losses={focul=1.0}"),
    ],
)
def test_what_a_learner_cannot_do_is_said(name: str, override: str) -> None:
    with pytest.raises(RecipeError):
        make_learner(name, *override.split())


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", LEARNERS)
def test_mixed_precision_steps(name: str, precision: str) -> None:
    learner = make_learner(name, f"training.precision={precision}")
    # The loss scale of float16 starts high and halves until gradients are finite.
    terms = [learner.step(make_batch_for(name), Moment(step, 10, 9)) for step in range(8)]
    assert any(term is not None for term in terms)
    for network in learner.networks.values():
        assert all(bool(torch.isfinite(p).all()) for p in network.parameters())


def test_learning_rate_is_a_pure_function_of_the_step() -> None:
    options = read_recipe("segan-paper").optimizer
    assert learning_rate(options, Moment(0, 100, 0)) == pytest.approx(1e-3)
    assert learning_rate(options, Moment(50, 100, 1)) == pytest.approx(5e-4)
    assert learning_rate(options, Moment(100, 100, 2)) == 0
    warm = options.model_copy(update={"warmup_steps": 10, "schedule": "cosine"})
    assert learning_rate(warm, Moment(4, 100, 0)) == pytest.approx(0.5e-3, rel=0.02)
    # A run of 20 steps is warm after 5.
    assert learning_rate(warm, Moment(4, 20, 0)) == pytest.approx(0.9045e-3, rel=0.001)
    assert learning_rate(warm, Moment(0, 3, 0)) == pytest.approx(1e-3)


def test_step_schedule_falls_to_a_tenth() -> None:
    options = read_recipe("segan-paper").optimizer
    steps = options.model_copy(update={"schedule": "step", "step_epochs": 100, "lr": 1e-3})
    rates = [learning_rate(steps, Moment(0, 1, epoch)) for epoch in (0, 99, 100, 250)]
    assert rates == pytest.approx([1e-3, 1e-3, 1e-4, 1e-5])


def test_a_transformer_s_one_size_is_named() -> None:
    changes = ["network.encoder=test_vit", "input.size=[160, 160]", "input.crop=[96, 96]"]
    recipe = read_recipe("diagnosis-tiny", changes)
    network = build_network(recipe.network, pretrained=False)
    with pytest.raises(RecipeError, match=r"\(160, 160\) pixels alone, input\.crop is \(96, 96\)"):
        _require_sizes(recipe, network)
    _require_sizes(read_recipe("diagnosis-tiny", [*changes, "input.crop=[160, 160]"]), network)
