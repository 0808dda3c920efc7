"""Mistakes of repositories and agents: each ends in a true state, and the runner survives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_runner_api import (
    DAEMON,
    PYTHON,
    PlayedApi,
    alive,
    asleep,
    do,
    git,
    job,
    start,
    until,
)


def ends(api: PlayedApi, tmp: Path, order: dict[str, Any]) -> dict[str, Any]:
    """Return the report of `order`, after the same runner has also done a second job."""
    api.jobs += [order, job("echo lives on", attempt=7)]
    runner = start(api, tmp)
    until(lambda: len(api.reports) == 2, 60)
    runner.terminate()

    assert runner.wait(timeout=15) == 0
    first, second = api.reports
    assert (second["attempt"], second["resultSummary"]) == (7, "lives on")
    assert list((tmp / "jobs").iterdir()) == []
    assert alive(str(tmp)) == []
    return dict(first)


def test_a_setup_that_writes_200_mb_is_cut_with_a_notice(api: PlayedApi, tmp: Path, origin: Path):
    setup = "head -c 200000000 /dev/zero | tr '\\0' x | fold -w 1000"

    report = ends(api, tmp, job("echo x > x", origin, repo={"setupCommands": setup}))

    size = sum(len(line["content"]) for line in api.lines.values())
    assert report["outcome"] == "succeeded", report["errorMessage"]
    assert 45e6 < size < 55e6
    assert "the log is full: further lines are left out" in api.text


@pytest.mark.parametrize(
    "setup, outcome, words",
    [
        pytest.param("{daemon}; {daemon}", "succeeded", None, id="double-forked daemons"),
        pytest.param("trap '' TERM; {sleep} & true", "succeeded", None, id="it ignores SIGTERM"),
        pytest.param("rm -rf .git ./*", "failed", "removed its workspace", id="it deletes itself"),
        pytest.param('rm -rf "$PWD"', "failed", None, id="it deletes the directory"),
        pytest.param("chmod -R 0 .", "failed", None, id="it closes its workspace"),
    ],
)
def test_what_setup_may_do(
    api: PlayedApi, tmp: Path, origin: Path, setup: str, outcome: str, words: str | None
):
    (tmp / "daemon.py").write_text(DAEMON)
    daemon = f"{PYTHON} {tmp}/daemon.py"
    setup = setup.format(daemon=daemon, sleep=asleep(tmp))

    report = ends(api, tmp, job("echo x > x || true", origin, repo={"setupCommands": setup}))

    assert report["outcome"] == outcome, report["errorMessage"]
    assert (words or "") in (report["errorMessage"] or "")
    assert bool(report["errorMessage"]) == (outcome == "failed")
    assert report["errorClass"] != "crash"


def test_a_job_that_fills_the_disk_fails_and_says_how_much(api: PlayedApi, tmp: Path):
    fill = 'for n in 1 2 3 4 5 6 7 8; do head -c 20000000 /dev/zero > "$HOME/$n"; done; sleep 60'
    api.jobs.append(job(fill))
    runner = start(api, tmp, "--once", "--disk-gb", "0.1")

    assert runner.wait(timeout=40) == 0
    (report,) = api.reports
    assert report["errorClass"] == "disk"
    assert "may take 0.1 GiB" in report["errorMessage"]
    assert list((tmp / "jobs").iterdir()) == []


@pytest.mark.parametrize("sandbox", ["auto", "off"])
def test_a_file_without_a_name_fills_the_disk_all_the_same(api: PlayedApi, tmp: Path, sandbox: str):
    hide = 'exec 5<> "$TMPDIR/x$N"; rm "$TMPDIR/x$N"; head -c 60M /dev/zero >&5; sleep 60'
    api.jobs.append(job(f"(N=1; {hide}) & (N=2; {hide}) & wait"))
    runner = start(api, tmp, "--once", "--disk-gb", "0.1", "--sandbox", sandbox)

    assert runner.wait(timeout=60) == 0
    (report,) = api.reports
    assert report["errorClass"] == "disk"
    assert "with deleted files that are still open" in report["errorMessage"]


def test_one_file_above_the_disk_limit_is_refused_at_once(api: PlayedApi, tmp: Path):
    api.jobs.append(job('head -c 90000000 /dev/zero > "$HOME/big"; echo code $?; ls -l "$HOME"'))
    runner = start(api, tmp, "--once", "--disk-gb", "0.05")

    assert runner.wait(timeout=40) == 0
    assert "code 0" not in api.text


STREAM = r"""
import sys
out = sys.stdout.buffer
out.write(b'{"type":"thread.started","thread_id":"t1"}\n')
out.write(b'{"type":"item.completed","item":{"type":"agent_message","text":"' + b"y" * 200000)
out.write(b'"}}\n')
out.write(b"\xff\xfe no text\n")
out.write(b'\x1b[31m{"type":"turn.started"}\x1b[0m\n')
out.write(b'{"type":"something.new","deep":[[[]]]}\n')
out.write(b'{"type":"item.completed","item":{"type":"agent_message","text":"All done."}}\n')
out.write(b'{"type":"turn.completed","usage":{"input_tokens":7,"output_tokens":3}}\n')
out.write(b'{"type":"item.comp')
"""


def test_an_agent_that_prints_what_nobody_expects_is_read_to_its_end(
    api: PlayedApi, tmp: Path, origin: Path
):
    program = tmp / "bin" / "codex"
    program.parent.mkdir()
    (tmp / "stream.py").write_text(STREAM)
    program.write_text(f"#!/bin/sh\ncat > got.txt\nexec {PYTHON} {tmp}/stream.py\n")
    program.chmod(0o755)
    path = {"PATH": f"{program.parent}:/usr/bin:/bin"}

    given = {"agent": {"type": "codex"}, "environment": path}

    report = ends(api, tmp, job("", origin, **given, secrets={"OPENAI_API_KEY": "sk-test-1"}))

    assert report["outcome"] == "succeeded", report["errorMessage"]
    assert report["resultSummary"] == "All done."
    assert max(len(line["content"].encode()) for line in api.lines.values()) <= 16 * 1024
    assert "\x1b" not in json.dumps(list(api.lines.values()))
    assert "[cut: " in api.text


def seeded(tmp: Path, origin: Path, script: str) -> None:
    """Push what `script` makes of the repository."""
    seed = tmp / "seed"
    for command in script.strip().splitlines():
        git(*command.split(), cwd=seed)
    git("push", "-q", "origin", "HEAD:main", cwd=seed)


@pytest.mark.parametrize(
    "changes, outcome, words",
    [
        ({"title": "a\0b\x1b[1m"}, "succeeded", None),
        ({"environment": {"A": "x\0y"}}, "failed", "cannot start 'bash': embedded null byte"),
    ],
)
def test_a_zero_byte_of_somebody_elses_crashes_no_job(
    api: PlayedApi,
    tmp: Path,
    origin: Path,
    changes: dict[str, Any],
    outcome: str,
    words: str | None,
):
    report = ends(api, tmp, job("echo x > x", origin, **changes))
    assert (report["outcome"], report["errorMessage"]) == (outcome, words)


def test_submodules_stay_what_they_are(api: PlayedApi, tmp: Path, origin: Path):
    seeded(
        tmp,
        origin,
        f"-c protocol.file.allow=always submodule add -q file://{origin} sub\ncommit -qm sub",
    )

    report = ends(api, tmp, job("echo x > x", origin))

    assert report["outcome"] == "succeeded", report["errorMessage"]
    was, now = (git("ls-tree", commit, "sub", cwd=origin) for commit in ("main", report["headSha"]))
    assert was.startswith("160000")
    assert now == was


def test_lfs_pointers_stay_what_they_are(api: PlayedApi, tmp: Path, origin: Path):
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12\n"
    (tmp / "seed" / "big.bin").write_text(pointer)
    (tmp / "seed" / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    seeded(tmp, origin, "add .\ncommit -qm lfs")

    report = ends(api, tmp, job("echo x > x; touch big.bin", origin))

    assert report["outcome"] == "succeeded", report["errorMessage"]
    assert git("show", f"{report['headSha']}:big.bin", cwd=origin) == pointer.strip()
    assert report["diffStat"] == "1 file changed, 1 insertion(+)"


def test_a_long_history_is_not_fetched(api: PlayedApi, tmp: Path, origin: Path):
    seeded(tmp, origin, "\n".join(["commit -q --allow-empty -m more"] * 60))

    report = ends(api, tmp, job("git rev-list --count HEAD; echo x > x", origin))

    assert report["outcome"] == "succeeded", report["errorMessage"]
    assert "1" in api.text.splitlines()
    assert git("rev-list", "--count", report["headSha"], cwd=origin) == "62"


def test_a_repository_without_a_commit_and_a_branch_that_refuses_end_with_their_reasons(
    api: PlayedApi, tmp: Path, origin: Path
):
    empty = tmp / "empty.git"
    git("init", "-q", "--bare", str(empty), cwd=tmp)
    assert "has no commits" in do(api, tmp, job("true", empty))["errorMessage"]
    api.reports.clear()
    hook = origin / "hooks" / "update"
    hook.write_text("#!/bin/sh\necho protected branch; exit 1\n")
    hook.chmod(0o755)

    report = ends(api, tmp, job("echo x > x", origin))

    assert (report["errorClass"], report["stage"]) == ("push", "push")
    assert "protected branch" in report["errorMessage"]
