"""Finding photographs, and files that are whole or not there."""

import errno
import os
import sys
from pathlib import Path

import pytest

from nevus.errors import DiskFullError, UsageError
from nevus.imaging.files import (
    count_masks,
    find_images,
    is_photograph_name,
    remove_partials,
    write_atomically,
)


def link(place: Path, target: Path) -> None:
    try:
        place.symlink_to(target)
    except OSError as error:
        pytest.skip(f"no symbolic links here: {error}")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jpg", True),
        ("A.JPEG", True),
        ("-rf.png", True),
        ("=cmd().jpg", True),
        ("痣.png", True),
        ("a.gif", False),
        (".jpg", False),
        (".hidden.jpg", False),
        ("a_segmentation.png", False),
        ("a_superpixels.png", False),
        ("a_attribute_streaks.png", False),
    ],
)
def test_names(name: str, expected: bool) -> None:
    assert is_photograph_name(Path(name)) is expected


def test_folders_and_files_sorted_without_doubles(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    names = ["b.jpg", "a.png", "deep/c.jpg", "deep/er/d.jpeg", "deep/x_segmentation.png", "n.txt"]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.jpg").mkdir()
    found = find_images([tmp_path, tmp_path / "b.jpg", tmp_path / "n.txt"])
    shown = [path.relative_to(tmp_path).as_posix() for path in found]
    assert shown == ["a.png", "b.jpg", "deep/c.jpg", "deep/er/d.jpeg", "n.txt"]


def test_masks_in_folders_are_counted(tmp_path: Path) -> None:
    for name in ("a.png", "a_segmentation.png", ".b_segmentation.png", "a_segmentation.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "c_attribute_streaks.png").write_bytes(b"")
    results = tmp_path / "results"
    results.mkdir()
    (results / "a_segmentation.png").write_bytes(b"")
    given = [tmp_path, tmp_path, tmp_path / "a_segmentation.png"]
    assert count_masks(given, besides=results) == 2
    assert count_masks(given, besides=tmp_path / "elsewhere") == 3
    assert count_masks([tmp_path / "missing"], besides=results) == 0


def test_links_out_of_a_folder_and_in_circles_are_left(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "secret.jpg").write_bytes(b"")
    (folder / "a.jpg").write_bytes(b"")
    link(folder / "b.jpg", tmp_path / "secret.jpg")
    link(folder / "c.jpg", folder / "a.jpg")
    link(folder / "d.jpg", folder / "d.jpg")
    link(folder / "e.jpg", folder / "gone.jpg")
    link(folder / "up", tmp_path)
    assert [path.name for path in find_images([folder])] == ["a.jpg", "c.jpg"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_are_left(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    assert find_images([tmp_path]) == ()


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_images([tmp_path / "no\nwhere"])
    assert "\n" not in str(caught.value)


def test_writing_replaces_whole_files(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="no umask there")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_who_may_read_results_is_the_users_choice(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "a.bin", b"a patient's")
    finally:
        os.umask(before)
    assert (tmp_path / "a.bin").stat().st_mode & 0o777 == mode


def test_errors_name_the_file_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        write_atomically(tmp_path / "no" / "a.bin", b"")
    assert caught.value.filename == str(tmp_path / "no" / "a.bin")


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (OSError(errno.ENOSPC, "full"), DiskFullError),
        (OSError(errno.EIO, "broken"), OSError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=["full", "broken", "Ctrl-C"],
)
def test_what_was_there_stays_where_writing_fails(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    raised: BaseException,
    expected: type[BaseException],
) -> None:
    path = tmp_path / "a.bin"
    write_atomically(path, b"old")

    def fail(descriptor: int) -> None:
        raise raised

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(expected):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    old, young, other = tmp_path / ".partial-a", tmp_path / ".partial-b", tmp_path / "a.partial-"
    for path in (old, young, other):
        path.write_bytes(b"half")
    for path in (old, other):
        os.utime(path, (0, 0))
    remove_partials(tmp_path)
    remove_partials(tmp_path / "nowhere")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".partial-b", "a.partial-"]
