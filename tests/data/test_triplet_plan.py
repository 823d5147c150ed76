import pytest
import torch

from nevus.data.plans import BalancedPlan, RunBatches
from nevus.data.triplet_plan import Phases, TripletPlan
from nevus.errors import RecipeError
from nevus.options import TripletOptions

LABELS = [0] * 20 + [1] * 3 + [2] * 4
ANCHORS = list(range(20, 27))
NEGATIVES = torch.tensor([[0, 23], [1, 24], [2, 25], [3, 20], [4, 21], [5, 22], [6, 20]])


def make_plan(**options: object) -> TripletPlan:
    inner = BalancedPlan(LABELS, batch_size=9, epochs=6, seed=1, power=0.0)
    phases = Phases(TripletOptions.model_validate(options))
    return TripletPlan(
        inner, LABELS, ANCHORS, lambda: NEGATIVES, phases=phases, batch_size=9, seed=1
    )


def test_phases_come_in_turn() -> None:
    phases = Phases(TripletOptions(cross_entropy_epochs=2, triplet_epochs=1, mine_epochs=4))
    assert [phases.is_triplet(epoch) for epoch in range(7)] == [0, 0, 1, 0, 0, 1, 0]
    assert phases.mining_epochs(12) == [2, 5, 8]
    assert Phases(TripletOptions(mine_epochs=10)).mining_epochs(25) == [1, 11, 21]
    assert Phases(TripletOptions(mine_epochs=1)).mining_epochs(4) == [1, 3]


def test_triplets_are_anchor_positive_and_a_mined_negative() -> None:
    plan = make_plan()
    assert plan.steps_per_epoch == 3
    for step in (3, 4, 5, 9):
        batch = plan.batch(step)
        assert len(batch) == 9
        assert len({turn for turn, _ in batch}) == 3
        for place in range(0, 9, 3):
            anchor, positive, negative = (index for _, index in batch[place : place + 3])
            assert anchor in ANCHORS
            assert positive != anchor
            assert LABELS[positive] == LABELS[anchor]
            assert negative in NEGATIVES[ANCHORS.index(anchor)].tolist()


def test_cross_entropy_phases_are_the_inner_plan() -> None:
    plan = make_plan()
    inner = BalancedPlan(LABELS, batch_size=9, epochs=6, seed=1, power=0.0)
    assert [plan.batch(step) for step in (0, 1, 2, 6)] == [inner.batch(s) for s in (0, 1, 2, 6)]


def test_processes_share_whole_triplets() -> None:
    plan = make_plan()
    parts = [list(RunBatches(plan, start=3, stop=5, rank=r, world_size=3)) for r in range(3)]
    assert [a + b + c for a, b, c in zip(*parts, strict=True)] == [plan.batch(3), plan.batch(4)]


def test_no_room_for_a_triplet() -> None:
    inner = BalancedPlan(LABELS, batch_size=2, epochs=1, seed=1, power=0.0)
    with pytest.raises(RecipeError, match="no triplets"):
        TripletPlan(
            inner, LABELS, ANCHORS, lambda: NEGATIVES,
            phases=Phases(TripletOptions()), batch_size=2, seed=1,
        )  # fmt: skip
