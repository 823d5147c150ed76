import pytest
import torch
from pydantic import ValidationError

from nevus.options import TripletOptions
from nevus.training.negatives import find_anchors, mine_negatives
from nevus.training.triplet import measure_spread

LABELS = [0, 0, 0, 0, 1, 1, 2]
LINE = torch.tensor([[0.0], [1.0], [2.0], [9.5], [3.0], [5.0], [4.4]])


def test_anchors_are_of_minorities_that_have_a_positive() -> None:
    assert find_anchors(LABELS, TripletOptions()) == [4, 5]
    assert find_anchors(LABELS, TripletOptions(anchors="all")) == [0, 1, 2, 3, 4, 5]


def test_one_class_alone_has_no_anchors() -> None:
    assert find_anchors([3, 3, 3], TripletOptions(anchors="all")) == []


def test_no_anchor_is_without_negatives() -> None:
    with pytest.raises(ValidationError, match="anchors 'all' needs"):
        TripletOptions(anchors="all", negatives="majority")


@pytest.mark.parametrize("mining", ["hardest", "semi_hard", "random"])
@pytest.mark.parametrize("more", [{"anchors": "all"}, {"negatives": "majority"}])
def test_negatives_are_never_of_the_anchor_s_class(mining: str, more: dict[str, str]) -> None:
    options = TripletOptions.model_validate({"kept": 7, "mining": mining, **more})
    anchors = find_anchors(LABELS, options)
    found = mine_negatives(LINE, LABELS, anchors, options, seed=0).tolist()
    for anchor, places in zip(anchors, found, strict=True):
        assert LABELS[anchor] not in {LABELS[place] for place in places}


def test_hardest_negatives_are_nearest() -> None:
    found = mine_negatives(LINE, LABELS, [4, 5], TripletOptions(kept=3), seed=0)
    assert found.tolist() == [[2, 6, 1], [6, 2, 1]]


def test_majority_negatives() -> None:
    options = TripletOptions(kept=2, negatives="majority")
    assert mine_negatives(LINE, LABELS, [4, 5], options, seed=0).tolist() == [[2, 1], [2, 1]]


def test_semi_hard_negatives_lie_beyond_the_positive() -> None:
    # The positives of 4 and 5 are 2 away, squared 4: what is nearer comes last, farthest first.
    options = TripletOptions(kept=6, mining="semi_hard")
    found = mine_negatives(LINE, LABELS, [4, 5], options, seed=0)
    assert found[0].tolist() == [0, 3, 1, 6, 2]
    assert found[1].tolist() == [2, 1, 3, 0, 6]


def test_random_negatives_are_of_other_classes_and_repeat() -> None:
    options = TripletOptions(kept=4, mining="random")
    first = mine_negatives(LINE, LABELS, [4, 5], options, seed=3)
    assert torch.equal(first, mine_negatives(LINE, LABELS, [4, 5], options, seed=3))
    assert not torch.equal(first, mine_negatives(LINE, LABELS, [4, 5], options, seed=4))
    assert not {4, 5} & set(first.flatten().tolist())


@pytest.mark.parametrize(("scale", "wanted"), [(0.0, 0.0), (100.0, 1.0)])
def test_spread_is_0_for_one_point(scale: float, wanted: float) -> None:
    generator = torch.Generator().manual_seed(0)
    cloud = torch.randn(4000, 8, generator=generator) * scale + 1
    assert measure_spread(cloud) == pytest.approx(wanted, abs=0.01)
