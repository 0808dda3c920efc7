"""Unknown routes are refused in the API's form, or by a page for visitors of a page."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chalice.app import Response

from app import app
from chalicelib.web import fallback
from chalicelib.web.http.headers import data_headers
from infra.package import gateway
from tests.conftest import TOKEN, Stage
from tests.support.browser import Browser


def ask(
    method: str,
    path: str,
    *,
    resource: str = fallback.CATCH_ALL,
    accept: str = "*/*",
    token: str = "",
) -> tuple[int, dict[str, str], str]:
    pairs = zip(resource.split("/"), path.split("/"), strict=False)
    named = {name[1:-1]: part for name, part in pairs if name.startswith("{")}
    event = {
        "multiValueQueryStringParameters": None,
        "headers": {"accept": accept} | ({"authorization": f"Bearer {token}"} if token else {}),
        "pathParameters": {"proxy": path.removeprefix("/")} if "+" in resource else named,
        "requestContext": {"httpMethod": method, "resourcePath": resource, "path": f"/api{path}"},
        "body": None,
        "stageVariables": None,
    }
    answer: dict[str, Any] = app(event, None)
    return answer["statusCode"], answer["headers"], answer["body"]


@pytest.mark.parametrize("path", ["/api/nothing", "/api/tasks/a/b/c/d", "/wp-login.php", "/x//y"])
def test_an_address_that_nobody_serves_is_not_found(path: str):
    status, _, body = ask("GET", path)
    assert (status, json.loads(body)) == (404, {"error": "no such path", "details": []})


@pytest.mark.parametrize(
    "method, path, allowed",
    [
        ("PUT", "/api/tasks", "GET, POST"),
        ("OPTIONS", "/api/tasks/0f1e2d3c", "GET, PATCH, DELETE"),
        ("GET", "/api/tasks/bulk/retry-failed", "POST"),
        ("DELETE", "/tasks/new", "GET, POST"),
    ],
)
def test_a_method_that_a_path_does_not_take_is_told_those_it_takes(
    method: str, path: str, allowed: str
):
    status, headers, body = ask(method, path)
    assert (status, headers["Allow"]) == (405, allowed)
    assert json.loads(body)["error"] == f"this path accepts {allowed}, not {method}"


@pytest.mark.parametrize("resource", [fallback.CATCH_ALL, ""], ids=["catch-all", "own method"])
@pytest.mark.parametrize("path", ["/api/health", "/api/openapi.json", "/login", "/static/app.css"])
def test_head_is_answered_like_get_without_the_body(stage: Stage, path: str, resource: str):
    pattern = "/static/{name}" if path.startswith("/static") else path
    status, headers, body = ask("HEAD", path, resource=resource or pattern)
    got_status, got_headers, got_body = ask("GET", path, resource=pattern)
    assert (status, body) == (got_status, "")
    assert got_body
    assert headers.keys() == got_headers.keys()
    assert headers["Content-Type"] == got_headers["Content-Type"]


@pytest.mark.parametrize("resource", [fallback.CATCH_ALL, "/api/tasks/{task_id}"])
def test_head_of_a_thing_is_authorized_and_reads_the_thing_of_its_path(stage: Stage, resource: str):
    body = {"type": "standalone", "name": "N", "prompt": "P", "agentType": "command"}
    task = stage.ok("POST", "/api/tasks", body | {"agentCommand": "true"})["task"]["id"]
    path = f"/api/tasks/{task}"
    assert ask("HEAD", path, resource=resource)[0] == 401
    assert ask("HEAD", path, resource=resource, token=TOKEN)[::2] == (200, "")
    unknown = path[:-4] + "0000"
    assert ask("HEAD", unknown, resource=resource, token=TOKEN)[::2] == (404, "")


@pytest.mark.parametrize("path", ["/api/tasks/bulk/retry-failed", "/api/hooks/x"])
def test_head_of_a_path_without_get_is_refused(path: str):
    status, headers, body = ask("HEAD", path)
    assert (status, body, "GET" in headers["Allow"]) == (405, "", False)
    assert ask("HEAD", "/api/nothing")[::2] == (404, "")


def test_a_person_who_is_lost_gets_a_page_and_a_program_never_does():
    status, headers, body = ask("GET", "/taks/scheduled", accept="text/html,*/*;q=0.8")
    assert status == 404
    assert headers["Content-Type"].startswith("text/html")
    assert "There is no page at this address." in body
    assert 'href="../tasks"' in body
    assert ask("GET", "/api/taks", accept="text/html")[1]["Content-Type"] == "application/json"


@pytest.mark.parametrize("accept, kind", [("*/*", "application/json"), ("text/html", "text/html")])
def test_what_goes_wrong_inside_is_told_in_the_form_of_all_the_rest(
    accept: str, kind: str, monkeypatch: pytest.MonkeyPatch
):
    def broken(*given: object) -> object:
        raise RuntimeError("the store is gone")

    monkeypatch.setattr("chalicelib.web.pages.session.session_of_request", broken)
    monkeypatch.setattr("chalicelib.web.http.routes.authorize_request", broken)
    path = "/tasks" if kind == "text/html" else "/api/tasks"
    status, headers, body = ask("GET", path, resource=path, accept=accept)
    assert status == 500
    assert headers["Content-Type"].startswith(kind)
    assert fallback.FAILED_MESSAGE in body
    assert "the store is gone" not in body


def test_an_answer_that_aws_would_drop_is_refused_in_words(monkeypatch: pytest.MonkeyPatch):
    """Each of these characters takes six bytes of what the function answers with."""
    for many, expected in ((1_100_000, 413), (1_000_000, 200)):
        big = Response(body="\x01" * many, headers=data_headers())
        monkeypatch.setitem(
            app.routes["/api/health"]["GET"].__dict__, "view_function", lambda big=big: big
        )
        status, _, body = ask("GET", "/api/health", resource="/api/health")
        assert status == expected
        assert (fallback.TOO_LARGE_MESSAGE in body) is (expected == 413)


def test_a_run_of_the_longest_prompt_and_params_has_a_page(stage: Stage):
    body = {"type": "standalone", "name": "Long", "prompt": "{{#each all}}{{this}}{{/each}}"}
    body |= {"agentType": "command", "agentCommand": "true"}
    task = stage.ok("POST", "/api/tasks", body)["task"]["id"]
    nested: object = [1] * 100_000
    for _ in range(50):
        nested = [nested]
    params = {"all": ["'" * 60_000] * 8, "deep": nested}
    run = stage.ok("POST", f"/api/tasks/{task}/runs", {"params": params})["runId"]
    page = Browser(stage).sign_in().get(f"/tasks/{run}")
    assert page.status == 200
    assert len(page.text) < 1_500_000
    assert "480,000 characters in total" in page.text


def test_the_gateway_leaves_to_the_function_what_no_route_takes():
    """It would take a bearer's token for a signature of AWS, and refuse that it is none."""
    made = gateway.completed(
        {"info": {"version": "1"}, "paths": {"/api/health": {"get": {"summary": "Answer"}}}}, "n"
    )
    assert set(made["paths"][fallback.CATCH_ALL]) == set(gateway.METHODS)
    own = made["x-amazon-apigateway-gateway-responses"]
    assert {name: one.get("statusCode") for name, one in own.items()} == {
        "DEFAULT_4XX": None,
        "DEFAULT_5XX": None,
        "INTEGRATION_FAILURE": "503",
        "MISSING_AUTHENTICATION_TOKEN": "404",
        "REQUEST_TOO_LARGE": "413",
        "THROTTLED": "429",
    }
    for one in own.values():
        text = one["responseTemplates"]["application/json"]
        said = json.loads(text.replace("$context.error.messageString", '"why"'))
        assert set(said) == {"error", "details"}


def test_the_gateway_passes_on_bytes_and_the_head_of_what_it_passes_on_to_get():
    answering, writing = {"summary": "Answer"}, {"summary": "Write"}
    paths = {"/api/health": {"get": answering}, "/api/hooks/{path}": {"post": writing}}
    made = gateway.completed({"info": {}, "paths": paths}, "n")
    assert made["x-amazon-apigateway-binary-media-types"] == ["*/*"]
    assert made["paths"]["/api/health"] == {"get": answering, "head": answering}
    assert made["paths"]["/api/hooks/{path}"] == {"post": writing}


def test_a_function_without_a_free_place_is_told_as_busy_with_a_time_to_come_back():
    """The gateway would answer 500, which senders of webhooks take for a fault of theirs."""
    own = gateway.completed({"info": {}, "paths": {"/api/health": {"get": {}}}}, "n")[
        "x-amazon-apigateway-gateway-responses"
    ]
    for name in ("INTEGRATION_FAILURE", "THROTTLED"):
        assert own[name]["responseParameters"]["gatewayresponse.header.Retry-After"] in (
            "'1'",
            "'2'",
        )
