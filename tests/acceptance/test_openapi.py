"""The API's description of itself agrees with the API."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.conftest import Stage


@pytest.fixture
def document(stage: Stage) -> dict[str, Any]:
    status, body = stage.call("GET", "/api/openapi.json", token="")
    assert status == 200
    return body


def test_the_document_is_valid_openapi(document: dict[str, Any]):
    OpenAPIV31SpecValidator(document).validate()


def test_every_route_is_described_and_no_other(document: dict[str, Any]):
    from app import app
    from chalicelib.web.pages import PAGE_TABLE

    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item
    }
    routed = {(method, path) for path, methods in app.routes.items() for method in methods}
    shown = {(method, path) for method, path, *_ in PAGE_TABLE}
    assert described == routed - shown
    assert not [path for _, path in shown if path.startswith("/api")]


def test_only_health_and_documents_are_open(document: dict[str, Any]):
    opened = {
        path
        for path, item in document["paths"].items()
        for operation in item.values()
        if operation.get("security") == []
    }
    hints = {f"/api/webhooks/{source}" for source in ("github", "linear", "jira")}
    signed = {"/api/hooks/{path}", *hints}
    assert opened == {"/api/health", "/api/openapi.json", "/docs", *signed}


def test_what_leads_elsewhere_says_where(document: dict[str, Any]):
    output = document["paths"]["/api/tasks/{task_id}/outputs/{name}"]["get"]
    assert output["responses"]["302"]["headers"]["Location"]["schema"]["format"] == "uri"


def test_what_is_described_as_a_body_is_what_is_taken(stage: Stage, document: dict[str, Any]):
    body = {
        "type": "standalone",
        "name": "Nightly",
        "prompt": "Look around",
        "triggers": [{"type": "schedule", "config": {"cronExpression": "0 3 * * *"}}],
    }
    posted = document["paths"]["/api/tasks"]["post"]["requestBody"]
    schema = posted["content"]["application/json"]["schema"]
    whole = {**schema, "components": document["components"]}
    jsonschema.validate(body, whole)
    assert stage.call("POST", "/api/tasks", body)[0] == 201

    for wrong in ({**body, "unknown": 1}, {**body, "timeoutMinutes": 0}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, whole)
        assert stage.call("POST", "/api/tasks", wrong)[0] == 400
