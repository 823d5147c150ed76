import numpy as np
import pytest

from nevus.models.gallery import (
    Gallery,
    draw_gallery,
    find_neighbours,
    measure_distances,
    pack_gallery,
    score_by_distance,
    unpack_gallery,
)

GALLERY = Gallery(
    ("a", "b", "c"),
    np.array([1, 1, 5]),
    np.array([[0, 0], [0, 2], [3, 4]], np.float32),
)


def test_the_class_with_the_least_mean_distance_scores_highest() -> None:
    distances = measure_distances(GALLERY, np.array([[0, 0], [3, 4]], np.float32))
    assert distances == pytest.approx(np.array([[0, 2, 5], [5, np.sqrt(13), 0]]))
    scores = score_by_distance(GALLERY, distances)
    assert scores[0, 1] == pytest.approx(-1)
    assert scores[0, 5] == pytest.approx(-5)
    assert scores.argmax(axis=1).tolist() == [1, 5]
    assert np.isneginf(scores[:, [0, 2, 3, 4, 6]]).all()


def test_neighbours_are_named_nearest_first() -> None:
    found = find_neighbours(GALLERY, np.array([2.0, 0.5, 0.5]), 2)
    assert [(n.image_id, n.diagnosis, n.distance) for n in found] == [
        ("b", "NV", 0.5),
        ("c", "DF", 0.5),
    ]


def test_gallery_is_drawn_by_ids_not_by_order() -> None:
    ids = [f"ISIC_{i:07d}" for i in range(50)]
    labels = [i % 3 for i in range(50)]
    chosen = draw_gallery(ids, labels, 5, seed=0)
    assert len(chosen) == 15
    back = draw_gallery(ids[::-1], labels[::-1], 5, seed=0)
    assert {ids[i] for i in chosen} == {ids[::-1][i] for i in back}
    assert draw_gallery(ids, labels, 0, seed=0) == list(range(50))
    assert draw_gallery(ids, labels, 5, seed=1) != chosen


def test_gallery_survives_packing() -> None:
    again = unpack_gallery(*pack_gallery(GALLERY))
    assert again.image_ids == GALLERY.image_ids
    assert np.array_equal(again.embeddings, GALLERY.embeddings)
    assert np.array_equal(again.labels, GALLERY.labels)
