import numpy as np
import pytest
import torch

from nevus.imaging import views as arrays
from nevus.imaging.views import choose_views, list_views, name_views
from nevus.models.turning import run_views, turn, turn_back
from nevus.options import PredictionOptions

VIEWS = list_views(flips=True, rotations=True)


def test_eight_views_are_all_different_and_can_be_undone() -> None:
    image = torch.arange(2 * 3 * 5).reshape(2, 3, 5)
    seen = [turn(image, view) for view in VIEWS]
    assert len({(tuple(v.shape), tuple(v.flatten().tolist())) for v in seen}) == 8
    assert all(torch.equal(turn_back(v, view), image) for v, view in zip(seen, VIEWS, strict=True))


def test_arrays_are_turned_as_tensors_are() -> None:
    pixels = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    maps = torch.from_numpy(pixels).permute(2, 0, 1)
    for view in VIEWS:
        turned = arrays.turn(pixels, view)
        assert np.array_equal(turned.transpose(2, 0, 1), turn(maps, view).numpy())
        back = arrays.turn_back(turned.transpose(2, 0, 1), view)
        assert np.array_equal(back, maps.numpy())


def test_view_sets_have_names() -> None:
    found = [
        name_views(list_views(flips=flips, rotations=rotations))
        for flips in (False, True)
        for rotations in (False, True)
    ]
    assert found == ["one", "turns", "flips", "all"]


def test_four_flips_by_hand() -> None:
    image = torch.tensor([[1, 2], [3, 4]])
    found = [turn(image, view).tolist() for view in list_views(flips=True, rotations=False)]
    assert found == [[[1, 2], [3, 4]], [[2, 1], [4, 3]], [[3, 4], [1, 2]], [[4, 3], [2, 1]]]


@pytest.mark.parametrize(("size", "calls"), [((4, 4), 1), ((4, 6), 2)])
def test_the_network_sees_views_of_one_shape_at_a_time(size: tuple[int, int], calls: int) -> None:
    image = torch.randn(1, 3, *size)
    shapes = []

    def network(batch: torch.Tensor) -> torch.Tensor:
        shapes.append(batch.shape)
        return batch

    for given, views in run_views(network, image, VIEWS):
        for part, view in zip(given, views, strict=True):
            assert torch.equal(turn_back(part, view), image[0])
    assert len(shapes) == calls
    assert sum(shape[0] for shape in shapes) == 8


def test_a_checkpoint_says_and_the_user_decides() -> None:
    options = PredictionOptions(flips=True, rotations=True)
    assert len(choose_views(options, None)) == 8
    assert len(choose_views(options, False)) == 1
    assert len(choose_views(PredictionOptions(), True)) == 4
    assert len(choose_views(PredictionOptions(), None)) == 1
