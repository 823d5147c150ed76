"""`nevus.analyze`: what it takes, what it refuses, what a type checker sees."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nevus


def test_what_is_missing_goes_to_on_failure(photos: Path, plain_models: Path) -> None:
    told: list[nevus.Failure] = []
    sources = [photos / "nope.jpg", photos / "a.png"]
    found = nevus.analyze(sources, models=plain_models, on_failure=told.append)
    assert [one.analysis.image for one in found] == ["a.png"]
    assert [(one.path, one.code) for one in told] == [(sources[0], "missing")]
    assert told[0].text == "nope.jpg: there is no such file"
    patterns = [f"{photos}/[b].png", f"{photos}/x*.png"]
    found = nevus.analyze(patterns, models=plain_models, on_failure=told.append)
    assert [one.analysis.image for one in found] == ["b.png"]
    assert told.pop().text == "x*.png: nothing matches"
    only = nevus.analyze([photos / "nope.jpg"], models=plain_models, on_failure=told.append)
    assert list(only) == []
    assert len(told) == 2


def test_one_and_several_missing_are_one_kind_of_error(photos: Path, plain_models: Path) -> None:
    for source in (photos / "nope.jpg", [photos / "nope.jpg"], [photos / "a.png", "nope.jpg"]):
        with pytest.raises(nevus.ImageError, match=r"nope\.jpg: there is no such file") as caught:
            # One or several: no overload takes either.
            nevus.analyze(source, models=plain_models)  # type: ignore[arg-type]
        assert caught.value.code == "missing"
    with pytest.raises(nevus.UsageError, match="no photographs found"):
        nevus.analyze([], models=plain_models)


def test_any_iterable_of_paths_will_do(photos: Path, plain_models: Path) -> None:
    found = nevus.analyze(photos.glob("[ab].png"), models=plain_models)
    assert [one.analysis.image for one in found] == ["a.png", "b.png"]


def test_bytes_and_pixels_are_called_what_one_likes(photos: Path, plain_models: Path) -> None:
    data = (photos / "a.png").read_bytes()
    assert nevus.analyze(data, models=plain_models, name="x.png").analysis.image == "x.png"
    with pytest.raises(nevus.UsageError, match="one photograph"):
        nevus.analyze([photos], models=plain_models, name="x.png")


@pytest.mark.parametrize("kind", ["file", "bytes in a list", "pixels in a list", "number"])
def test_other_types_are_refused_without_their_content(kind: str, photos: Path) -> None:
    path = photos / "a.png"
    pixels = np.full((40, 40, 3), 77, np.uint8)
    with path.open("rb") as opened:
        source: Any = {
            "file": opened,
            "bytes in a list": [path.read_bytes()],
            "pixels in a list": [pixels],
            "number": 7,
        }[kind]
        with pytest.raises(nevus.UsageError, match="expected a path") as caught:
            nevus.analyze(source)
    assert "77" not in str(caught.value)
    assert "PNG" not in str(caught.value)


def test_the_likeliest_diagnosis_has_a_name(photos: Path, plain_models: Path) -> None:
    answer = nevus.analyze(photos / "a.png", models=plain_models).analysis.diagnosis
    assert answer is not None
    if answer.probabilities is None:
        assert answer.most_likely is None
    else:
        # Type checkers do not know that both are there or neither.
        assert answer.probabilities[answer.most_likely] == max(answer.probabilities.values())  # type: ignore[index]


def test_type_checkers_know_what_nevus_has(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import nevus\n"
        "found = nevus.analyze('a.jpg')\n"
        "answer = found.analysis.diagnosis\n"
        "if answer is not None and not answer.abstained:\n"
        "    print(answer.most_likely, answer.conformal_set)\n"
        "wrong = nevus.analyse('a.jpg')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", script],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout.count("error:") == 1, done.stdout
    assert 'has no attribute "analyse"' in done.stdout
