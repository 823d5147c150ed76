"""The check of a data set: one tiny set with every kind of finding, and a clean one."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from nevus.cli.checking import check
from nevus.data.checks import Report, check_data, check_listing
from nevus.data.records import list_folders
from nevus.errors import DataError, UsageError
from nevus.imaging.limits import Limits

SIZE = (60, 80)


def noise(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 255, (*SIZE, 3), dtype=np.uint8)


def patch(value: int = 255) -> NDArray[np.uint8]:
    mask = np.zeros(SIZE, np.uint8)
    mask[20:40, 20:50] = value
    return mask


class Drawn:
    """A data root under construction."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("images", "masks"):
            (root / folder).mkdir()
        for name, seed in (("a", 1), ("b", 2)):
            self.image(name, noise(seed))
            self.mask(name, patch())

    def image(self, name: str, pixels: NDArray[np.uint8], ending: str = "png") -> Path:
        path = self.root / "images" / f"{name}.{ending}"
        Image.fromarray(pixels).save(path)
        return path

    def mask(self, name: str, values: NDArray[np.uint8]) -> Path:
        path = self.root / "masks" / f"{name}_segmentation.png"
        Image.fromarray(values).save(path)
        return path


@pytest.fixture
def data(tmp_path: Path) -> Drawn:
    return Drawn(tmp_path)


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def add_lookalike(data: Drawn) -> None:
    smooth = Image.fromarray(noise(7)).resize((160, 120), Image.Resampling.BICUBIC)
    data.image("x", np.asarray(smooth))
    data.mask("x", np.kron(patch(), np.ones((2, 2), np.uint8)))
    data.image("y", np.asarray(smooth)[:, ::-1])
    data.mask("y", np.kron(patch(), np.ones((2, 2), np.uint8)))


CASES: dict[str, tuple[Callable[[Drawn], object], list[tuple[str, str, str]]]] = {
    "clean": (lambda d: None, []),
    "cut off": (
        lambda d: damage(d.root / "images" / "a.png"),
        [("truncated", "error", "a.png")],
    ),
    "empty file": (
        lambda d: (d.root / "images" / "a.png").write_bytes(b""),
        [("empty", "error", "a.png")],
    ),
    "text": (
        lambda d: (d.root / "images" / "a.png").write_text("hello"),
        [("not_an_image", "error", "a.png")],
    ),
    "too small": (
        lambda d: (d.image("a", noise(1)[:20, :20]), d.mask("a", patch()[:20, :20] | 255)),
        [("too_small", "error", "a.png"), ("full_mask", "warning", "a_segmentation.png")],
    ),
    "grey": (
        lambda d: d.image("a", noise(1)[:, :, 0]),
        [("odd_photograph", "warning", "a.png")],
    ),
    "missing mask": (lambda d: d.image("c", noise(3)), [("missing_mask", "error", "c")]),
    "orphan mask": (
        lambda d: d.mask("c", patch()),
        [("orphan_mask", "error", "c_segmentation.png")],
    ),
    "doubled photograph": (
        lambda d: d.image("a", noise(3), "jpg"),
        [("doubled_photograph", "error", "a")],
    ),
    "doubled mask": (
        lambda d: Image.fromarray(patch()).save(d.root / "masks" / "a.png"),
        [("doubled_mask", "error", "a")],
    ),
    "mask of another size": (
        lambda d: d.mask("a", patch().T),
        [("mask_size", "error", "a_segmentation.png")],
    ),
    "coloured mask": (
        lambda d: d.mask("a", noise(5)),
        [("mask_channels", "error", "a_segmentation.png")],
    ),
    "cut off mask": (
        lambda d: (d.root / "masks" / "a_segmentation.png").write_bytes(b"\x89PNG\r\n\x1a\n"),
        [("mask_truncated", "error", "a_segmentation.png")],
    ),
    "mask of ones": (
        lambda d: d.mask("a", patch(1)),
        [("odd_mask", "warning", "a_segmentation.png")],
    ),
    "grey mask": (
        lambda d: d.mask("a", patch(200)),
        [("odd_mask", "warning", "a_segmentation.png")],
    ),
    "empty mask": (
        lambda d: d.mask("a", patch(0)),
        [("empty_mask", "warning", "a_segmentation.png")],
    ),
    "full mask": (
        lambda d: d.mask("a", patch() | np.uint8(255)),
        [("full_mask", "warning", "a_segmentation.png")],
    ),
    "identical files": (
        lambda d: (d.image("c", noise(1)), d.mask("c", patch())),
        [("identical_files", "warning", "c.png")],
    ),
    "look-alikes": (add_lookalike, [("lookalike", "info", "y")]),
    "not a file": (
        lambda d: (d.root / "images" / "c.png").mkdir(),
        [("not_a_file", "warning", "c.png")],
    ),
}


@pytest.mark.parametrize(("spoil", "expected"), CASES.values(), ids=CASES)
def test_each_finding(
    data: Drawn, spoil: Callable[[Drawn], object], expected: list[tuple[str, str, str]]
) -> None:
    spoil(data)
    report = check_data(data.root)
    assert [(f.code, f.severity, f.name) for f in report.findings] == expected
    assert all(finding.text and "\n" not in finding.text for finding in report.findings)


