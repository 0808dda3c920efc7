"""An agent hunts for the git token, for the runner's and for other jobs' files, and finds none."""

from __future__ import annotations

import base64
import json
import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from chalicelib.runner.sandbox.job_users import FIRST_UID, UID_COUNT
from tests.support.fake_runner_api import PYTHON, TOKEN, PlayedApi, do, git, job, start, until
from tests.support.private_forge import served

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run jobs as another user")
GIT_TOKEN = "ghp_canary0token0of0git"

HUNT = r"""
import glob, os, sys
needle = sys.argv[1][::-1].encode()
looked, found = 0, []
for pattern in ("environ", "cmdline", "mem", "fd/*", "cwd/*", "root/run/optio*/*"):
    for name in glob.glob("/proc/[0-9]*/" + pattern):
        if f"/proc/{os.getpid()}/" in name or name.endswith("mem"):
            continue
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK)
            looked += 1
            if needle in os.read(descriptor, 1 << 20):
                found.append(name)
            os.close(descriptor)
        except OSError:
            pass
above = os.getcwd()
for start in (os.environ["HOME"], os.path.dirname(above), os.path.dirname(os.path.dirname(above))):
    for folder, _, names in os.walk(start):
        for name in names:
            try:
                with open(os.path.join(folder, name), "rb") as stream:
                    looked += 1
                    if needle in stream.read(1 << 20):
                        found.append(os.path.join(folder, name))
            except OSError:
                pass
print("looked at", looked > int(sys.argv[2]), "found", found)
"""


def hunt(tmp: Path, least: int, leaves: str) -> str:
    (tmp / "hunt.py").write_text(HUNT)
    return f"{PYTHON} {tmp}/hunt.py {GIT_TOKEN[::-1]} {least}; echo changed > {leaves}"


