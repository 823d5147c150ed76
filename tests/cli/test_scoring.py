"""`nevus evaluate` and `nevus submit` as a user meets them."""

import json
import re

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from nevus.cli.scoring import evaluate, submit
from nevus.errors import DataError, SubmissionError, UsageError
from nevus.labels import NOTICE, segmentation_name


@pytest.fixture
def run():
    app = typer.Typer()
    app.command("evaluate")(evaluate)
    app.command("submit")(submit)

    def call(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return call


@pytest.fixture
def folders(tmp_path):
    """Three photographs, their truth and predictions of Jaccard 1/4, 2/4 and 3/4."""
    for name in ("images", "truth", "prediction"):
        (tmp_path / name).mkdir()
    for number in (1, 2, 3):
        image_id = f"ISIC_{number:07d}"
        Image.new("RGB", (60, 40), (200, 150, 130)).save(tmp_path / "images" / f"{image_id}.jpg")
        for side, rows in (("truth", 20), ("prediction", 5 * number)):
            mask = np.zeros((40, 60), np.uint8)
            mask[5 : 5 + rows, 5:50] = 255
            Image.fromarray(mask).save(tmp_path / side / segmentation_name(image_id))
    return tmp_path


def name_sides(folder):
    return ("--truth", folder / "truth", "--prediction", folder / "prediction")


def test_table_has_mean_interval_n_and_notice(run, folders):
    result = run("evaluate", "segmentation", *name_sides(folders))
    assert result.exit_code == 0, result.output
    assert "n = 3" in result.output
    assert re.search(r"jaccard\W+0\.5000\W+0\.\d{4} to 0\.\d{4}", result.output)
    assert NOTICE in result.output


def test_json_is_one_object(run, folders):
    result = run("evaluate", "segmentation", *name_sides(folders), "--json")
    answer = json.loads(result.stdout)
    assert (answer["n"], answer["jaccard"], answer["threshold_jaccard"]) == (3, 0.5, 0.25)
    assert answer["notice"] == NOTICE


def test_masks_of_zeros_and_ones_are_said_to_count_as_empty(run, folders):
    for place in (folders / "truth").iterdir():
        Image.fromarray(np.asarray(Image.open(place)) // 255).save(place)
    result = run("evaluate", "segmentation", *name_sides(folders), "--json")
    assert "no truth holds a pixel above 128" in result.stderr
    assert json.loads(result.stdout)["n"] == 3


def test_csv_and_gallery_are_written(run, folders):
    result = run(
        "evaluate", "segmentation", *name_sides(folders), "--csv", folders / "scores.csv",
        "--gallery", folders / "page.html", "--images", folders / "images", "--cases", 1,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert len((folders / "scores.csv").read_text(encoding="utf-8").splitlines()) == 4
    page = (folders / "page.html").read_text(encoding="utf-8")
    order = re.findall(r"<strong>ISIC_000000(\d)</strong>", page)
    assert order == ["1", "2", "3"]


def test_subset_is_named_in_the_output(run, folders):
    (folders / "prediction" / segmentation_name("ISIC_0000002")).unlink()
    refused = run("evaluate", "segmentation", *name_sides(folders))
    assert isinstance(refused.exception, DataError)
    assert "- ISIC_0000002 has no prediction" in refused.stdout
    result = run("evaluate", "segmentation", *name_sides(folders), "--subset")
    assert "n = 2" in result.output
    assert "without a prediction left out: 1;" in result.output


def test_problems_are_json_too(run, folders):
    (folders / "prediction" / segmentation_name("ISIC_0000002")).unlink()
    result = run("evaluate", "segmentation", *name_sides(folders), "--json")
    assert json.loads(result.stdout)["problems"] == ["ISIC_0000002 has no prediction"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["segmentation", "--page", "page.html"], "no use for --page (it takes --truth, "),
        (["segmentation", "--sensitivity", "0.9", "--metadata", "m"], "for --metadata, --sens"),
        (["lesion"], "unknown task 'lesion' (one of segmentation"),
        (["segmentation", "--gallery", "page.html"], "add --images"),
        (["segmentation", "--images", "photographs"], "add --gallery"),
    ],
)
def test_wrong_use_of_evaluate(run, folders, arguments, message):
    result = run("evaluate", *arguments, *name_sides(folders))
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)


def test_gallery_without_a_photograph(run, folders):
    (folders / "images" / "ISIC_0000002.jpg").unlink()
    result = run(
        "evaluate", "segmentation", *name_sides(folders),
        "--gallery", folders / "page.html", "--images", folders / "images",
    )  # fmt: skip
    assert isinstance(result.exception, UsageError)
    assert "ISIC_0000002" in str(result.exception)
    assert not (folders / "page.html").exists()


def test_submit_writes_a_zip(run, folders):
    out = folders / "out.zip"
    sides = ("--prediction", folders / "prediction", "--images", folders / "images")
    result = run("submit", "segmentation", *sides, "--out", out)
    assert result.exit_code == 0, result.output
    assert "3 masks, sha256 " in result.stdout
    before = out.read_bytes()
    (folders / "prediction" / segmentation_name("ISIC_0000002")).unlink()
    result = run("submit", "segmentation", *sides, "--out", out)
    assert isinstance(result.exception, SubmissionError)
    assert "- ISIC_0000002_segmentation.png is missing" in result.stdout
    # Nobody uploads the old one by mistake.
    assert f"{out} is of an earlier call" in result.stderr
    assert out.read_bytes() == before


def test_findings_do_not_bury_the_error(run, folders):
    for number in range(100, 160):
        mask = folders / "truth" / segmentation_name(f"ISIC_{number:07d}")
        Image.new("L", (60, 40)).save(mask)
    result = run("evaluate", "segmentation", *name_sides(folders))
    lines = result.stdout.strip().split("\n")
    assert len(lines) == 51
    assert lines[-1] == "- and 10 more"
    told = json.loads(run("evaluate", "segmentation", *name_sides(folders), "--json").stdout)
    assert len(told["problems"]) == 60


def test_a_file_name_cannot_redraw_the_terminal(run, folders):
    evil = folders / "prediction" / "ISIC_0000009\x1b[2J\nfake.png"
    try:
        evil.touch()
    except OSError:
        pytest.skip("this file system refuses such a name")
    result = run("evaluate", "segmentation", *name_sides(folders))
    assert "\x1b" not in result.stdout
    assert isinstance(result.exception, DataError)
    assert "\n" not in str(result.exception)


def test_help_has_an_example(run):
    for verb in ("evaluate", "submit"):
        assert f"nevus {verb} segmentation" in run(verb, "--help").output
