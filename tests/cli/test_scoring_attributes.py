"""`nevus evaluate attributes` and `nevus submit attributes` as a user meets them."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from nevus.cli.scoring import evaluate, submit
from nevus.errors import DataError, SubmissionError, UsageError
from nevus.imaging.masks import write_mask
from nevus.labels import ATTRIBUTES, NOTICE, attribute_name


@pytest.fixture
def run():
    app = typer.Typer()
    app.command("evaluate")(evaluate)
    app.command("submit")(submit)

    def call(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return call


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Three photographs; network is found to a quarter, a half, three quarters, nothing else is."""
    for name in ("images", "truth", "prediction"):
        (tmp_path / name).mkdir()
    for number in (1, 2, 3):
        image_id = f"ISIC_{number:07d}"
        Image.new("RGB", (60, 40), (200, 150, 130)).save(tmp_path / "images" / f"{image_id}.jpg")
        for side, rows in (("truth", 20), ("prediction", 5 * number)):
            for name in ATTRIBUTES:
                mask = np.zeros((40, 60), bool)
                if name == "pigment_network":
                    mask[5 : 5 + rows, 5:50] = True
                write_mask(tmp_path / side / attribute_name(image_id, name), mask)
    return tmp_path


def name_sides(folder: Path) -> tuple[object, ...]:
    return ("--truth", folder / "truth", "--prediction", folder / "prediction")


def test_table_has_scores_intervals_n_and_the_warning(run, folders):
    result = run("evaluate", "attributes", *name_sides(folders))
    assert result.exit_code == 0, result.output
    assert "n = 3" in result.output
    assert re.search(r"pooled_jaccard\W+0\.5000\W+0\.\d{4} to 0\.\d{4}", result.output)
    assert "own command line computes task 1's metric" in result.output
    assert "AUC" not in result.output
    assert NOTICE in result.output


def test_json_is_one_object(run, folders):
    presences = {f"ISIC_{k:07d}": dict.fromkeys(ATTRIBUTES, 0.5) for k in (1, 2, 3)}
    file = folders / "prediction" / "presences.json"
    file.write_text(json.dumps({"presences": presences}), encoding="utf-8")
    result = run("evaluate", "attributes", *name_sides(folders), "--json")
    answer = json.loads(result.stdout)
    assert (answer["n"], answer["pooled_jaccard"], answer["notice"]) == (3, 0.5, NOTICE)
    network = answer["per_attribute"]["pigment_network"]
    assert network == {
        "jaccard": 0.5,
        "dice": pytest.approx(2 / 3),
        "photographs": 3,
        "auc": None,
        "average_precision": 1.0,
    }


def test_csv_and_gallery_are_written(run, folders):
    result = run(
        "evaluate", "attributes", *name_sides(folders), "--csv", folders / "scores.csv",
        "--gallery", folders / "page.html", "--images", folders / "images", "--cases", 1,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    lines = (folders / "scores.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 3 * len(ATTRIBUTES)
    page = (folders / "page.html").read_text(encoding="utf-8")
    assert page.count("<img ") == 6


def test_every_problem_is_printed(run, folders):
    folder = folders / "prediction"
    (folder / attribute_name("ISIC_0000002", "streaks")).rename(
        folder / "ISIC_0000002_attribute_streak.png"
    )
    result = run("evaluate", "attributes", *name_sides(folders))
    assert isinstance(result.exception, DataError)
    assert "did you mean streaks?" in result.stdout
    assert "- ISIC_0000002 has no prediction of streaks" in result.stdout
    result = run("evaluate", "attributes", *name_sides(folders), "--json")
    assert len(json.loads(result.stdout)["problems"]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--page", "page.html"], "no use for --page"),
        (["--gallery", "page.html"], "add --images"),
        (["--images", "photographs"], "add --gallery"),
    ],
)
def test_wrong_use_of_evaluate(run, folders, arguments, message):
    result = run("evaluate", "attributes", *arguments, *name_sides(folders))
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)


def test_gallery_without_a_photograph(run, folders):
    (folders / "images" / "ISIC_0000002.jpg").unlink()
    result = run(
        "evaluate", "attributes", *name_sides(folders),
        "--gallery", folders / "page.html", "--images", folders / "images",
    )  # fmt: skip
    assert isinstance(result.exception, UsageError)
    assert "ISIC_0000002" in str(result.exception)
    assert not (folders / "page.html").exists()


def test_submit_writes_a_zip_without_idle_warnings(run, folders):
    sides = ("--prediction", folders / "prediction", "--images", folders / "images")
    result = run("submit", "attributes", *sides, "--out", folders / "out.zip")
    assert result.exit_code == 0, result.output
    assert "five masks of 3 photographs, sha256 " in result.stdout
    assert "warning" not in result.stdout
    (folders / "prediction" / attribute_name("ISIC_0000002", "streaks")).unlink()
    result = run("submit", "attributes", *sides, "--out", folders / "out.zip")
    assert isinstance(result.exception, SubmissionError)
    assert "- ISIC_0000002_attribute_streaks.png is missing" in result.stdout


def test_help_warns_of_the_official_command_line(run):
    shown = re.sub(r"\W+", " ", run("evaluate", "--help").output)
    assert "challenge s own command line it takes task 2 s folders without complaint" in shown
    assert "nevus submit attributes" in run("submit", "--help").output
