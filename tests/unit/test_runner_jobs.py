"""Whole jobs: the real runner, real git and real processes against an API that is played."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.fake_runner_api import (
    DAEMON,
    PYTHON,
    ROOT,
    TOKEN,
    PlayedApi,
    alive,
    asleep,
    do,
    git,
    job,
    start,
    until,
)


def test_a_change_is_committed_and_pushed(api: PlayedApi, tmp: Path, origin: Path):
    report = do(api, tmp, job('cat > hello.txt; cat "$OPTIO_PROMPT_FILE"', origin))

    assert report["outcome"] == "succeeded", report["errorMessage"]
    assert report["errorMessage"] is None
    assert report["branch"] == "optio/task-ab12cd34"
    assert report["diffStat"] == "1 file changed, 1 insertion(+)"
    assert report["resultSummary"] == "Say hello, please."
    assert git("rev-parse", report["branch"], cwd=origin) == report["headSha"]
    assert git("show", f"{report['branch']}:hello.txt", cwd=origin) == "Say hello, please."
    log = git("log", "-1", "--format=%an <%ae> %s", report["branch"], cwd=origin)
    assert log == "Optio <optio@localhost> Say hello"
    assert git("rev-parse", "main", cwd=origin) == report["baseSha"]
    assert sorted(api.lines) == list(range(1, len(api.lines) + 1))


def test_every_stage_is_reported_with_its_begin_and_end(api: PlayedApi, tmp: Path, origin: Path):
    repo = {"setupCommands": "true", "testCommand": "sleep 1"}

    report = do(api, tmp, job("echo 1 > a", origin, repo=repo))

    stages = report["stages"]
    assert [span["stage"] for span in stages] == ["clone", "setup", "agent", "test", "push"]
    moments = [moment for span in stages for moment in (span["startedAt"], span["endedAt"])]
    assert None not in moments
    assert moments == sorted(moments)
    assert any(beat["stages"][-1]["endedAt"] is None for beat in api.beats)


def test_commits_and_leftovers_are_both_pushed(api: PlayedApi, tmp: Path, origin: Path):
    commit = "git -c user.name=a -c user.email=a@b commit -qm own"
    command = f"echo 1 > a; git add a; {commit}; echo 2 > b; rm README"

    report = do(api, tmp, job(command, origin))

    names = git("ls-tree", "--name-only", report["headSha"], cwd=origin).split()
    assert names == ["a", "b"]
    assert git("rev-list", "--count", report["headSha"], cwd=origin) == "3"


def test_without_a_change_nothing_is_pushed(api: PlayedApi, tmp: Path, origin: Path):
    report = do(api, tmp, job("echo looked", origin))

    assert report["outcome"] == "no_changes"
    assert git("branch", "--list", "optio/*", cwd=origin) == ""


def test_a_retry_replaces_its_branch(api: PlayedApi, tmp: Path, origin: Path):
    first = do(api, tmp, job("echo 1 > a", origin))
    api.reports.clear()
    second = do(api, tmp, job("echo 2 > b", origin, attempt=2))

    assert second["outcome"] == "succeeded"
    assert second["baseSha"] == first["baseSha"]
    assert git("rev-parse", second["branch"], cwd=origin) == second["headSha"]


def test_a_continuation_adds_to_its_branch(api: PlayedApi, tmp: Path, origin: Path):
    first = do(api, tmp, job("echo 1 > a", origin))
    api.reports.clear()
    again = job("test -f a && echo 2 > b", origin, repo={"continueBranch": True})
    second = do(api, tmp, again)

    assert second["outcome"] == "succeeded"
    assert second["baseSha"] == first["headSha"]
    assert git("rev-parse", f"{second['headSha']}^", cwd=origin) == first["headSha"]


@pytest.mark.parametrize(
    "repo, words",
    [
        pytest.param({"url": "file:///nowhere.git"}, "cannot be cloned: ", id="no repository"),
        pytest.param({"url": "ext::sh -c true"}, "not allowed", id="a forbidden protocol"),
        pytest.param({"branch": "nope"}, 'branch "nope" does not exist in file://', id="branch"),
        pytest.param({"branch": "--upload-pack=x"}, "neither a URL nor a branch", id="option"),
    ],
)
def test_what_cannot_be_cloned_says_why(
    api: PlayedApi, tmp: Path, origin: Path, repo: dict[str, str], words: str
):
    report = do(api, tmp, job("true", origin, repo=repo))

    assert (report["outcome"], report["stage"], report["errorClass"]) == ("failed", *["clone"] * 2)
    assert words in report["errorMessage"]
    assert report["transient"] is False


def test_a_repository_without_commits_says_so(api: PlayedApi, tmp: Path):
    empty = tmp / "empty.git"
    git("init", "-q", "--bare", str(empty), cwd=tmp)

    assert "has no commits" in do(api, tmp, job("true", empty))["errorMessage"]


def test_a_failed_setup_says_its_exit_code_and_last_words(api: PlayedApi, tmp: Path, origin: Path):
    setup = "echo no such package >&2; exit 3"

    report = do(api, tmp, job("echo x > x", origin, repo={"setupCommands": setup}))

    assert (report["stage"], report["errorClass"]) == ("setup", "setup")
    assert report["errorMessage"].startswith("setup command exited 3: no such package")


def test_the_first_line_of_the_setup_script_that_fails_ends_the_job(
    api: PlayedApi, tmp: Path, origin: Path
):
    seed = tmp / "seed"
    (seed / ".optio").mkdir()
    (seed / ".optio" / "setup.sh").write_text("echo one; false | true\necho two\n")
    git("add", ".", cwd=seed)
    git("commit", "-qm", "setup", cwd=seed)
    git("push", "-q", "origin", "HEAD:main", cwd=seed)

    report = do(api, tmp, job("echo work > a", origin))

    assert (report["outcome"], report["errorClass"]) == ("failed", "setup")
    assert "setup command exited 1" in report["errorMessage"]
    assert "two" not in api.text


def test_a_refused_push_says_what_the_forge_said(api: PlayedApi, tmp: Path, origin: Path):
    hook = origin / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho signed commits only >&2\nexit 1\n")
    hook.chmod(0o755)

    report = do(api, tmp, job("echo x > x", origin))

    assert (report["outcome"], report["stage"], report["errorClass"]) == ("failed", "push", "push")
    assert "signed commits only" in report["errorMessage"]


def test_a_hanging_agent_is_timed_out(api: PlayedApi, tmp: Path, origin: Path):
    command = f"trap '' TERM; echo on; {asleep(tmp)} & {asleep(tmp)}"
    report = do(api, tmp, job(command, origin, timeoutMinutes=9 / 60))

    assert report["errorClass"] == "timeout"
    assert report["errorMessage"] == "timed out after 0.15 minutes in agent"
    assert alive(str(tmp)) == []


def test_a_cancel_ends_the_whole_family_within_5_seconds(api: PlayedApi, tmp: Path, origin: Path):
    (tmp / "daemon.py").write_text(DAEMON)
    command = f"{PYTHON} {tmp}/daemon.py; trap '' TERM; while :; do sleep 1; done"
    api.jobs.append(job(command, origin))
    runner = start(api, tmp, "--once")
    until(lambda: any(beat["stage"] == "agent" for beat in api.beats) and alive("daemon.py"))

    api.beat_answer = (200, {"continue": False, "reason": "cancelled"})
    cancelled = time.monotonic()
    until(lambda: not alive(f"{tmp}/daemon.py"), 5)

    assert time.monotonic() - cancelled < 5
    assert runner.wait(timeout=10) == 0
    assert [report["errorMessage"] for report in api.reports] == ["cancelled"]


def test_a_dropped_job_is_not_reported(api: PlayedApi, tmp: Path, origin: Path):
    api.beat_answer = (409, {"error": "superseded"})
    api.jobs.append(job("sleep 60", origin))
    runner = start(api, tmp, "--once")

    assert runner.wait(timeout=20) == 0
    assert api.reports == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_runner_that_is_ended_leaves_no_process(
    api: PlayedApi, tmp: Path, origin: Path, number: int
):
    (tmp / "daemon.py").write_text(DAEMON)
    api.jobs.append(job(f"{PYTHON} {tmp}/daemon.py; {asleep(tmp)}", origin))
    runner = start(api, tmp)
    until(lambda: alive(f"{tmp}/daemon.py"))

    runner.send_signal(number)
    if number == signal.SIGTERM:
        time.sleep(0.3)
        runner.send_signal(number)
    runner.wait(timeout=15)

    until(lambda: not alive(str(tmp)), 8)
    until(lambda: api.reports, 8)
    assert api.reports[0]["errorClass"] == "crash"
    assert list((tmp / "jobs").iterdir()) == []


def test_a_drained_runner_lets_its_job_end(api: PlayedApi, tmp: Path):
    api.jobs += [job("echo begun; sleep 1.5; echo done"), job("echo second")]
    runner = start(api, tmp)
    until(lambda: len(api.jobs) == 1 and api.beats)

    runner.terminate()

    assert runner.wait(timeout=15) == 0
    assert [report["resultSummary"] for report in api.reports] == ["begun\ndone"]


def test_a_killed_job_is_reported_and_cleared_away(api: PlayedApi, tmp: Path):
    (tmp / "daemon.py").write_text(DAEMON)
    api.jobs.append(job(f"{PYTHON} {tmp}/daemon.py; {asleep(tmp)}"))
    runner = start(api, tmp, "--once")
    until(lambda: alive(f"{tmp}/daemon.py"))

    for child in Path(f"/proc/{runner.pid}/task/{runner.pid}/../").glob("*/children"):
        for pid in child.read_text().split():
            if b"chalicelib.runner.job" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(int(pid), signal.SIGKILL)

    assert runner.wait(timeout=30) == 0
    (report,) = api.reports
    assert list((tmp / "jobs").iterdir()) == []
    assert report["errorClass"] == "crash"
    assert "signal 9" in report["errorMessage"]
    assert alive(str(tmp)) == []


def test_an_agent_that_removes_its_workspace_fails_clearly(api: PlayedApi, tmp: Path, origin: Path):
    report = do(api, tmp, job('rm -rf "$PWD" || true', origin))

    assert report["errorClass"] == "agent"
    assert "removed its workspace" in report["errorMessage"]


def test_what_an_agent_leaves_in_git_is_not_run(api: PlayedApi, tmp: Path, origin: Path):
    touch = f"touch {tmp}/ran-"
    command = f"""
