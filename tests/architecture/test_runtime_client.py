"""Every function of the package works under AWS's own runtime client, confined as in Lambda.

The events are those that AWS and others publish, as they are and with what a stage sends in them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib.util
import json
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app import app
from benchmarks.gateway import SECRET, Api, blueprint, webhook_trigger
from benchmarks.stage import Stage, stage
from tests.support.built_package import built_package
from tests.support.runtime_api import NOBODY, confined, running_function
from tests.support.shared import shared

CLIENT = ("awslambdaric", "snapshot_restore_py", "simplejson", "runtime_client")
"""The modules of the client: Lambda has them in a folder of its own."""
LATIN = '{"title": "été"}'.encode("latin-1")
NOTHING = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Place:
    """The unpacked package beside the client, its functions, and a stage for their calls."""

    package: Path
    client: Path
    functions: dict[str, Any]
    stage: Stage

    def answers(self, name: str, *events: object) -> list[Any]:
        """Return what a function answers to these events, in one process as on AWS."""
        function = self.functions[name]
        variables = {
            **{key: str(text) for key, text in function["Environment"]["Variables"].items()},
            **self.stage.environment,
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function["MemorySize"]),
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
        }
        handler = function["Handler"]
        with running_function(self.package, self.client, handler, variables) as api:
            told = [api.ask(event) for event in events]
        assert [kind for kind, _ in told] == ["response"] * len(events), told
        return [answer for _, answer in told]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    built = built_package(tmp_path_factory)
    functions = {
        name: part["Properties"]
        for name, part in json.loads((built / "sam.json").read_text())["Resources"].items()
        if part["Type"] == "AWS::Serverless::Function"
    }
    folder = Path(tempfile.mkdtemp(prefix="optio-lambda-"))
    try:
        package, client = folder / "task", folder / "runtime"
        with zipfile.ZipFile(built / "deployment.zip") as archive:
            archive.extractall(package)
        _copy_client(client)
        with stage() as emulated:
            yield Place(package, client, functions, emulated)
    finally:
        shutil.rmtree(folder)


def _copy_client(target: Path) -> None:
    target.mkdir()
    for name in CLIENT:
        found = importlib.util.find_spec(name)
        assert found
        assert found.origin
        source = Path(found.origin)
        if found.submodule_search_locations:
            shutil.copytree(source.parent, target / name, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(source, target / source.name)


def published(name: str) -> Any:
    return json.loads(shared("lambda-events", name).read_text())


def request(
    method: str, resource: str, path: str, body: bytes = b"", **headers: str
) -> dict[str, Any]:
    """Return the published event of a request, sent to another path."""
    event: dict[str, Any] = published("pt-apiGatewayProxyEvent.json")
    context = {"httpMethod": method, "resourcePath": resource, "path": f"/api{path}"}
    named = zip(resource.split("/"), path.split("/"), strict=True)
    return event | {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": event["headers"] | headers,
        "requestContext": event["requestContext"] | context,
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {key[1:-1]: part for key, part in named if key.startswith("{")} or None,
        "body": base64.b64encode(body).decode() or None,
        "isBase64Encoded": bool(body),
    }


def queued(*bodies: dict[str, str]) -> dict[str, Any]:
    """Return the published event of a queue, with these messages."""
    record = published("pt-sqsEvent.json")["Records"][0]
    return {
        "Records": [
            record | {"messageId": f"message {number}", "body": json.dumps(body)}
            for number, body in enumerate(bodies)
        ]
    }


INTRUDER = """
import os
tried = {}
for path in ("/var/task/new", "/var/task/app.py", "/var/runtime/new", "/etc/new", "/tmp/new"):
    try:
        open(path, "a").close()
        tried[path] = True
    except OSError:
        tried[path] = False
print(os.getuid(), [path for path, done in tried.items() if done])
try:
    import pytest
except ImportError:
    print("nothing else")
"""


def test_a_function_can_write_to_its_temporary_folder_alone_and_import_the_package_alone(
    place: Place,
):
    program = confined(place.package, place.client, ["-c", INTRUDER])
    done = subprocess.run(program, env={}, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == [f"{NOBODY} ['/tmp/new']", "nothing else"]


def test_every_function_has_its_test_here(place: Place):
    tested = {"APIHandler", "Tick", "Settle", *QUEUED}
    assert tested == set(place.functions)
    assert len(tested) == len(app.event_sources) + 1


def test_the_api_answers_published_requests_and_bodies_of_bytes(place: Place):
    Api(app, place.stage.admin_key()).post("/api/tasks", blueprint(webhook_trigger("lambda")))
    signature = hmac.new(SECRET.encode(), LATIN, hashlib.sha256).hexdigest()
    latin = {"Content-Type": "application/json; charset=latin1", "X-Optio-Signature": signature}
    hook = ("POST", "/api/hooks/{path}", "/api/hooks/lambda")
    answers = place.answers(
        "APIHandler",
        published("pt-apiGatewayProxyEvent.json"),
        published("go-apigw-request.json"),
        published("go-apigw-restapi-openapi-request.json"),
        request("GET", "/api/health", "/api/health"),
        request("HEAD", "/api/health", "/api/health"),
        request("GET", "/login", "/login"),
        request(*hook, LATIN, **latin),
        request(*hook, LATIN + b" ", **latin),
    )
    assert [answer["statusCode"] for answer in answers] == [404, 404, 404, 200, 200, 200, 202, 401]
    assert not any(answer.get("isBase64Encoded") for answer in answers)
    health, head, page, *_ = answers[3:]
    assert json.loads(health["body"])["status"]
    assert (head["body"], head["headers"]) == ("", health["headers"])
    assert page["headers"]["Content-Type"].startswith("text/html")


QUEUED = {
    "Fire": {"step": "fire", "triggerId": NOTHING, "definitionId": NOTHING},
    "Advance": {"step": "run", "runId": NOTHING},
    "Consult": {"step": "consult", "runId": NOTHING},
    "Notify": {"step": "deliver", "webhookId": NOTHING, "place": "nowhere"},
}


@pytest.mark.parametrize("name", QUEUED)
def test_a_step_takes_its_messages_and_returns_those_that_it_cannot_read(place: Place, name: str):
    strange = [published("pt-sqsEvent.json"), published("go-sqs-event.json")]
    mixed = queued(QUEUED[name], {"step": "dance"})
    answers = place.answers(name, queued(QUEUED[name]), mixed, *strange)
    failed = [
        [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] for answer in answers
    ]
    ids = [[record["messageId"] for record in event["Records"]] for event in strange]
    assert failed == [[], ["message 1"], *ids]


def test_the_tick_and_the_end_of_a_build_take_published_events(place: Place):
    assert place.answers("Tick", published("pt-eventBridgeEvent.json")) == [None]
    assert place.answers("Settle", published("go-codebuild-state-change.json")) == [None]
