"""The repo's own tests, run by the runner between the agent and the push."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.runner.job_control import JobControl
from chalicelib.runner.output.log import JobLog
from chalicelib.runner.output.redact import Redactor
from chalicelib.runner.repository.git import Git
from chalicelib.runner.work.sealing import copy_sealed
from tests.support.fake_runner_api import DAEMON, PYTHON, PlayedApi, alive, do, git, job


def judged(
    api: PlayedApi, tmp: Path, origin: Path, command: str, agent: str = "echo 1 > a", **more: Any
) -> dict[str, Any]:
    return do(api, tmp, job(agent, origin, repo={"testCommand": command}, **more))


def test_tests_that_pass_are_told_and_the_work_is_pushed(api: PlayedApi, tmp: Path, origin: Path):
    report = judged(api, tmp, origin, "test -f a && echo 7 passed")

    assert report["outcome"] == "succeeded", report["errorMessage"]
    assert report["tests"] == {"passed": True, "exitStatus": 0, "lastLines": "7 passed"}
    kinds = {line["content"]: line["logType"] for line in api.lines.values()}
    assert kinds["7 passed"] == "test"
    assert git("rev-parse", report["branch"], cwd=origin) == report["headSha"]


def test_tests_that_fail_are_told_with_their_last_lines_and_the_work_is_pushed_all_the_same(
    api: PlayedApi, tmp: Path, origin: Path
):
    command = 'for n in $(seq 30); do echo line $n; done; echo "key $KEY"; exit 4'

    report = judged(api, tmp, origin, command, secrets={"KEY": "s3cr3t-value"})

    assert report["outcome"] == "succeeded", report["errorMessage"]
    assert (report["tests"]["passed"], report["tests"]["exitStatus"]) == (False, 4)
    assert report["tests"]["lastLines"].splitlines()[-2:] == ["line 30", "key ***"]
    assert git("rev-parse", report["branch"], cwd=origin) == report["headSha"]


def test_what_tests_leave_is_not_pushed(api: PlayedApi, tmp: Path, origin: Path):
    commit = "git -c user.name=a -c user.email=a@b commit -qam evil"

    report = judged(api, tmp, origin, f"echo x > coverage.xml; echo tampered > a; {commit}")

    names = git("ls-tree", "--name-only", report["headSha"], cwd=origin).split()
    assert names == ["README", "a"]
    assert git("show", f"{report['branch']}:a", cwd=origin) == "1"


@pytest.mark.slow
def test_tests_that_hang_are_ended_in_time_for_the_push(api: PlayedApi, tmp: Path, origin: Path):
    (tmp / "daemon.py").write_text(DAEMON)
    command = f"echo begun; trap '' TERM; {PYTHON} {tmp}/daemon.py; while :; do sleep 1; done"

    report = judged(api, tmp, origin, command, timeoutMinutes=40 / 60)

    assert report["outcome"] == "succeeded", report["errorMessage"]
    assert (report["tests"]["passed"], report["tests"]["exitStatus"]) == (False, None)
    assert "the tests did not end in the time of the run" in report["tests"]["lastLines"]
    assert alive(str(tmp)) == []
    assert git("rev-parse", report["branch"], cwd=origin) == report["headSha"]


def test_without_a_change_no_tests_run(api: PlayedApi, tmp: Path, origin: Path):
    report = judged(api, tmp, origin, "echo ran", agent="true")

    assert (report["outcome"], report["tests"]) == ("no_changes", None)
    assert "ran" not in api.text


def test_what_a_job_of_the_same_user_did_to_our_repository_is_not_pushed_from(
    tmp: Path, origin: Path
):
    def private() -> Path:
        path = tmp / f"private{len(list(tmp.iterdir()))}"
        path.mkdir()
        return path

    ours = Git(JobControl(timedelta(minutes=1)), JobLog(Redactor([])), private, None)
    sha = git("rev-parse", "main", cwd=origin)
    (origin / "shallow").write_text("")
    (origin / "hooks").mkdir(exist_ok=True)
    (origin / "hooks" / "pre-push").write_text("#!/bin/sh\nexit 1\n")
    (origin / "config").write_text((origin / "config").read_text() + "[core]\n\tsshCommand = evil")

    copy = copy_sealed(ours, origin, {"refs/heads/work": sha}, ())

    assert copy != origin
    assert git("cat-file", "-t", sha, cwd=copy) == "commit"
    assert "evil" not in (copy / "config").read_text()
    assert not (copy / "hooks" / "pre-push").exists()
    assert not (copy / "objects" / "info" / "alternates").exists()
