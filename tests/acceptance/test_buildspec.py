"""The buildspec, run by a shell in an empty directory from the package."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from chalicelib.settings import settings
from infra.package import resources
from tests.conftest import Stage
from tests.support.build_account import Account
from tests.support.built_package import built_package


@contextmanager
def served(stage: Stage) -> Iterator[str]:
    """Serve a stage over loopback, one request at a time."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            with lock:
                status, answer = stage.call("POST", self.path, body, token=token)
            text = json.dumps(answer).encode() if answer is not None else b""
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def spec() -> dict[str, Any]:
    project = resources.template()["Resources"]["RunnerProject"]["Properties"]
    found: dict[str, Any] = json.loads(project["Source"]["BuildSpec"])
    return found


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the unpacked deployment artefact, as CodeBuild unpacks its source."""
    source = tmp_path_factory.mktemp("codebuild")
    with zipfile.ZipFile(built_package(tmp_path_factory) / "deployment.zip") as archive:
        archive.extractall(source)
    return source


def run_spec(source: Path, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    home.mkdir()
    commands = [c for phase in spec()["phases"].values() for c in phase["commands"]]
    return subprocess.run(
        ["sh", "-e", "-c", "\n".join(commands)],
        cwd=source,
        env={"PATH": os.environ["PATH"], "HOME": str(home), **variables},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_the_buildspec_does_the_job_of_the_run_that_it_was_started_for(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, package: Path, tmp_path: Path
):
    account = Account()
    monkeypatch.setitem(settings.__dict__, "runner", "codebuild")
    account.plug_in()
    command = 'echo "built by $(whoami)"; test -z "$OPTIO_RUNNER_TOKEN"'
    body = {"name": "R", "prompt": "Go.", "agentType": "command", "agentCommand": command}
    task = stage.ok("POST", "/api/tasks", {**body, "type": "standalone"})["task"]["id"]
    run = stage.ok("POST", f"/api/tasks/{task}/runs", {})["runId"]
    stage.settle()
    variables = {
        one["name"]: one["value"] for one in account.asked[0]["environmentVariablesOverride"]
    }

    with served(stage) as url:
        done = run_spec(
            package, tmp_path / "home", OPTIO_URL=url, CODEBUILD_BUILD_ID="p:1", **variables
        )

    assert done.returncode == 0, done.stderr
    shown = stage.ok("GET", f"/api/tasks/{run}")["task"]
    assert shown["state"] == "completed", (shown["errorMessage"], done.stderr)
    assert shown["attempts"][0]["runner"] == "p:1"
    said = [line["content"] for line in stage.ok("GET", f"/api/tasks/{run}/logs")["logs"]]
    assert any("built by" in content for content in said)
    assert account.token() not in done.stdout + done.stderr


def test_an_image_without_a_python_that_will_do_says_so(package: Path, tmp_path: Path):
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "sh").symlink_to("/bin/sh")
    done = run_spec(package, tmp_path / "home", PATH=str(tools))
    assert done.returncode == 1
    assert "no Python 3.11 or newer" in done.stderr


def test_a_build_may_write_its_log_and_read_its_source_and_images_of_the_account():
    role = resources.template()["Resources"]["RunnerRole"]["Properties"]
    (policy,) = role["Policies"]
    allowed = {
        action: json.dumps(statement["Resource"])
        for statement in policy["PolicyDocument"]["Statement"]
        for action in statement["Action"]
    }
    assert set(allowed) == {
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetAuthorizationToken",
        "ecr:GetDownloadUrlForLayer",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:GetObjectVersion",
    }
    assert allowed.pop("ecr:GetAuthorizationToken") == '"*"'  # it names no resource
    parts = {"s3": "-code/", "ecr": "${AWS::AccountId}:repository/*"}
    for action, resource in allowed.items():
        assert parts.get(action.partition(":")[0], settings.build_project) in resource
