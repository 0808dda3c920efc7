"""Work that is not lost: kept if it cannot be pushed, restored when a later attempt continues."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from chalicelib.runner.errors import JobFailed, Overrun
from chalicelib.runner.job_spec import EarlierWork
from chalicelib.runner.output.redact import Redactor
from chalicelib.runner.work import kept_work
from chalicelib.runner.work.delivery import WorkDelivery
from chalicelib.runner.work.outputs import FileLeftOut, clean_content
from chalicelib.runner.work.result import JobResult
from chalicelib.runner.work.snapshot import Snapshot
from tests.support.fake_runner_api import PlayedApi, asleep, do, git, job, start, until
from tests.support.private_forge import served
from tests.support.refused_pushes import refuse_pushes
from tests.support.repositories import Job, make_origin
from tests.support.runner_programs import order_for, put_program

BRANCH = "optio/task-ab12cd34"
COMMIT = "git -c user.name=a -c user.email=a@b commit -qm"
SECRET = "hunter2-hunter2-hunter2"


def take_without_an_answer(origin: Path) -> Path:
    """Let the forge accept each push, and never answer it."""
    hook = origin / "hooks" / "update"
    hook.write_text('#!/bin/sh\ngit update-ref "$1" "$3"\nexit 1\n')
    hook.chmod(0o755)
    return hook


def work_of(api: PlayedApi, report: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the kept work of a report as the next attempt's order names it."""
    kept = report["keptWork"]
    facts = {"attempt": report["attempt"], "baseSha": kept["baseSha"]}
    return {**facts, "url": f"{api.url}/work.bundle", "finished": kept["finished"], **more}


def again(api: PlayedApi, tmp: Path, origin: Path, command: str, **repo: Any) -> dict[str, Any]:
    """Do the next attempt, which begins with the kept work of the last one."""
    work = work_of(api, api.reports.pop(), **repo.pop("work", {}))
    return do(api, tmp, job(command, origin, attempt=2, repo={"work": work, **repo}))


def commit_on(seed: Path, branch: str, name: str, target: str = BRANCH) -> None:
    """Add a file to a branch of the seed's origin, and push it as the target."""
    git("fetch", "-q", "origin", branch, cwd=seed)
    git("checkout", "-q", "--detach", "FETCH_HEAD", cwd=seed)
    (seed / name).write_text("more\n")
    git("add", name, cwd=seed)
    git("commit", "-qm", name, cwd=seed)
    git("push", "-q", "origin", f"HEAD:refs/heads/{target}", cwd=seed)


def unbundled(api: PlayedApi, tmp: Path, origin: Path) -> Path:
    """Return a clone of the origin into which the kept bundle was fetched."""
    clone, bundle = tmp / "reader", tmp / "saved.bundle"
    bundle.write_bytes(api.put["work.bundle"][0])
    git("clone", "-q", str(origin), str(clone), cwd=tmp)
    git("fetch", "-q", str(bundle), "refs/heads/*:refs/kept/*", cwd=clone)
    return clone


def test_a_refused_push_keeps_the_work_as_a_bundle_and_a_patch(
    api: PlayedApi, tmp: Path, origin: Path
):
    refuse_pushes(origin)

    report = do(api, tmp, job("echo 1 > a; printf '\\0\\1' > b", origin))

    assert (report["outcome"], report["errorClass"]) == ("failed", "push")
    assert report["errorMessage"].endswith("; the work is kept as work.bundle and work.patch")
    kept = report["keptWork"]
    assert kept["finished"] is True
    assert kept["baseSha"] == report["baseSha"] == git("rev-parse", "main", cwd=origin)
    assert [file["name"] for file in kept["files"]] == ["work.bundle", "work.patch"]
    assert [file["size"] for file in kept["files"]] == [
        len(api.put[name][0]) for name in ("work.bundle", "work.patch")
    ]
    clone = unbundled(api, tmp, origin)
    assert git("show", "refs/kept/work:a", cwd=clone) == "1"
    (tmp / "saved.patch").write_bytes(api.put["work.patch"][0])
    git("apply", "--index", str(tmp / "saved.patch"), cwd=clone)
    assert git("write-tree", cwd=clone) == git("rev-parse", "refs/kept/work^{tree}", cwd=clone)


