"""Nothing that is sent is without a bound, and what is over one is refused by its name."""

from __future__ import annotations

import ast
import copy
import itertools
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.domain import limits
from chalicelib.storage.dynamo import connection
from tests.conftest import Stage

ROOT = Path(__file__).resolve().parents[2]
BOUNDED = ("uuid", "date-time")
"""Formats whose values have a length of their own."""


@pytest.fixture
def document(stage: Stage) -> dict[str, Any]:
    body: dict[str, Any] = stage.ok("GET", "/api/openapi.json")
    return body


class Bodies:
    """The schemas of a document, by what they refer to."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def whole(self, schema: Any) -> Any:
        while isinstance(schema, dict) and "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema

    def all(self) -> Iterator[tuple[str, str, Any]]:
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                content = operation.get("requestBody", {}).get("content", {})
                for kind in content.values():
                    for one in self.kinds(kind["schema"]):
                        yield method.upper(), path, one

    def kinds(self, schema: Any) -> list[Any]:
        """Return a schema, or those that it is one of."""
        found = self.whole(schema)
        if "discriminator" in found:
            return [self.whole(one) for one in found["oneOf"]]
        return [found]

    def parts(self, schema: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
        """Yield each schema of a value within a body, with the way to it."""
        found = self.whole(schema)
        for one in found.get("anyOf", [found]) if "properties" not in found else [found]:
            one = self.whole(one)
            yield at, one
            for name, inner in one.get("properties", {}).items():
                yield from self.parts(inner, (*at, name))
            if "items" in one and "oneOf" not in self.whole(one["items"]):
                yield from self.parts(one["items"], (*at, "0"))
            if isinstance(one.get("additionalProperties"), dict):
                yield from self.parts(one["additionalProperties"], (*at, "KEY"))


def bounded(schema: dict[str, Any]) -> bool:
    kind = schema.get("type")
    if kind == "string":
        named = schema.get("format") in BOUNDED
        return named or bool({"maxLength", "enum", "const"} & schema.keys())
    if kind == "array":
        return "maxItems" in schema
    closed = schema.get("additionalProperties") is False
    return kind != "object" or closed or "maxProperties" in schema


def test_every_text_list_and_object_that_is_sent_has_a_bound(document: dict[str, Any]):
    bodies = Bodies(document)
    unbounded = []
    for method, path, body in bodies.all():
        for at, schema in bodies.parts(body):
            if at and not bounded(schema):
                unbounded.append((method, path, ".".join(at)))
    assert unbounded == []
    assert len(list(bodies.all())) > 15


def test_every_parameter_has_a_bound(document: dict[str, Any]):
    for path, methods in document["paths"].items():
        for operation in methods.values():
            for one in operation["parameters"]:
                schema = one["schema"]
                bound = {"maxLength", "enum", "maximum"} & schema.keys()
                assert bound or schema.get("format") in BOUNDED, (path, one["name"])


def over(schema: dict[str, Any]) -> Any:
    """Return a value that is a little larger than `schema` allows, None where it has no bound."""
    if schema.get("type") == "string" and "maxLength" in schema:
        return "a" * (schema["maxLength"] + 1)
    if schema.get("type") == "array" and "maxItems" in schema:
        return ["a" * 20] * (schema["maxItems"] + 1)
    if schema.get("type") == "object" and "maxProperties" in schema:
        return {f"A{number}": "$.x" for number in range(schema["maxProperties"] + 1)}
    return None


def put(body: Any, at: tuple[str, ...], value: Any) -> Any:
    """Return `body` with `value` at a place of it, and what has to be around it."""
    head, *rest = at
    inner = put({} if rest and rest[0] != "0" else [], tuple(rest), value) if rest else value
    if head == "0":
        return [inner]
    if rest and isinstance(body, dict) and isinstance(body.get(head), dict):
        inner = put(body[head], tuple(rest), value)
    return {**(body or {}), head: inner}


def test_what_is_over_a_bound_is_refused_with_its_field(stage: Stage, document: dict[str, Any]):
    blueprint = {
        "type": "standalone",
        "name": "N",
        "prompt": "P",
        "triggers": [{"type": "manual"}],
    }
    made = stage.ok("POST", "/api/tasks", blueprint)
    ids = {
        "task_id": made["task"]["id"],
        "trigger_id": made["triggers"][0]["id"],
        "repo": stage.ok("POST", "/api/repos", {"repoUrl": "acme/web"})["repo"]["id"],
        "template_id": stage.ok("POST", "/api/prompt-templates", {"name": "T", "template": "t"})[
            "promptTemplate"
        ]["id"],
        "name": "TOKEN",
    }
    config = {**blueprint, "type": "repo-blueprint", "repoUrl": "acme/web"}
    with_repo = stage.ok("POST", "/api/tasks", config)
    of_config = {
        "task_id": with_repo["task"]["id"],
        "trigger_id": with_repo["triggers"][0]["id"],
    }
    hook = stage.ok("POST", "/api/webhooks", {"url": "https://hooks.example.com/a"})
    ids["webhook_id"] = hook["webhook"]["id"]
    linear = {"source": "linear", "credential": "of tests"}
    ids["provider_id"] = stage.ok("POST", "/api/tickets/providers", linear)["provider"]["id"]
    bodies, tried = Bodies(document), 0
    for method, path, schema in bodies.all():
        example = schema["examples"][0]
        known = ids | (of_config if path.startswith("/api/task-configs") else {})
        called = re.sub(r"{(\w+)}", lambda found, known=known: known[found[1]], path)
        token = "optio_pat_runner" if path.startswith("/api/runner") else "optio_pat_test"
        for at, part in bodies.parts(schema):
            value = over(part)
            if value is None or not at:
                continue
            field = ".".join(at)
            body = put(copy.deepcopy(example), at, value)
            status, answer = stage.call(method, called, body, token=token)
            fields = [fault["field"] for fault in (answer or {}).get("details", ())]
            assert status == 400, (method, path, field, status, answer)
            assert any(one.startswith(field.replace(".KEY", "")) for one in fields), (field, answer)
            tried += 1
    assert tried > 60


def test_a_request_holds_at_most_1_mib(stage: Stage):
    body = json.dumps({"params": {"a": "x" * limits.MAX_BODY_BYTES}}).encode()
    for path in ("/api/tasks", "/api/hooks/some", "/api/webhooks/github"):
        assert stage.call("POST", path, body)[0] == 413


@pytest.mark.parametrize("name", ["cursor", "limit"])
def test_what_is_asked_for_is_bounded(stage: Stage, name: str):
    long = "1" * (limits.MAX_CURSOR_LENGTH + 1)
    status, answer = stage.call("GET", f"/api/tasks?{name}={long}")
    assert (status, answer["details"][0]["field"]) == (400, name)


def test_the_page_of_limits_has_each_of_them():
    tree = ast.parse((ROOT / "chalicelib" / "domain" / "limits.py").read_text())
    nodes = tree.body
    told = []
    for node, after in itertools.pairwise(nodes):
        if isinstance(node, ast.Assign):
            assert isinstance(node.targets[0], ast.Name)
            assert isinstance(after, ast.Expr), f"{node.targets[0].id} is not explained"
            words = ast.literal_eval(after.value)
            most = getattr(limits, node.targets[0].id)
            told.append(f"| {most:,} | {words} |")
    page = (ROOT / "docs" / "reference" / "limits.md").read_text().splitlines()
    assert [line for line in page if re.match(r"\| \d", line)] == told


@pytest.mark.parametrize(
    "path, body",
    [
        pytest.param("/api/tasks", {"type": "standalone", "name": "x", "prompt": "p"}, id="task"),
        pytest.param("/api/repos", {"repoUrl": "acme/web"}, id="repo"),
    ],
)
def test_what_is_too_big_altogether_is_refused_with_its_size(
    stage: Stage, path: str, body: dict[str, Any]
):
    variables = {f"A{number}": "é" * 4096 for number in range(50)}
    big = json.dumps({**body, "environment": variables}, ensure_ascii=False).encode()

    status, answer = stage.call("POST", path, big)

    assert status == 400
    assert re.match(r"this has 4[01]\d,\d{3} bytes .* at most 409,600", answer["error"])


def test_a_trigger_or_a_template_that_is_too_big_is_refused(stage: Stage):
    task = {"type": "standalone", "name": "x", "prompt": "p", "agentType": "command"}
    made = stage.ok("POST", "/api/tasks", {**task, "agentCommand": "true"})["task"]
    config = {"cronExpression": "0 9 * * *"}
    trigger = {"type": "schedule", "config": config, "paramMapping": {"a": "e" * 500_000}}
    assert stage.call("POST", f"/api/tasks/{made['id']}/triggers", trigger)[0] == 400

    small = {"name": "t", "template": "p"}
    shared = stage.ok("POST", "/api/prompt-templates", small)["promptTemplate"]["id"]
    schema = {"type": "object", "description": "e" * 500_000}
    change = {"paramsSchema": schema}
    assert stage.call("PATCH", f"/api/prompt-templates/{shared}", change)[0] == 400
    assert stage.call("POST", "/api/prompt-templates", {**small, "name": "u", **change})[0] == 400


@pytest.fixture
def looked_for(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that a table is asked for: AWS refuses long ones, and emulators find nothing."""
    texts: list[str] = []
    real = connection.SharedConnection._make_api_call

    def told(value: Any) -> Iterator[str]:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            if key == "S":
                yield inner
            elif isinstance(inner, dict | list):
                yield from told(inner)

    def call(self: Any, operation: str, given: Any) -> Any:
        if operation in ("GetItem", "BatchGetItem", "Query"):
            texts.extend(told(given))
        return real(self, operation, given)

    monkeypatch.setattr(connection.SharedConnection, "_make_api_call", call)
    return texts


