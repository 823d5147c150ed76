import pytest
import torch

from nevus.losses import LOSSES, cross_entropy, dice, jaccard, multi_scale_l1


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_per_photograph_finite_and_differentiable(name: str) -> None:
    logits = torch.randn(3, 2, 8, 9, requires_grad=True)
    target = (torch.rand(3, 2, 8, 9) > 0.5).float()
    target[0] = 0
    values = LOSSES[name](logits, target)
    assert values.shape == (3,)
    assert bool(torch.isfinite(values).all())
    values.sum().backward()
    assert logits.grad is not None
    assert bool(torch.isfinite(logits.grad).all())
    alone = LOSSES[name](logits[1:2], target[1:2])
    assert torch.allclose(alone[0], values[1])


@pytest.mark.parametrize("name", LOSSES)
def test_a_perfect_answer_costs_nothing(name: str) -> None:
    target = (torch.rand(2, 1, 8, 8) > 0.5).float()
    assert float(LOSSES[name]((target - 0.5) * 60, target).max()) < 1e-4


def test_values_by_hand() -> None:
    logits = torch.zeros(1, 1, 1, 4)
    target = torch.tensor([1.0, 1, 0, 0]).view(1, 1, 1, 4)
    assert float(cross_entropy(logits, target)) == pytest.approx(0.693147, abs=1e-5)
    # p = 1/2 everywhere: 2 * 1 / (4 * 1/4 + 2) = 2/3, and 1 / (2 + 2 - 1) = 1/3
    assert float(dice(logits, target)) == pytest.approx(1 / 3, abs=1e-5)
    assert float(jaccard(logits, target)) == pytest.approx(2 / 3, abs=1e-5)


def test_scales_weigh_the_same() -> None:
    first = [torch.zeros(1, 1, 8, 8), torch.zeros(1, 4, 2, 2)]
    second = [torch.full((1, 1, 8, 8), 2.0), torch.full((1, 4, 2, 2), 4.0)]
    assert float(multi_scale_l1(first, second)) == pytest.approx(3.0)