@pytest.fixture
def forge(tmp: Path, origin: Path) -> Iterator[str]:
    """The origin behind git's own HTTP server, for holders of the token."""
    git("config", "http.receivepack", "true", cwd=origin)
    wanted = "Basic " + base64.b64encode(f"x-access-token:{GIT_TOKEN}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if self.headers.get("Authorization") == wanted:
                head, _, content = served(self, body, origin).partition(b"\r\n\r\n")
                fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
                self.send_response(int(fields.pop("Status", "200").split()[0]))
            else:
                content, fields = b"", {"WWW-Authenticate": 'Basic realm="forge"'}
                self.send_response(401)
            for name, value in {**fields, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/origin.git"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("sandbox, least", [("auto", 5), ("off", 20)])
def test_the_token_clones_and_pushes_and_the_agent_finds_it_nowhere(
    api: PlayedApi, tmp: Path, origin: Path, forge: str, sandbox: str, least: int
):
    order = job(
        hunt(tmp, least, "changed"),
        origin,
        repo={
            "url": forge,
            "plainHttp": True,
            "token": GIT_TOKEN,
            "setupCommands": hunt(tmp, least, "prepared"),
        },
    )

    report = do(api, tmp, order, "--sandbox", sandbox)

    assert report["outcome"] == "succeeded", report["errorMessage"]
    assert git("show", f"{report['branch']}:changed", cwd=origin) == "changed"
    assert api.text.count("looked at True found []") == 2
    assert GIT_TOKEN not in json.dumps([api.beats, report, *api.lines.values()])


def test_a_wrong_token_fails_as_a_credential(api: PlayedApi, tmp: Path, origin: Path, forge: str):
    repo = {"url": forge, "plainHttp": True, "token": "ghp_another"}
    report = do(api, tmp, job("true", origin, repo=repo))

    assert (report["stage"], report["errorClass"]) == ("clone", "credential")


@ROOT_ONLY
def test_setup_and_agent_of_a_root_runner_are_nobody_with_no_way_up(
    api: PlayedApi, tmp: Path, origin: Path
):
    show = "id -u; id -g; id -G; grep NoNewPrivs /proc/self/status; cat .git/config > /dev/null"

    do(api, tmp, job(show, origin, repo={"setupCommands": show}))

    words = api.text.split()
    numbers = [int(word) for word in words if word.isdigit() and int(word) >= 1000]
    assert len(numbers) == 6
    assert len(set(numbers)) == 1
    assert FIRST_UID <= numbers[0] < FIRST_UID + UID_COUNT
    assert words.count("NoNewPrivs:") == 2
    assert "NoNewPrivs:\t1" in api.text


@pytest.mark.parametrize("sandbox", ["auto", "off"])
@ROOT_ONLY
def test_a_tree_is_checked_out_without_the_rights_of_root(
    api: PlayedApi, tmp: Path, origin: Path, sandbox: str
):
    """Git's index records the user who wrote each file, regardless of its owner since."""
    show = "git ls-files --debug; echo agent $(id -u)"

    do(api, tmp, job(show, origin), "--sandbox", sandbox)

    (agent,) = re.findall(r"agent (\d+)", api.text)
    writers = re.findall(r"uid: (\d+)", api.text)
    assert set(writers) == {agent}
    assert FIRST_UID <= int(agent) < FIRST_UID + UID_COUNT


@pytest.mark.parametrize("sandbox", ["auto", "off"])
@ROOT_ONLY
def test_two_jobs_at_once_cannot_read_each_other(api: PlayedApi, tmp: Path, sandbox: str):
    (tmp / "meet").mkdir()
    (tmp / "meet").chmod(0o777)
    wait = f"touch {tmp}/meet/$N; until [ $(ls {tmp}/meet | wc -l) = 2 ]; do sleep 0.1; done"
    read = f"for d in {tmp}/jobs/*; do cat $d/home/mine $d/prompt.md; done; cat /proc/*/environ"
    look = f"{wait}; {{ {read}; }} 2>/dev/null; sleep 1"
    mine = 'echo "secret of $N" | tr a-z A-Z > "$HOME/mine"'
    api.jobs += [
        job(f"{mine}; {look}", environment={"N": name}, prompt=f"prompt of {name}")
        for name in ("one", "two")
    ]
    runner = start(api, tmp, "--concurrency", "2", "--sandbox", sandbox)
    until(lambda: len(api.reports) == 2)
    runner.terminate()
    runner.wait(timeout=15)

    summaries = [report["resultSummary"] or report["errorMessage"] for report in api.reports]
    for one in summaries:
        assert ("SECRET OF ONE" in one) != ("SECRET OF TWO" in one)
        assert ("prompt of one" in one) != ("prompt of two" in one)
    assert TOKEN not in api.text


@ROOT_ONLY
def test_links_to_what_only_the_runner_may_read_lead_nowhere(
    api: PlayedApi, tmp: Path, origin: Path
):
    closed = tmp / "closed"
    git("clone", "-q", str(origin), str(closed), cwd=tmp)
    closed.chmod(0o700)
    (closed / "private").write_text("private words")
    git("add", ".", cwd=closed)
    git("commit", "-qm", "private", cwd=closed)
    sha = git("rev-parse", "HEAD", cwd=closed)
    trap = (
        f"rm -rf .git/objects && ln -s {closed}/.git/objects .git/objects; echo {sha} > .git/HEAD"
    )

    report = do(api, tmp, job(trap, origin))

    assert report["outcome"] == "failed"
    assert report["errorClass"] == "agent"
    assert git("branch", "--list", "optio/*", cwd=origin) == ""


@ROOT_ONLY
def test_settings_are_written_through_no_link_that_setup_left(
    api: PlayedApi, tmp: Path, origin: Path
):
    (tmp / "victim").mkdir()
    binary = tmp / "bin" / "gemini"
    binary.parent.mkdir()
    binary.write_text("#!/bin/sh\nexit 0\n")
    binary.chmod(0o755)
    order = job(
        "",
        origin,
        agent={"type": "gemini"},
        environment={"PATH": f"{binary.parent}:{os.environ['PATH']}"},
        repo={"setupCommands": f'ln -s {tmp}/victim "$HOME/.gemini"'},
    )

    report = do(api, tmp, order)

    assert list((tmp / "victim").iterdir()) == []
    assert report["errorClass"] == "setup"
    assert "left no place for the agent's settings" in report["errorMessage"]