@pytest.mark.parametrize(
    "path", ["/api/tasks", "/api/prompt-templates", "/api/auth/api-keys", "/api/activity"]
)
def test_a_cursor_that_is_longer_than_any_key_is_refused(
    stage: Stage, looked_for: list[str], path: str
):
    assert stage.call("GET", f"{path}?cursor={quote('é' * 600)}")[0] == 400
    assert max(map(len, looked_for)) < 100


def test_nothing_is_found_under_a_name_that_is_longer_than_any_key(
    stage: Stage, looked_for: list[str]
):
    assert stage.call("POST", f"/api/hooks/{'a' * 2049}", {})[0] == 404
    assert stage.ok("GET", f"/api/activity?object={quote('€' * 1000)}")["activity"] == []
    assert max(map(len, looked_for)) < 100


def test_a_length_is_that_of_what_was_sent_and_what_is_kept_has_no_space_around(stage: Stage):
    name = "n" * (limits.MAX_NAME_LENGTH - 2)
    made = stage.ok("POST", "/api/prompt-templates", {"name": f" {name}\n", "template": "t"})
    assert made["promptTemplate"]["name"] == name
    for wrong in (f"  {name}\n", "\u0085 \t"):
        status, told = stage.call("POST", "/api/prompt-templates", {"name": wrong, "template": "t"})
        assert (status, [one["field"] for one in told["details"]]) == (400, ["name"])