def test_a_resumed_run_goes_on_with_the_kept_work(api: PlayedApi, tmp: Path, origin: Path):
    hook = refuse_pushes(origin)
    do(api, tmp, job(f"echo 1 > a; git add a; {COMMIT} one; echo 2 > b", origin))
    hook.unlink()

    command = "test -f a && test -f b && echo 3 > c"
    report = again(api, tmp, origin, command, work={"finished": False})

    assert report["outcome"] == "succeeded", api.text
    assert report["keptWork"] is None
    names = git("ls-tree", "--name-only", BRANCH, cwd=origin).split()
    assert names == ["README", "a", "b", "c"]
    titles = git("log", "--format=%s", f"main..{BRANCH}", cwd=origin).splitlines()
    assert titles == ["Say hello", "Say hello", "one"]


def test_where_only_the_push_was_missing_no_agent_is_paid_again(
    api: PlayedApi, tmp: Path, origin: Path
):
    hook = refuse_pushes(origin)
    repo = {"testCommand": "test -f a && test -f prepared", "setupCommands": "touch prepared"}
    do(api, tmp, job("echo 1 > a", origin, repo=repo))
    hook.unlink()

    report = again(api, tmp, origin, "echo paid > paid", **repo)

    assert report["outcome"] == "succeeded", api.text
    assert git("ls-tree", "--name-only", BRANCH, cwd=origin).split() == ["README", "a"]
    assert report["tests"]["passed"] is True
    assert report["agent"]["costUsd"] is None


def test_a_push_whose_answer_was_lost_is_found_on_the_branch(
    api: PlayedApi, tmp: Path, origin: Path
):
    hook = take_without_an_answer(origin)
    repo = {"continueBranch": True, "testCommand": "test -f a"}
    lost = do(api, tmp, job("echo 1 > a", origin, repo=repo))
    hook.unlink()
    assert (lost["errorClass"], lost["keptWork"]["finished"]) == ("push", True)
    pushed = git("rev-parse", BRANCH, cwd=origin)

    report = again(api, tmp, origin, "echo paid > paid", **repo)

    assert report["outcome"] == "succeeded", api.text
    assert (report["branch"], report["headSha"]) == (BRANCH, pushed)
    assert git("rev-parse", BRANCH, cwd=origin) == pushed
    assert report["diffStat"] == lost["diffStat"]
    assert report["tests"]["passed"] is True
    assert report["agent"]["costUsd"] is None
    assert report["keptWork"] is None


def test_the_kept_work_goes_on_from_its_own_base_though_the_branch_has_moved(
    api: PlayedApi, tmp: Path, origin: Path
):
    hook = refuse_pushes(origin)
    do(api, tmp, job("echo 1 > a", origin))
    hook.unlink()
    base = git("rev-parse", "main", cwd=origin)
    seed = tmp / "seed"
    (seed / "README").write_text("newer\n")
    git("commit", "-qam", "newer", cwd=seed)
    git("push", "-q", "origin", "HEAD:main", cwd=seed)

    report = again(api, tmp, origin, "echo 2 > b", work={"finished": False})

    assert report["outcome"] == "succeeded", api.text
    assert report["baseSha"] == base
    assert git("merge-base", "main", BRANCH, cwd=origin) == base
    assert git("diff", "--name-only", base, BRANCH, cwd=origin).split() == ["a", "b"]