for hook in pre-commit pre-push post-commit reference-transaction post-index-change; do
  printf '#!/bin/sh\\n{touch}hook\\n' > .git/hooks-$hook
  mkdir -p .git/hooks; cp .git/hooks-$hook .git/hooks/$hook; chmod +x .git/hooks/$hook
done
git config core.fsmonitor '{touch}fsmonitor'
git config filter.x.clean '{touch}filter; cat'
git config core.sshCommand '{touch}ssh'
git config remote.origin.url file:///elsewhere
git config url.file:///elsewhere.insteadOf file://
echo '* filter=x' > .gitattributes
echo '[core] pager = x' > "$HOME/.gitconfig"
mkdir "$TMPDIR/other" && echo "$TMPDIR/other" > .git/commondir
"""
    report = do(api, tmp, job(command, origin))

    assert report["outcome"] == "succeeded", report["errorMessage"]
    assert list(tmp.glob("ran-*")) == []
    assert git("ls-tree", "--name-only", report["headSha"], cwd=origin).split() == [
        ".gitattributes",
        "README",
    ]


def test_output_of_every_kind_reaches_the_log_whole_and_clean(api: PlayedApi, tmp: Path):
    write = "import sys; sys.stdout.buffer.write(b'x'*200000 + b'\\n\\xff\\xfe bad\\n' + b'y\\n'*5)"

    report = do(api, tmp, job(f'{PYTHON} -c "{write}"'))

    contents = [line["content"] for line in api.lines.values()]
    assert report["outcome"] == "succeeded"
    assert "[cut: 200000 bytes]" in api.text
    assert max(len(content.encode()) for content in contents) <= 16 * 1024
    assert "\ufffd\ufffd bad" in contents
    assert contents.count("y") == 5


def test_no_secret_leaves_the_job_in_any_form(api: PlayedApi, tmp: Path, origin: Path):
    secret, token = 'k3y/with "quotes"+', "ghp_tokentokentoken"
    command = """