def test_what_a_request_has_checked_is_checked_before_the_gateway_gives_up(stage: Stage):
    task = {"type": "standalone", "name": "N"}
    schema = {"properties": {f"a{number}": {} for number in range(900)}}
    begun = time.process_time()
    prompts = [{**task, "prompt": f"{number}{'{{a}}' * 1900}"} for number in range(100)]
    assert stage.call("POST", "/api/checks", {"tasks": prompts})[0] == 200
    schemas = [{**task, "prompt": "P", "paramsSchema": schema}] * 60
    status, refused = stage.call("POST", "/api/checks", {"tasks": schemas})

    assert (status, refused["details"][0]["field"]) == (400, "paramsSchema")
    assert time.process_time() - begun < 12


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({f"k{number}": 1 for number in range(80_000)}, id="fields"),
        pytest.param({"secrets": ["-"] * 150_000}, id="a list"),
        pytest.param({"environment": {f"-{number}": 1 for number in range(60_000)}}, id="a map"),
        pytest.param({"triggers": [{}] * 200_000}, id="triggers"),
        pytest.param({"a." * 400_000: 1, "b." * 50_000: 1}, id="long names"),
    ],
)
def test_very_many_faults_are_told_before_the_gateway_gives_up(stage: Stage, body: dict[str, Any]):
    begun = time.process_time()
    status, answer = stage.call("POST", "/api/tasks", {"name": "N", "prompt": "P", **body})

    assert status == 400
    assert 0 < len(answer["details"]) <= limits.MAX_FAULTS
    assert time.process_time() - begun < 8


@pytest.mark.parametrize(
    "path, field, more",
    [
        ("/api/tasks", "agentCommand", {"agentCommand": "a\0b"}),
        ("/api/tasks", "model", {"model": "a\0b"}),
        ("/api/tasks", "environment.A", {"environment": {"A": "x\0y"}}),
        ("/api/repos", "setupCommands", {"setupCommands": "a\0b"}),
        ("/api/repos", "testCommand", {"testCommand": "a\0b"}),
    ],
)
def test_no_program_is_to_be_given_a_zero_byte(
    stage: Stage, path: str, field: str, more: dict[str, Any]
):
    named = {"name": "n", "prompt": "p"} if path == "/api/tasks" else {}
    status, answer = stage.call("POST", path, {**named, "repoUrl": "acme/web", **more})
    assert status == 400
    assert answer["details"] == [{"field": field, "message": "must not contain a zero byte"}]


def test_no_name_of_a_secret_ends_in_a_line_break(stage: Stage):
    status, answer = stage.call("PUT", "/api/secrets/A%0A", {"value": "a secret"})
    assert (status, answer["details"][0]["field"]) == (400, "name")


def test_a_title_of_somebody_elses_is_one_line_that_steers_nothing(stage: Stage):
    task = {"type": "standalone", "name": "n", "prompt": "p", "title": "Fix {{what}}"}
    agent = {"agentType": "command", "agentCommand": "true"}
    made = stage.ok("POST", "/api/tasks", {**task, **agent})["task"]["id"]
    params = {"params": {"what": "a\n\0\x1b[2J\u202eb"}}
    run = stage.ok("POST", f"/api/tasks/{made}/runs", params)["runId"]
    assert stage.ok("GET", f"/api/tasks/{run}")["task"]["title"] == "Fix a [2Jb"
