from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from nevus.cli.synthesizing import synthesize
from nevus.data.phantom_attributes import RATES, draw_attributes
from nevus.data.phantoms import draw_phantom, write_phantoms
from nevus.data.records import find_records
from nevus.errors import UsageError
from nevus.imaging.masks import read_scored
from nevus.labels import ATTRIBUTES, DIAGNOSES, TASKS


def tree(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.mark.parametrize("diagnosis", DIAGNOSES)
def test_truth_lies_where_it_should(diagnosis: str) -> None:
    for index in range(2):
        phantom = draw_phantom(1, index, size=(96, 128), diagnosis=diagnosis)
        assert phantom.pixels.shape == (96, 128, 3)
        assert phantom.pixels.dtype == np.uint8
        assert 0.02 < phantom.lesion.mean() < 0.75
        assert tuple(phantom.attributes) == ATTRIBUTES
        for mask in phantom.attributes.values():
            assert not bool((mask & ~phantom.lesion).any())


def test_lesions_are_darker_than_skin() -> None:
    darker = 0
    for index in range(12):
        phantom = draw_phantom(0, index, diagnosis="NV")
        grey = phantom.pixels.mean(axis=2)
        middle = grey[48:144, 64:192]
        inside = phantom.lesion[48:144, 64:192]
        darker += int(middle[inside].mean() < middle[~inside].mean())
    assert darker >= 11


def test_every_attribute_is_drawn_sometimes() -> None:
    seen = dict.fromkeys(ATTRIBUTES, 0)
    for index in range(120):
        for name, mask in draw_phantom(0, index, size=(48, 64)).attributes.items():
            seen[name] += bool(mask.any())
    assert all(0 < count < 120 for count in seen.values()), seen
    assert seen["pigment_network"] > seen["milia_like_cyst"] > seen["streaks"]


def test_rates_name_only_what_exists() -> None:
    assert tuple(RATES) == DIAGNOSES
    for rates in RATES.values():
        assert set(rates) <= set(ATTRIBUTES)
        assert all(0 < rate < 1 for rate in rates.values())


def test_attributes_are_visible_where_their_truth_says(monkeypatch: pytest.MonkeyPatch) -> None:
    distance = np.hypot(*np.mgrid[-1.5:1.5:96j, -1.5:1.5:128j]).astype(np.float32)
    plain = np.full((96, 128, 3), 130, np.float32)
    # +1: lighter than the lesion, -1: darker.
    signs = dict(zip(ATTRIBUTES, (-1, 1, -1, 1, -1), strict=True))
    for name, sign in signs.items():
        monkeypatch.setitem(RATES, "NV", {name: 1.0})
        picture, truth = draw_attributes(plain, distance, "NV", np.random.default_rng(7))
        change = (picture - plain).mean(axis=2) * sign
        assert truth[name].any(), name
        assert all(not truth[other].any() for other in ATTRIBUTES if other != name)
        assert change.min() == 0, name
        assert change[truth[name]].mean() > 10, name
        if name not in ("pigment_network", "negative_network"):
            assert (change[truth[name]] > 0).all(), name
            # Soft edges may lie outside the truth, but only its half-covered neighbours.
            assert change[~truth[name]].max() <= change.max() / 2 + 1, name
        else:
            assert (change[~truth[name]] == 0).all(), name


def test_every_eighth_shows_the_lesion_before_again_upside_down() -> None:
    first, second = draw_phantom(0, 6), draw_phantom(0, 7)
    assert np.array_equal(second.lesion, first.lesion[::-1, ::-1])
    for name in ATTRIBUTES:
        assert np.array_equal(second.attributes[name], first.attributes[name][::-1, ::-1])
    assert second.diagnosis == first.diagnosis
    assert second.image_id != first.image_id
    assert not np.array_equal(second.pixels, first.pixels[::-1, ::-1])
    assert not np.array_equal(draw_phantom(0, 8).lesion, second.lesion)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"index": -1}, "phantom -1"),
        ({"index": 1_000_000}, "phantom 1000000"),
        ({"size": (31, 64)}, "31 x 64"),
        ({"diagnosis": "mel"}, "'mel'"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        draw_phantom(**{"seed": 0, "index": 0, **arguments})


@pytest.mark.parametrize("size", [(32, 32), (32, 200), (151, 67)])
def test_odd_sizes_are_drawn(size: tuple[int, int]) -> None:
    for diagnosis in DIAGNOSES:
        for index in range(3):
            phantom = draw_phantom(5, index, size=size, diagnosis=diagnosis)
            assert phantom.pixels.shape == (*size, 3)
            assert phantom.lesion.any()
            assert not phantom.lesion.all()


def test_pure_function_of_seed_and_index() -> None:
    first, second = draw_phantom(3, 5), draw_phantom(3, 5)
    assert np.array_equal(first.pixels, second.pixels)
    assert not np.array_equal(first.pixels, draw_phantom(3, 6).pixels)
    assert not np.array_equal(first.pixels, draw_phantom(4, 5).pixels)


def test_tree_is_official_and_byte_identical(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "a", 5, size=(48, 64), seed=2)
    write_phantoms(tmp_path / "b", 5, size=(48, 64), seed=2)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    records = find_records(tmp_path / "a")
    assert [r.image_id for r in records] == [f"ISIC_{9_000_000 + i}" for i in range(5)]
    phantom = draw_phantom(2, 3, size=(48, 64))
    assert records[3].mask is not None
    assert np.array_equal(read_scored(records[3].mask), phantom.lesion)
    with Image.open(records[3].image) as image:
        assert image.size == (64, 48)
    table = tmp_path / "a/ISIC2018_Task3_Training_GroundTruth"
    rows = (table / "ISIC2018_Task3_Training_GroundTruth.csv").read_text().splitlines()
    assert rows[0] == "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC"
    assert all(row.split(",")[1:].count("1.0") == 1 for row in rows[1:])
    assert len(list((tmp_path / "a").rglob("*_attribute_*.png"))) == 25


def test_only_chosen_tasks_are_written_and_groupings_hold_pairs(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    write_phantoms(
        tmp_path,
        9,
        size=(32, 48),
        tasks=("diagnosis",),
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(done, 9) for done in range(1, 10)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "ISIC2018_Task3_Training_GroundTruth",
        "ISIC2018_Task3_Training_Input",
        "ISIC2018_Task3_Training_LesionGroupings.csv",
        "README.txt",
    ]
    text = (tmp_path / "ISIC2018_Task3_Training_LesionGroupings.csv").read_text()
    head, *rows = text.splitlines()
    assert head == "image,lesion_id,diagnosis_confirm_type"
    lesions = [row.split(",")[1] for row in rows]
    assert lesions[6] == lesions[7]
    assert len(set(lesions)) == 8
    assert "mean nothing" in (tmp_path / "README.txt").read_text().replace("\n", " ")


def test_same_call_repairs_and_another_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "a"
    write_phantoms(root, 3, size=(32, 48), seed=4)
    whole = tree(root)
    (root / "ISIC2018_Task1-2_Training_Input/ISIC_9000001.jpg").unlink()
    write_phantoms(root, 3, size=(32, 48), seed=4, tasks=tuple(reversed(TASKS)))
    assert tree(root) == whole
    for count, seed in ((2, 4), (3, 5)):
        with pytest.raises(UsageError, match="same arguments"):
            write_phantoms(root, count, size=(32, 48), seed=seed)
    assert tree(root) == whole


def test_longer_set_begins_with_the_shorter(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "a", 2, size=(32, 48), tasks=("segmentation",))
    write_phantoms(tmp_path / "b", 4, size=(32, 48), tasks=("segmentation",))
    short, long = tree(tmp_path / "a"), tree(tmp_path / "b")
    assert all(long[name] == data for name, data in short.items() if name != "README.txt")


def test_foreign_folder_and_unknown_task_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(UsageError, match="not empty"):
        write_phantoms(tmp_path, 1)
    with pytest.raises(UsageError, match="unknown task"):
        write_phantoms(tmp_path / "new", 1, tasks=("segmentatoin",))
    with pytest.raises(UsageError, match="no task"):
        write_phantoms(tmp_path / "new", 1, tasks=())
    with pytest.raises(UsageError, match="is a file"):
        write_phantoms(tmp_path / "mine.txt", 1)
    assert not (tmp_path / "new").exists()
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_command_writes_a_set_and_names_its_example(tmp_path: Path) -> None:
    runner, out = CliRunner(), tmp_path / "drawn"
    arguments = ["--count", "2", "--height", "32", "--width", "48", "--tasks", "segmentation"]
    app = typer.Typer()
    app.command()(synthesize)
    result = runner.invoke(app, [str(out), *arguments])
    assert result.exit_code == 0, result.output
    assert "mean nothing" in result.output
    assert len(find_records(out)) == 2
    assert "nevus data synthesize" in (synthesize.__doc__ or "")