printf '%s' "$KEY" | base64
printf '%s' "${KEY:0:7}"; sleep 0.3; printf '%s\\n' "${KEY:7}"
python3 -c 'import os,json,urllib.parse as u; k=os.environ["KEY"]; print(json.dumps(k), u.quote(k))'
echo "$KEY" >&2
env
cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep _TOKEN
env | wc -l
exit 1
"""
    order = job(command, origin, secrets={"KEY": secret}, repo={"token": token})

    report = do(api, tmp, order)

    told = json.dumps([api.beats, report])
    assert "***" in report["errorMessage"]
    for form in (secret, 'k3y/with \\"', "k3y%2Fwith", "azN5L3dpdGgg", token, TOKEN):
        assert form not in api.text
        assert form not in told
    assert "not-for-agents" not in api.text
    assert "OPTIO_GIT_TOKEN" not in api.text


def test_an_api_that_is_away_is_waited_for(api: PlayedApi, tmp: Path):
    api.failing = 2
    report = do(api, tmp, job("echo 'here'"))

    assert report["outcome"] == "succeeded"
    assert report["resultSummary"] == "here"
    assert api.text.count("here") == 1


def test_two_jobs_run_at_once(api: PlayedApi, tmp: Path):
    wait = f"touch {tmp}/$0; until [ -e {tmp}/a ] && [ -e {tmp}/b ]; do sleep 0.1; done"
    api.jobs += [job(f"bash -c '{wait}' {name}") for name in "ab"]
    runner = start(api, tmp, "--concurrency", "2")

    until(lambda: len(api.reports) == 2)
    runner.terminate()

    assert runner.wait(timeout=10) == 0
    assert {report["outcome"] for report in api.reports} == {"succeeded"}


def test_an_agent_that_is_not_installed_is_named(api: PlayedApi, tmp: Path):
    order = job("", agent={"type": "claude-code", "model": None}, environment={"PATH": "/bin"})

    report = do(api, tmp, order)

    assert report["errorClass"] == "missing_tool"
    assert "'claude' is not installed" in report["errorMessage"]


def test_a_structured_agent_is_read_by_its_events(api: PlayedApi, tmp: Path, origin: Path):
    program = tmp / "bin" / "codex"
    program.parent.mkdir()
    events = [
        {"type": "thread.started", "thread_id": "t1"},
        {"type": "turn.started"},
        {"type": "item.completed", "item": {"type": "agent_message", "text": "I did."}},
        {"type": "turn.completed", "usage": {"input_tokens": 7, "output_tokens": 3}},
    ]
    printed = "\n".join(map(json.dumps, events))
    program.write_text(f"#!/bin/sh\ncat > got.txt\ncat <<'E'\n{printed}\nE\n")
    program.chmod(0o755)
    environment = {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    given = {"agent": {"type": "codex"}, "environment": environment}

    report = do(api, tmp, job("", origin, **given, secrets={"OPENAI_API_KEY": "sk-test-1"}))

    assert report["outcome"] == "succeeded"
    assert report["resultSummary"] == "I did."
    assert report["agent"]["inputTokens"] == 7
    assert git("show", f"{report['headSha']}:got.txt", cwd=origin) == "Say hello, please."


def test_a_runner_without_its_settings_says_what_is_missing(tmp: Path):
    done = subprocess.run(
        [sys.executable, "-m", "chalicelib.runner"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 2
    assert "OPTIO_RUNNER_TOKEN" in done.stderr
