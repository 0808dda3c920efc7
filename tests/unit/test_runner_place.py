"""A job's directory goes away, whatever was done to it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from chalicelib.runner.sandbox import directories, limits


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_directory_without_rights_is_removed():
    root, lock = directories.make_root()
    deep = root / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "file").write_text("x")
    for each in (deep, deep.parent):
        each.chmod(0)

    directories.remove_directory(root)
    os.close(lock)

    assert not root.exists()


def test_directories_that_are_nested_deeper_than_any_path_are_removed():
    root, lock = directories.make_root()
    here = os.open(root, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("nested", dir_fd=here)
        below = os.open("nested", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)

    directories.remove_directory(root)
    os.close(lock)

    assert not root.exists()


def test_removing_touches_nothing_outside_while_a_program_swaps_directories_for_links(
    tmp_path: Path,
):
    """The files outside have the names of those inside, as an attacker would choose them."""
    outside = tmp_path / "outside"
    swap = (
        "import os, sys\n"
        "root, outside = sys.argv[1:]\n"
        "while True:\n"
        "  try:\n"
        "    os.makedirs(f'{root}/a/b/c', exist_ok=True); open(f'{root}/a/b/x', 'w').close()\n"
        "    os.rename(f'{root}/a', f'{root}/z'); os.symlink(outside, f'{root}/a')\n"
        "    os.unlink(f'{root}/a'); os.rename(f'{root}/z', f'{root}/a')\n"
        "  except OSError: pass\n"
    )
    (outside / "b" / "c").mkdir(parents=True)
    (outside / "b" / "x").write_text("kept")
    outside.chmod(0o755)
    until = time.monotonic() + 3
    root, lock = directories.make_root()
    with subprocess.Popen([sys.executable, "-c", swap, str(root), str(outside)]) as attacker:
        try:
            while time.monotonic() < until:
                directories.remove_directory(root)
                root.mkdir(exist_ok=True)
        finally:
            attacker.kill()
    os.close(lock)

    assert (outside / "b" / "x").read_text() == "kept"
    assert (outside / "b" / "c").is_dir()
    assert outside.stat().st_mode & 0o777 == 0o755


def test_a_link_in_the_place_of_the_directory_is_removed_itself(tmp_path: Path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    directories.remove_directory(tmp_path / "link")

    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "kept").is_dir()


def test_what_a_link_points_to_stays(tmp_path: Path):
    (tmp_path / "kept").mkdir()
    root, lock = directories.make_root()
    (root / "link").symlink_to(tmp_path / "kept")

    directories.remove_directory(root)
    os.close(lock)

    assert not root.exists()
    assert (tmp_path / "kept").is_dir()


def test_only_what_no_runner_holds_is_stale():
    held, lock = directories.make_root()
    stale, unlocked = directories.make_root()
    os.close(unlocked)

    directories.remove_stale()

    assert held.exists()
    assert not stale.exists()
    os.close(lock)


def test_removing_changes_no_rights_outside_even_where_nothing_is_left(tmp_path: Path):
    tmp_path.chmod(0o1777)
    root, lock = directories.make_root()
    directories.remove_directory(root)
    directories.remove_directory(root)
    os.close(lock)

    assert tmp_path.stat().st_mode & 0o7777 == 0o1777


@pytest.mark.parametrize("lock", ["a pipe", "a link to a pipe", "none", "a file"])
def test_what_lies_in_a_leftover_neither_blocks_nor_keeps_it(tmp_path: Path, lock: str):
    root, unlocked = directories.make_root()
    os.close(unlocked)
    if lock == "a pipe":
        os.mkfifo(root / ".lock")
    elif lock == "a link to a pipe":
        os.mkfifo(tmp_path / "pipe")
        (root / ".lock").symlink_to(tmp_path / "pipe")
    elif lock == "a file":
        (root / ".lock").touch()

    directories.remove_stale()

    assert not root.exists()


def test_a_removal_that_was_killed_half_way_is_completed():
    """The lock is the directory's own, so it lasts as long as something is left."""
    root, unlocked = directories.make_root()
    os.close(unlocked)
    (root / "home").mkdir()
    (root / "home" / "file").touch()
    tools, lock = directories.make_root(directories.TOOLS_PREFIX)
    os.close(lock)

    directories.remove_stale()

    assert not root.exists()
    assert not tools.exists()


def test_what_a_runner_of_an_earlier_version_holds_stays():
    root, unlocked = directories.make_root()
    os.close(unlocked)
    with (root / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        directories.remove_stale()
        assert root.exists()
    directories.remove_stale()
    assert not root.exists()


def test_a_link_or_a_pipe_with_such_a_name_is_left_alone(tmp_path: Path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "optio-job-link").symlink_to(tmp_path / "kept")
    os.mkfifo(tmp_path / "optio-job-pipe")

    directories.remove_stale()

    assert {path.name for path in tmp_path.iterdir()} == {
        "kept",
        "optio-job-link",
        "optio-job-pipe",
    }


def test_runners_that_start_at_once_take_no_directory_from_each_other():
    made: list[tuple[Path, int]] = []
    over = threading.Event()

    def sweep() -> None:
        while not over.is_set():
            directories.remove_stale()

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    made = [directories.make_root() for _ in range(200)]
    over.set()
    sweeper.join()

    assert all(root.is_dir() for root, _ in made)
    for root, lock in made:
        directories.remove_directory(root)
        os.close(lock)


def test_a_deleted_file_that_is_open_or_mapped_counts(tmp_path: Path):
    script = (
        "import mmap, os, sys, time;"
        "a = open('a', 'wb+'); b = open('b', 'wb+');"
        "[f.write(b'x' * (1 << 20)) for f in (a, b)]; [f.flush() for f in (a, b)];"
        "m = mmap.mmap(b.fileno(), 0); b.close(); os.unlink('a'); os.unlink('b');"
        "print('on', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        # The duplicate that `mmap` makes of its descriptor is open too: both ways give one number.
        assert limits.unlinked_size(tmp_path, [process.pid]) == 2 << 20
        assert limits.disk_usage(tmp_path) < 1 << 20
        assert limits._mapped_sizes(process.pid, tmp_path.stat().st_dev).popitem()[1] == 1 << 20
    finally:
        process.kill()
        process.communicate()


def test_the_size_counts_directories_deeper_than_the_longest_path(tmp_path: Path):
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(40):
        os.mkdir("d" * 200, dir_fd=here)
        here, above = os.open("d" * 200, os.O_RDONLY, dir_fd=here), here
        os.close(above)
    file = os.open("big", os.O_WRONLY | os.O_CREAT, dir_fd=here)
    os.write(file, b"x" * (1 << 20))
    os.close(file)
    os.close(here)

    assert limits.disk_usage(tmp_path) >= 1 << 20
