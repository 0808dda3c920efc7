"""Whole jobs: the real runner, real git and real processes against an API that is played."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "runner-token-0123456789"


class PlayedApi:
    """The API's side of the protocol, with what it was told."""

    def __init__(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.beats: list[dict[str, Any]] = []
        self.reports: list[dict[str, Any]] = []
        self.lines: dict[int, dict[str, Any]] = {}
        self.beat_answer: tuple[int, dict[str, Any]] = (200, {"continue": True})
        self.failing = 0
        self.lock = threading.Lock()
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.headers["Authorization"] == f"Bearer {TOKEN}"
                with api.lock:
                    status, answer = api.answer(self.path.rpartition("/")[2], body)
                content = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def answer(self, name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any] | None]:
        if self.failing:
            self.failing -= 1
            return 503, {"error": "away"}
        for line in body.get("lines", ()):
            self.lines[line["seq"]] = line
        if name == "claim":
            return (200, {"job": self.jobs.pop(0)}) if self.jobs else (204, None)
        if name == "beat":
            self.beats.append(body)
            return self.beat_answer
        self.reports.append(body)
        return 200, {}

    @property
    def text(self) -> str:
        return "\n".join(self.lines[seq]["content"] for seq in sorted(self.lines))

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def api() -> Iterator[PlayedApi]:
    api = PlayedApi()
    yield api
    api.close()


@pytest.fixture
def tmp(tmp_path: Path) -> Path:
    (tmp_path / "jobs").mkdir()
    return tmp_path


def git(*arguments: str, cwd: Path) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(cwd),
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_NAME": "T" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "t@t" for who in ("AUTHOR", "COMMITTER")},
    }
    done = subprocess.run(
        ("git", *arguments), cwd=cwd, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def origin(tmp: Path) -> Path:
    """A bare repository with one commit on main."""
    bare, seed = tmp / "origin.git", tmp / "seed"
    git("init", "-q", "--bare", "-b", "main", str(bare), cwd=tmp)
    git("clone", "-q", str(bare), str(seed), cwd=tmp)
    (seed / "README").write_text("hello\n")
    git("add", ".", cwd=seed)
    git("commit", "-qm", "first", cwd=seed)
    git("push", "-q", "origin", "HEAD:main", cwd=seed)
    return bare


def job(command: str, origin: Path | None = None, **changes: Any) -> dict[str, Any]:
    repo = None
    if origin is not None:
        repo = {
            "url": f"file://{origin}",
            "branch": None,
            "pushBranch": "optio/task-ab12cd34",
            "continueBranch": False,
            "setupCommands": None,
            "token": None,
            **changes.pop("repo", {}),
        }
    return {
        "runId": "0b7d2f6e-0000-4000-8000-000000000001",
        "attempt": 1,
        "type": "repo-task" if origin else "workflow-run",
        "title": "Say hello",
        "prompt": "Say hello, please.",
        "agent": {"type": "command", "command": command, "model": None, "maxTurns": None},
        "repo": repo,
        "environment": {},
        "secrets": {},
        "timeoutMinutes": 5,
        **changes,
    }


def start(api: PlayedApi, tmp: Path, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp),
        "TMPDIR": str(tmp / "jobs"),
        "OPTIO_URL": api.url,
        "OPTIO_RUNNER_TOKEN": TOKEN,
        "OPTIO_ALLOW_FILE_REPOS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_SECRET_ACCESS_KEY": "not-for-agents",
    }
    argv = [sys.executable, "-m", "chalicelib.runner", "--name", "test", *arguments]
    return subprocess.Popen(argv, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)


def do(api: PlayedApi, tmp: Path, order: dict[str, Any]) -> dict[str, Any]:
    """Return the report of one job."""
    api.jobs.append(order)
    runner = start(api, tmp, "--once")
    try:
        assert runner.wait(timeout=40) == 0
    finally:
        runner.kill()
        runner.wait()
    assert list((tmp / "jobs").iterdir()) == []
    (report,) = api.reports
    return report


def until(true: Callable[[], object], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.05)


def alive(marker: str) -> list[int]:
    """Return the processes that have `marker` in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and marker.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def asleep(tmp: Path) -> str:
    return f"bash -c 'sleep 300; :' {tmp}"


DAEMON = """
import os, signal, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(300)
"""


def test_a_change_is_committed_and_pushed(api: PlayedApi, tmp: Path, origin: Path):
    report = do(api, tmp, job('cat > hello.txt; cat "$OPTIO_PROMPT_FILE"', origin))

    assert report["outcome"] == "succeeded"
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


def test_a_refused_push_says_what_the_forge_said(api: PlayedApi, tmp: Path, origin: Path):
    hook = origin / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho signed commits only >&2\nexit 1\n")
    hook.chmod(0o755)

    report = do(api, tmp, job("echo x > x", origin))

    assert (report["outcome"], report["stage"], report["errorClass"]) == ("failed", "push", "push")
    assert "signed commits only" in report["errorMessage"]


def test_a_hanging_agent_is_timed_out(api: PlayedApi, tmp: Path, origin: Path):
    command = f"trap '' TERM; echo on; {asleep(tmp)} & {asleep(tmp)}"
    report = do(api, tmp, job(command, origin, timeoutSeconds=1.5))

    assert report["errorClass"] == "timeout"
    assert report["errorMessage"] == "timed out after 0.025 minutes in agent"
    assert alive(str(tmp)) == []


def test_a_cancel_ends_the_whole_family_within_5_seconds(api: PlayedApi, tmp: Path, origin: Path):
    (tmp / "daemon.py").write_text(DAEMON)
    command = f"{sys.executable} {tmp}/daemon.py; trap '' TERM; while :; do sleep 1; done"
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
    api.jobs.append(job(f"{sys.executable} {tmp}/daemon.py; {asleep(tmp)}", origin))
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
    kill = 'kill -9 "$(ps -o ppid= -p $$ 2>/dev/null || cut -d" " -f4 /proc/$$/stat)"'

    report = do(api, tmp, job(f"{sys.executable} {tmp}/daemon.py; {kill}; sleep 300"))

    assert report["errorClass"] == "crash"
    assert "signal 9" in report["errorMessage"]
    assert alive(str(tmp)) == []


def test_an_agent_that_removes_its_workspace_fails_clearly(api: PlayedApi, tmp: Path, origin: Path):
    report = do(api, tmp, job('rm -rf "$PWD"', origin))

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
mkdir ../other && echo "$PWD/../other" > .git/commondir
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

    report = do(api, tmp, job(f'{sys.executable} -c "{write}"'))

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

    report = do(api, tmp, job("", origin, agent={"type": "codex"}, environment=environment))

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