@pytest.mark.parametrize("partial", [True, False])
def test_the_work_of_a_run_that_is_out_of_time_is_kept(
    api: PlayedApi, tmp: Path, origin: Path, partial: bool
):
    command = f"echo 1 > a; {asleep(tmp)}"
    order = job(command, origin, timeoutMinutes=9 / 60, repo={"pushPartial": partial})

    report = do(api, tmp, order)

    assert (report["outcome"], report["errorClass"]) == ("failed", "timeout")
    assert report["errorMessage"].startswith("timed out after")
    if partial:
        assert report["branch"] == BRANCH
        assert report["headSha"] == git("rev-parse", BRANCH, cwd=origin)
        assert report["errorMessage"].endswith(f"; the work so far is on {BRANCH}")
        assert report["keptWork"] is None
        assert git("show", f"{BRANCH}:a", cwd=origin) == "1"
    else:
        assert report["branch"] is None
        assert report["keptWork"]["finished"] is False
        assert git("show", "refs/kept/work:a", cwd=unbundled(api, tmp, origin)) == "1"


def test_the_work_of_a_run_that_is_out_of_time_is_kept_where_its_push_is_refused(
    api: PlayedApi, tmp: Path, origin: Path
):
    refuse_pushes(origin)
    command = f"echo 1 > a; {asleep(tmp)}"

    report = do(api, tmp, job(command, origin, timeoutMinutes=9 / 60, repo={"pushPartial": True}))

    assert (report["errorClass"], report["branch"]) == ("timeout", None)
    assert report["keptWork"]["finished"] is False
    assert "signed commits only" in api.text
    assert git("show", "refs/kept/work:a", cwd=unbundled(api, tmp, origin)) == "1"


def test_the_work_of_a_run_at_its_turn_limit_is_pushed_with_its_cost(
    api: PlayedApi, tmp: Path, origin: Path, monkeypatch: pytest.MonkeyPatch
):
    end = {"type": "result", "subtype": "error_max_turns", "is_error": True, "num_turns": 4}
    put_program(tmp, "claude-code", json.dumps({**end, "total_cost_usd": 0.5}), "", monkeypatch)
    order = order_for("claude-code", origin)
    order["repo"]["pushPartial"] = True

    report = do(api, tmp, order)

    assert (report["outcome"], report["errorClass"]) == ("failed", "turn_limit")
    assert git("show", f"{BRANCH}:work.txt", cwd=origin) == "done"
    assert report["agent"]["costUsd"] == 0.5


def test_what_an_agent_cost_until_it_was_out_of_time_is_reported(
    api: PlayedApi, tmp: Path, origin: Path, monkeypatch: pytest.MonkeyPatch
):
    step = {"reason": "tool-calls", "cost": 0.25, "tokens": {"input": 5, "output": 2}}
    stream = json.dumps({"type": "step_finish", "sessionID": "s1", "part": step})
    put_program(tmp, "opencode", stream, "sleep 60 & wait\n", monkeypatch)

    report = do(api, tmp, order_for("opencode", origin, timeoutMinutes=9 / 60))

    assert report["errorClass"] == "timeout"
    assert (report["agent"]["costUsd"], report["agent"]["sessionId"]) == (0.25, "s1")


def test_the_work_of_an_agent_that_failed_is_kept(api: PlayedApi, tmp: Path, origin: Path):
    report = do(api, tmp, job("echo 1 > a; exit 3", origin, repo={"pushPartial": True}))

    assert (report["errorClass"], report["branch"]) == ("agent", None)
    assert report["keptWork"]["finished"] is False
    assert git("show", "refs/kept/work:a", cwd=unbundled(api, tmp, origin)) == "1"


def test_a_failure_without_a_change_keeps_nothing(api: PlayedApi, tmp: Path, origin: Path):
    report = do(api, tmp, job("exit 3", origin))

    assert report["errorClass"] == "agent"
    assert report["keptWork"] is None
    assert api.put == {}


def test_a_secret_in_the_work_leaves_a_redacted_patch_alone(
    api: PlayedApi, tmp: Path, origin: Path
):
    order = job('echo "key=$KEY" > config', origin, secrets={"KEY": SECRET})

    report = do(api, tmp, order)

    assert report["outcome"] == "failed"
    assert "KEY" in report["errorMessage"]
    assert set(api.put) == {"work.patch"}
    assert SECRET.encode() not in api.put["work.patch"][0]
    assert b"+key=***" in api.put["work.patch"][0]
    assert report["keptWork"]["finished"] is False
    assert git("branch", "--list", "optio/*", cwd=origin) == ""


