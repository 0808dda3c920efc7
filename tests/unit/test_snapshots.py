"""The emulator's state is saved so that no torn snapshot is ever loaded."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.dev.emulator import ROOT
from infra.dev.snapshots import NoReadableSnapshot, Snapshots


def saved(snapshots: Snapshots, **contents: bytes) -> None:
    parts = {name: snapshots.write_part(content) for name, content in contents.items()}
    snapshots.publish(parts, ())


def loaded(folder: Path) -> dict[str, bytes]:
    snapshots = Snapshots(folder)
    snapshot = snapshots.newest_whole()
    assert snapshot is not None
    return {name: snapshots.read_part(digest) for name, digest in snapshot.parts.items()}


def test_the_newest_snapshot_is_loaded_and_only_two_are_kept(tmp_path: Path):
    assert Snapshots(tmp_path).newest_whole() is None
    for number in range(5):
        saved(Snapshots(tmp_path), tables=b"%d" % number, queues=b"the same")
    assert loaded(tmp_path) == {"tables": b"4", "queues": b"the same"}
    assert len(list(tmp_path.glob("snapshot-*.json"))) == 2
    assert len(list((tmp_path / "parts").iterdir())) == 3


def test_a_part_that_did_not_change_is_not_written_again(tmp_path: Path):
    saved(Snapshots(tmp_path), tables=b"1", queues=b"the same")
    part = tmp_path / "parts" / hashlib.sha256(b"the same").hexdigest()
    before = part.stat()
    saved(Snapshots(tmp_path), tables=b"2", queues=b"the same")
    assert (part.stat().st_ino, part.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_file_that_a_part_refers_to_lives_as_long_as_its_snapshot(tmp_path: Path):
    snapshots = Snapshots(tmp_path)
    code = snapshots.write_part(b"code")
    snapshots.publish({"functions": snapshots.write_part(b"1")}, [code])
    snapshots.publish({"functions": snapshots.write_part(b"2")}, [])
    assert snapshots.read_part(code) == b"code"
    snapshots.publish({"functions": snapshots.write_part(b"3")}, [])
    with pytest.raises(FileNotFoundError):
        snapshots.read_part(code)


@settings(deadline=None)
@given(st.data())
def test_whatever_is_torn_in_the_newest_one_the_one_before_it_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
):
    folder = tmp_path_factory.mktemp("state")
    older = {"tables": b"older " * 50, "queues": b"the same"}
    saved(Snapshots(folder), **older)
    kept = {path.name for path in folder.rglob("*") if path.is_file()}
    saved(Snapshots(folder), tables=b"newer " * 60, queues=b"the same")
    torn = [path for path in folder.rglob("*") if path.is_file() and path.name not in kept]
    path = data.draw(st.sampled_from(sorted(torn)))
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    how = data.draw(st.sampled_from(["cut", "zeroed", "flipped", "missing"]))
    if how == "missing":
        path.unlink()
    else:
        flipped = bytes([content[at] ^ 1]) + content[at + 1 :]
        tails = {"cut": b"", "zeroed": bytes(len(content) - at), "flipped": flipped}
        path.write_bytes(content[:at] + tails[how])
    assert loaded(folder) == older
    # What was loaded outlives the next snapshot.
    before = loaded(folder)
    saved(Snapshots(folder), tables=b"newest")
    newest = max(folder.glob("snapshot-*.json"))
    newest.write_bytes(b"{")
    assert loaded(folder) == before


def test_a_state_of_which_nothing_can_be_read_is_never_taken_for_an_empty_one(tmp_path: Path):
    saved(Snapshots(tmp_path), tables=b"1")
    for path in (tmp_path / "parts").iterdir():
        path.write_bytes(b"")
    with pytest.raises(NoReadableSnapshot, match="none of the snapshots"):
        Snapshots(tmp_path).newest_whole()


SAVING = """
import sys
from pathlib import Path
from infra.dev.snapshots import Snapshots
snapshots = Snapshots(Path(sys.argv[1]))
number = 0
while True:
    number += 1
    content = (b"%012d" % number) * 20_000
    parts = {name: snapshots.write_part(content + name.encode()) for name in ("a", "b", "c")}
    snapshots.publish(parts, ())
    print(number, flush=True)
"""


def test_a_process_that_is_killed_while_it_saves_leaves_one_whole_moment(tmp_path: Path):
    seed = int(os.environ.get("OPTIO_TEST_SEED") or random.randrange(2**32))
    chance = random.Random(seed)
    for turn in range(6):
        folder = tmp_path / str(turn)
        program = [sys.executable, "-c", SAVING, str(folder)]
        with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True) as saving:
            assert saving.stdout is not None
            first = saving.stdout.readline()
            time.sleep(chance.random() / 4)
            os.kill(saving.pid, signal.SIGKILL)
            told = [first, *saving.stdout.read().splitlines()]
        contents = loaded(folder)
        (moment,) = {content[:-1] for content in contents.values()}
        assert contents.keys() == {"a", "b", "c"}
        assert moment == moment[:12] * 20_000, f"OPTIO_TEST_SEED={seed}"
        assert int(moment[:12]) >= int(told[-1]), f"OPTIO_TEST_SEED={seed}"
