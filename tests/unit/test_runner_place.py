"""A job's directory goes away, whatever was done to it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from chalicelib.runner import place


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_directory_without_rights_is_removed():
    root, lock = place.new_root()
    deep = root / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "file").write_text("x")
    for each in (deep, deep.parent):
        each.chmod(0)

    place.remove(root)
    os.close(lock)

    assert not root.exists()


def test_what_a_link_points_to_stays(tmp_path: Path):
    (tmp_path / "kept").mkdir()
    root, lock = place.new_root()
    (root / "link").symlink_to(tmp_path / "kept")

    place.remove(root)
    os.close(lock)

    assert not root.exists()
    assert (tmp_path / "kept").is_dir()


def test_only_what_no_runner_holds_is_stale():
    held, lock = place.new_root()
    stale, unlocked = place.new_root()
    os.close(unlocked)

    place.remove_stale()

    assert held.exists()
    assert not stale.exists()
    os.close(lock)


def test_removing_changes_no_rights_outside_even_where_nothing_is_left(tmp_path: Path):
    tmp_path.chmod(0o1777)
    root, lock = place.new_root()
    place.remove(root)
    place.remove(root)
    os.close(lock)

    assert tmp_path.stat().st_mode & 0o7777 == 0o1777