def test_work_on_another_branch_is_kept_and_restored(api: PlayedApi, tmp: Path, origin: Path):
    two = f"echo 1 > a; git add a; {COMMIT} one; git checkout -q -b side HEAD^"
    command = f"{two}; echo 2 > b; git add b; {COMMIT} two; git checkout -q -b mine HEAD^"
    report = do(api, tmp, job(f"{command}; echo 3 > c", origin))
    assert report["outcome"] == "failed"
    assert report["keptWork"]["finished"] is False

    person = "-c user.name=a -c user.email=a@b"
    merge = f"git {person} merge -q -m joined $b && git update-ref -d $b"
    each = "for b in $(git for-each-ref --format='%(refname)' refs/heads/kept)"
    merged = again(api, tmp, origin, f"{each}; do {merge}; done")

    assert merged["outcome"] == "succeeded", api.text
    names = git("ls-tree", "--name-only", BRANCH, cwd=origin).split()
    assert names == ["README", "a", "b", "c"]


def test_an_agent_cannot_forge_a_bundle(api: PlayedApi, tmp: Path, origin: Path):
    forged = 'echo forged > "$OPTIO_OUTPUT/work.bundle"; echo fine > "$OPTIO_OUTPUT/a.txt"'

    report = do(api, tmp, job(f"{forged}; echo 1 > a", origin))

    assert [output["name"] for output in report["outputs"]] == ["a.txt"]
    assert set(api.put) == {"a.txt"}
    assert "work.bundle: its name is reserved" in api.text


def test_a_cancelled_job_keeps_nothing(api: PlayedApi, tmp: Path, origin: Path):
    api.jobs.append(job(f"echo 1 > a; echo on; {asleep(tmp)}", origin))
    runner = start(api, tmp, "--once")
    until(lambda: "on" in api.text.splitlines())

    api.beat_answer = (200, {"continue": False, "reason": "cancelled"})

    assert runner.wait(timeout=20) == 0
    assert api.put == {}
    assert api.reports[0]["keptWork"] is None


def bad_bundle(tmp: Path, origin: Path) -> bytes:
    """Return a bundle whose tree would write into the repository where it is checked out."""
    seed = tmp / "seed"
    base = git("rev-parse", "HEAD", cwd=seed)
    blob = git("hash-object", "-w", "README", cwd=seed)
    inner = git_input(seed, f"100644 blob {blob}\tpost-checkout\n", "mktree")
    entry = b"40000 .git\0" + bytes.fromhex(inner)
    tree = git_input(seed, entry, "hash-object", "-t", "tree", "-w", "--literally", "--stdin")
    commit = git("commit-tree", tree, "-p", base, "-m", "bad", cwd=seed)
    git("update-ref", "refs/heads/work", commit, cwd=seed)
    git("bundle", "create", "-q", str(tmp / "bad"), "refs/heads/work", f"^{base}", cwd=seed)
    return (tmp / "bad").read_bytes()


def git_input(cwd: Path, content: str | bytes, *arguments: str) -> str:
    data = content.encode() if isinstance(content, str) else content
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ("git", *arguments), cwd=cwd, env=environment, input=data, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


@pytest.mark.parametrize("kind", ["hostile", "broken", "gone"])
def test_a_bundle_that_git_does_not_accept_is_refused_before_the_agent(
    api: PlayedApi, tmp: Path, origin: Path, kind: str
):
    base = git("rev-parse", "main", cwd=origin)
    if kind != "gone":
        content = bad_bundle(tmp, origin) if kind == "hostile" else b"# v2 git bundle\nnonsense"
        api.put["work.bundle"] = content, "application/x-git-bundle"
    work = {"attempt": 1, "baseSha": base, "url": f"{api.url}/work.bundle", "finished": False}

    report = do(api, tmp, job("echo paid > paid", origin, attempt=2, repo={"work": work}))

    assert report["outcome"] == "failed"
    words = "read" if kind == "gone" else "unbundled"
    assert f"the kept work of attempt 1 cannot be {words}" in report["errorMessage"]
    assert report["errorClass"] == ("network" if kind == "gone" else "clone")
    assert git("branch", "--list", "optio/*", cwd=origin) == ""


