"""One SegAN iteration: ours against the order of operations in the paper's sibling code.

    python benchmarks/segan_step.py [--encoder vgg19] [--batch 4] [--side 112] [--rounds 5]

The sibling runs the segmentor forward once for each of its two steps, runs the critic four times
with gradients for all of its parameters, and throws half of them away. Ours runs the segmentor
once and computes only the gradients that are used. Networks, weights, batch and optimiser are the
same; that the resulting weights are equal is checked first. Rounds alternate.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from nevus.data.dataset import Batch
from nevus.losses import dice, multi_scale_l1
from nevus.models.build import build_network
from nevus.models.critic import Critic
from nevus.recipe import read_recipe
from nevus.training.adversarial import AdversarialLearner
from nevus.training.distributed import Group
from nevus.training.learner import Moment, Normalizer
from nevus.training.optimization import build_optimizer


class Sibling:
    """The plain order: for each step forward again, every gradient computed."""

    def __init__(self, recipe, network: nn.Module, critic: nn.Module) -> None:
        self.recipe, self.network, self.critic = recipe, network, critic
        self.optimizer = build_optimizer(network, recipe.optimizer)
        self.critic_optimizer = build_optimizer(critic, recipe.optimizer)
        self.normalizer = Normalizer(recipe.input, torch.device("cpu"), channels_last=True)

    def step(self, batch: Batch) -> None:
        self.network.train()
        self.critic.train()
        images = self.normalizer.images(batch.images)
        target = self.normalizer.target(batch.target)
        self.critic.zero_grad()
        probability = torch.sigmoid(self.network(images)).detach()
        distance = multi_scale_l1(self.critic(images * probability), self.critic(images * target))
        (-distance).backward()
        self.critic_optimizer.step()
        with torch.no_grad():
            for parameter in self.critic.parameters():
                parameter.clamp_(-0.05, 0.05)
        self.network.zero_grad()
        logits = self.network(images)
        probability = torch.sigmoid(logits)
        distance = multi_scale_l1(self.critic(images * probability), self.critic(images * target))
        (distance + dice(logits, target).mean()).backward()
        self.optimizer.step()


def build(arguments: argparse.Namespace):
    overrides = [f"network.encoder={arguments.encoder}", "network.pretrained=false"]
    recipe = read_recipe("segan-authors", [*overrides, "optimizer.schedule=constant"])
    torch.manual_seed(0)
    network = build_network(recipe.network, pretrained=False)
    critic = Critic(recipe.adversarial.critic_channels)
    layout = torch.channels_last
    return recipe, network.to(memory_format=layout), critic.to(memory_format=layout)


def timed(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--encoder", default="vgg19")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--side", type=int, default=112)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    generator = torch.Generator().manual_seed(0)
    shape = (arguments.batch, 3, arguments.side, arguments.side)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    target = torch.zeros(arguments.batch, 1, *shape[2:], dtype=torch.uint8)
    target[..., arguments.side // 4 : -arguments.side // 4, arguments.side // 4 :] = 1
    batch = Batch(images, target, torch.arange(arguments.batch))
    recipe, network, critic = build(arguments)
    ours = AdversarialLearner(recipe, network, critic, Group(0, 1, torch.device("cpu")))
    theirs = Sibling(*build(arguments))
    moment = Moment(0, 10, 99)
    ours.step(batch, moment)
    theirs.step(batch)
    pairs = zip(critic.parameters(), theirs.critic.parameters(), strict=True)
    largest = max(float((a - b).detach().abs().max()) for a, b in pairs)
    print(f"critic after one step: largest weight difference {largest:.1e}")
    ratios, seconds = [], []
    for _ in range(arguments.rounds):
        mine, other = timed(lambda: ours.step(batch, moment)), timed(lambda: theirs.step(batch))
        ratios.append(other / mine)
        seconds.append((mine, other))
    mine, other = (statistics.median(column) for column in zip(*seconds, strict=True))
    print(
        f"{arguments.encoder}, batch {arguments.batch}, {arguments.side} px, {arguments.rounds} rounds"
    )
    print(f"ours {mine:.2f} s, sibling order {other:.2f} s (medians)")
    print(f"ratio sibling / ours: median {statistics.median(ratios):.2f}, min {min(ratios):.2f}")


if __name__ == "__main__":
    main()