def test_links_are_reported(data: Drawn) -> None:
    target = data.image("c", noise(3)).rename(data.root / "c.png")
    try:
        (data.root / "images" / "c.png").symlink_to(target)
    except OSError as error:
        pytest.skip(f"no symbolic links here: {error}")
    assert [(f.code, f.name) for f in check_data(data.root).findings] == [("link", "c.png")]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes and strange names here")
def test_pipes_and_names_that_break_lines(data: Drawn) -> None:
    os.mkfifo(data.root / "images" / "c.png")
    damage(data.image("d\n\x1b[31m", noise(4)))
    data.mask("d\n\x1b[31m", patch())
    report = check_data(data.root)
    assert [finding.code for finding in report.findings] == ["truncated", "not_a_file"]
    assert not any(set("\n\x1b") & set(finding.text) for finding in report.findings)
    text, error = run(str(data.root))
    assert "\x1b" not in text
    assert "d\\n\\x1b[31m.png" in text
    assert "\n" not in str(error)


def spoil_everything(data: Drawn) -> Report:
    for number, name in enumerate("cdefg"):
        data.image(name, noise(10 + number))
        data.mask(name, patch())
    for case in ("grey",):
        CASES[case][0](data)
    damage(data.root / "images" / "d.png")
    data.mask("e", patch(0))
    data.mask("f", patch().T)
    return check_data(data.root, workers=1)


def test_everything_at_once_sorted_and_independent_of_workers(data: Drawn) -> None:
    report = spoil_everything(data)
    assert [finding.code for finding in report.findings] == [
        "mask_size",
        "truncated",
        "empty_mask",
        "odd_photograph",
    ]
    seen: list[tuple[int, int]] = []
    again = check_data(data.root, workers=3, progress=lambda *at: seen.append(at))
    assert again == report
    # Decoding, then a part of the comparing for each way to turn a picture.
    assert seen == [(k, 7) for k in range(1, 8)] + [(k, 8) for k in range(8)]
    assert report.counts == {
        "photographs": 7,
        "readable": 6,
        "masks": 7,
        "errors": 2,
        "warnings": 2,
    }
    assert report.sizes == {
        "different": 1,
        "height_min": 60,
        "height_median": 60,
        "height_max": 60,
        "width_min": 80,
        "width_median": 80,
        "width_max": 80,
    }


def test_json_is_plain(data: Drawn) -> None:
    plain = json.loads(json.dumps(spoil_everything(data).to_json(), allow_nan=False))
    assert plain["codes"]["truncated"] == 1
    assert set(plain) == {"notice", "counts", "codes", "sizes", "tables", "findings"}
    assert set(plain["findings"][0]) == {"code", "severity", "name", "text"}


def test_photographs_alone_and_none_at_all(data: Drawn, tmp_path: Path) -> None:
    report = check_listing(list_folders(data.root / "images", None))
    assert [(f.code, f.severity) for f in report.findings] == [("no_masks", "warning")]
    (tmp_path / "bare").mkdir()
    empty = check_listing(list_folders(tmp_path / "bare", None))
    assert [f.code for f in empty.findings] == ["no_photographs", "no_masks"]
    assert empty.sizes == {}


def test_limits_and_lookalikes_are_options(data: Drawn) -> None:
    add_lookalike(data)
    assert not check_data(data.root, lookalikes=False).findings
    strict = check_data(data.root, lookalikes=False, limits=Limits(max_pixels=60 * 80))
    assert [(f.code, f.name) for f in strict.findings] == [
        ("too_many_pixels", "x.png"),
        ("too_many_pixels", "y.png"),
    ]


@pytest.mark.real
def test_the_real_files_that_are_cut_off(real: Path) -> None:
    report = check_listing(list_folders(real / "bad_images", None), lookalikes=False)
    assert len(report.by_code()["truncated"]) == 6
    assert report.counts["errors"] == 6


def run(*arguments: str) -> tuple[str, BaseException | None]:
    import typer

    app = typer.Typer()
    app.command()(check)
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})
    return result.stdout, result.exception


def test_command_line_clean(data: Drawn) -> None:
    text, error = run(str(data.root))
    assert error is None
    assert "segmentation: 2 photographs (2 readable), 2 with a mask" in text
    assert "nothing wrong" in text


def test_command_line_prints_before_it_fails(data: Drawn) -> None:
    damage(data.root / "images" / "a.png")
    text, error = run(str(data.root), "--no-lookalikes")
    assert "truncated" in text
    assert isinstance(error, DataError)
    assert "1 error: truncated 1" in str(error)
    folders = ("--images", str(data.root / "images"), "--masks", str(data.root / "masks"))
    text, error = run(*folders, "--json", "--workers", "1")
    found = json.loads(text)["tasks"]["segmentation"]
    assert found["findings"][0]["code"] == "truncated"
    assert isinstance(error, DataError)


@pytest.mark.parametrize(
    "arguments", [(), ("--masks", "x"), ("root", "--images", "x")], ids=["none", "masks", "both"]
)
def test_command_line_wrong_use(arguments: tuple[str, ...]) -> None:
    assert isinstance(run(*arguments)[1], UsageError)