def test_the_heading_of_a_long_refusal_is_in_the_message(api: PlayedApi, tmp: Path, origin: Path):
    words = "echo 'POLICY 17: no binaries' >&2; for i in $(seq 60); do echo line $i >&2; done"
    refuse_pushes(origin, words)

    report = do(api, tmp, job("echo 1 > a", origin))

    assert "POLICY 17: no binaries" in report["errorMessage"]
    assert "line 60" in report["errorMessage"]
    assert "pre-receive hook declined" in report["errorMessage"]


class Forge:
    """A forge over HTTP that answers the first pushes with a status of its choice."""

    def __init__(self, origin: Path, statuses: list[int]) -> None:
        forge = self
        self.pushes = 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.path.endswith("git-receive-pack") and self.command == "POST":
                    forge.pushes += 1
                    if statuses:
                        self.send_response(statuses.pop(0))
                        self.send_header("Content-Length", "0")
                        self.end_headers()
                        return
                head, _, content = served(self, body, origin).partition(b"\r\n\r\n")
                fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
                self.send_response(int(fields.pop("Status", "200")[:3]))
                for name, value in {**fields, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        git("config", "http.receivepack", "true", cwd=origin)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/origin.git"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def forge(request: pytest.FixtureRequest, origin: Path) -> Iterator[Forge]:
    forge = Forge(origin, list(request.param))
    yield forge
    forge.close()


@pytest.mark.parametrize("forge", [[503]], indirect=True)
def test_a_push_that_does_not_get_through_is_tried_again_without_the_agent(
    api: PlayedApi, tmp: Path, origin: Path, forge: Forge
):
    repo = {"url": forge.url, "plainHttp": True}

    report = do(api, tmp, job(f"echo 1 > a; echo 1 >> {tmp}/paid", origin, repo=repo))

    assert report["outcome"] == "succeeded", api.text
    assert forge.pushes == 2
    assert "trying the push again" in api.text


@pytest.mark.parametrize("forge", [[413]], indirect=True)
def test_a_push_that_is_too_large_is_refused_and_not_a_matter_of_the_network(
    api: PlayedApi, tmp: Path, origin: Path, forge: Forge
):
    repo = {"url": forge.url, "plainHttp": True}

    report = do(api, tmp, job("echo 1 > a", origin, repo=repo))

    assert (report["errorClass"], report["transient"]) == ("push", False)
    assert "413" in report["errorMessage"]
    assert report["keptWork"]["finished"] is True
    assert forge.pushes == 1


def test_a_patch_that_cannot_be_cleaned_is_left_out():
    with pytest.raises(FileLeftOut):
        clean_content(b"\xff" + SECRET.encode(), Redactor([SECRET]))


def test_the_patch_is_kept_where_the_bundle_cannot_be_made(tmp_path: Path):
    job = Job(tmp_path / "job", make_origin(tmp_path, {"README": "hello\n"}))
    job.agent("echo work > made")
    snapshot = job.scan([])
    broken = replace(snapshot, forge_commits=("0" * 39 + "1",))

    kept = kept_work.pack_work(job.git, broken, (), finished=True)

    assert [output.name for output in kept.files] == ["work.patch"]
    assert b"+work" in next(iter(kept.files.values()))
    assert any(notice.startswith("work.bundle is not kept: ") for notice in kept.notices)


class SlowFiles(WorkDelivery):
    """A delivery whose files cannot be read in time."""

    def take_snapshot(self, seconds: float = 0.0, *, reads_files: bool = True) -> Snapshot | None:
        assert isinstance(self.job_directory, Job)
        if reads_files:
            raise Overrun("push", "git did not end within 30 s")
        return self.job_directory.take(reads_files=False)


def test_commits_are_kept_where_the_files_keep_git_waiting(tmp_path: Path):
    job = Job(tmp_path / "job", make_origin(tmp_path, {"README": "hello\n"})).setup()
    job.run("echo work > made; git add made; git commit -qm made; echo more > more")
    parts: dict[str, Any] = dict.fromkeys(("order", "confirm", "renewed", "environment"))
    parts |= {"job_directory": job, "control": job.git.control, "log": job.log, "git": job.git}
    parts |= {"repo": job.repo, "start": job.start, "state": job.state}
    delivery = SlowFiles(**parts, result=JobResult(), scanned=())

    delivery.keep_work(Overrun("push", "git did not end within 600 s"))

    assert delivery.result.packed_work is not None
    assert [output.name for output in delivery.result.packed_work.files] == [
        "work.bundle",
        "work.patch",
    ]
    assert "the agent's commits are kept" in job.text


def test_what_tests_do_to_the_snapshot_is_in_no_kept_file(tmp_path: Path):
    job = Job(tmp_path / "job", make_origin(tmp_path, {"README": "hello\n"}))
    snapshot = job.agent("echo work > made; git tag kept $(git commit-tree HEAD: -p HEAD -m kept)")
    assert snapshot is not None
    repository = snapshot.repository
    blob = git_input(repository, "forged", "hash-object", "-w", "--stdin")
    entry = f"100644 blob {blob}\tforged\n"
    tree = git_input(repository, entry, "mktree")
    commit = git("commit-tree", tree, "-p", snapshot.head, "-m", "forged", cwd=repository)
    git("update-ref", "refs/heads/work", commit, cwd=repository)
    (repository / "shallow").write_text(f"{snapshot.head}\n")

    kept = kept_work.pack_work(job.git, snapshot, (), finished=True)

    bundle = tmp_path / "work.bundle"
    bundle.write_bytes(next(data for file, data in kept.files.items() if "bundle" in file.name))
    heads = git("bundle", "list-heads", str(bundle), cwd=job.origin)
    assert f"{snapshot.head} refs/heads/work" in heads
    assert commit not in heads
    git("fetch", "-q", str(bundle), "refs/heads/work:refs/heads/kept", cwd=job.origin)
    assert git("show", "kept:made", cwd=job.origin) == "work"


@pytest.mark.parametrize(
    "on_branch, stat",
    [
        pytest.param(["work"], "1 file changed", id="the work"),
        pytest.param(["work", "later"], "2 files changed", id="the work and more"),
        pytest.param(["other"], None, id="something else"),
    ],
)
def test_kept_work_is_pushed_where_the_branch_contains_it(
    tmp_path: Path, on_branch: list[str], stat: str | None
):
    origin = make_origin(tmp_path, {"README": "hello\n"})
    first = Job(tmp_path / "first", origin)
    snapshot = first.agent("echo work > made")
    assert snapshot is not None
    kept = kept_work.pack_work(first.git, snapshot, (), finished=True)
    bundle = tmp_path / "work.bundle"
    bundle.write_bytes(next(data for file, data in kept.files.items() if "bundle" in file.name))
    if "work" in on_branch:
        first.push()
    for name in {"later", "other"} & set(on_branch):
        commit_on(tmp_path / "seed", BRANCH if "work" in on_branch else "main", name)
    second = Job(tmp_path / "second", origin, continues=True)
    work = EarlierWork(attempt=1, base_sha=kept.base_sha, url="")
    begin = partial(kept_work.begin_at_base, second.git, second.repo, second.workspace)

    if stat is None:
        with pytest.raises(JobFailed, match="has other commits by now"):
            begin(second.start, work, bundle)
    else:
        start = begin(second.start, work, bundle)
        assert start.base_sha == git("rev-parse", BRANCH, cwd=origin)
        assert (start.pushed_stat or "").startswith(stat)
