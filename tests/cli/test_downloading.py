"""`nevus data download`, with no connection at all."""

import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nevus.cli.downloading import download_app
from nevus.data.partial import PartialFile
from nevus.errors import DiskFullError, UsageError

NAMES = ("ISIC2018_Task1-2_Training_Input", "ISIC2018_Task1_Training_GroundTruth")


@pytest.fixture(autouse=True)
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The transfer is a fake that brings a small archive; the value lists the addresses."""
    urls: list[str] = []

    def fetch(url: str, part: PartialFile, **options: object) -> None:
        urls.append(url)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(f"{part.target.stem}/ISIC_0000000.png", b"pixels")
        part.path.write_bytes(buffer.getvalue())

    monkeypatch.setattr("nevus.data.download.fetch_part", fetch)
    monkeypatch.setattr("nevus.data.download.require_room", lambda folder, needed: None)
    return urls


def run(*arguments: str, typed: str = "") -> tuple[str, BaseException | None]:
    result = CliRunner().invoke(download_app, list(arguments), input=typed)
    error = None if isinstance(result.exception, SystemExit) else result.exception
    return result.output, error


def test_list_shows_sizes_and_licences_only(tmp_path: Path, fetched: list[str]) -> None:
    output, error = run("isic2018", "--tasks", "segmentation, diagnosis", "--list")
    assert error is None
    assert "ISIC2018_Task1-2_Training_Input.zip" in output
    assert "10.4 GB" in output
    assert "CC-0" in output
    assert "CC-BY-NC 4.0" in output
    assert fetched == []


def test_files_are_fetched_and_unpacked(tmp_path: Path, fetched: list[str]) -> None:
    output, error = run("isic2018", "--out", str(tmp_path / "isic"), "--yes")
    assert error is None
    assert [url.rpartition("/")[2] for url in fetched] == [f"{name}.zip" for name in NAMES]
    for name in NAMES:
        digest = hashlib.sha256((tmp_path / "isic" / f"{name}.zip").read_bytes()).hexdigest()
        assert digest in output
        assert (tmp_path / "isic" / name / "ISIC_0000000.png").read_bytes() == b"pixels"
    assert "trusted on first use" in output
    output, error = run("isic2018", "--out", str(tmp_path / "isic"), "--yes")
    assert error is None
    assert "verified" in output
    assert len(fetched) == 2


def test_no_unpack(tmp_path: Path) -> None:
    assert run("isic2018", "--out", str(tmp_path), "--no-unpack", "-y")[1] is None
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted([*(f"{name}.zip" for name in NAMES), "manifest.json"])


@pytest.mark.parametrize("typed", ["n\n", "\n", ""])
def test_without_agreement_nothing_happens(tmp_path: Path, fetched: list[str], typed: str) -> None:
    error = run("isic2018", "--out", str(tmp_path), typed=typed)[1]
    assert isinstance(error, UsageError)
    assert "--yes" in str(error)
    assert (fetched, list(tmp_path.iterdir())) == ([], [])


def test_agreement_by_hand(tmp_path: Path, fetched: list[str]) -> None:
    assert run("isic2018", "--out", str(tmp_path), typed="y\n")[1] is None
    assert len(fetched) == 2


def test_no_room_is_found_before_the_question(
    tmp_path: Path, fetched: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path, needed: int) -> None:
        assert needed == 2 * 10_426 * 10**6
        raise DiskFullError("no room")

    monkeypatch.setattr("nevus.data.download.require_room", refuse)
    output, error = run("isic2018", "--out", str(tmp_path), typed="y\n")
    assert isinstance(error, DiskFullError)
    assert "Download to" not in output
    assert fetched == []


def test_missing_folder_and_unknown_task() -> None:
    assert "--out" in str(run("isic2018")[1])
    assert "unknown task 'lesions'" in str(run("isic2018", "--tasks", "lesions", "--list")[1])


def test_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nevus.models.hub.fetch_weights", lambda encoder: tmp_path / encoder)
    output, error = run("weights", "vgg19")
    assert error is None
    assert "weights of vgg19" in output
