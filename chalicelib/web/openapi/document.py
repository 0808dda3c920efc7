"""Builds the OpenAPI 3.1 document from the routes and the models that validate requests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from chalice.app import Response
from pydantic import TypeAdapter

from chalicelib.domain import limits
from chalicelib.web.http.operation import ApiOperation
from chalicelib.web.http.query_params import parameter_schema
from chalicelib.web.http.responses import Answer
from chalicelib.web.openapi.links import add_links
from chalicelib.web.schemas import requests, responses, runner_requests

Schema = dict[str, Any]
REFERENCE_TEMPLATE = "#/components/schemas/{model}"
FAULT_TEXTS = {
    "400": "The request has faults; `details` lists every one of them",
    "401": "No API key, or one that is unknown, revoked or expired",
    "403": "The key does not have the required scope",
    "404": "Not found",
    "405": "Not allowed for this type of task",
    "409": "In conflict with stored data",
    "413": "Larger than 1 MiB",
    "415": "The body is not JSON",
    "429": "Too many requests; `Retry-After` holds the seconds to wait",
}
ERROR_SCHEMA: Schema = {
    "type": "object",
    "required": ["error", "details"],
    "properties": {
        "error": {"type": "string", "description": "One sentence"},
        "details": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
PATH_SCHEMAS: dict[str, Schema] = {
    "path": {"pattern": "^[A-Za-z0-9._~-]+$", "maxLength": limits.MAX_WEBHOOK_PATH_LENGTH},
    "name": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "maxLength": limits.MAX_SECRET_NAME_LENGTH},
}
"""Schemas of path parameters that are not ids."""
ID_SCHEMA: Schema = {"format": "uuid"}


def build_document(operations: Sequence[ApiOperation]) -> Schema:
    """Return the OpenAPI document of these operations."""
    described = _describe_all(operations)
    paths: Schema = {}
    for one in sorted(operations, key=lambda one: (one.path, one.method)):
        paths.setdefault(one.path, {})[one.method.lower()] = _describe_operation(one, described)
    add_links(paths)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Optio", "version": "1", "summary": "Scheduled tasks for coding agents"},
        "paths": paths,
        "components": {
            "schemas": {**described.shared, "Error": ERROR_SCHEMA},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


@dataclass(frozen=True)
class _DescribedSchemas:
    """The schemas of all request bodies and responses, and the models that they share."""

    bodies: dict[ApiOperation, Schema]
    answers: dict[ApiOperation, Schema]
    shared: Schema

    def full_schema(self, one: ApiOperation) -> Schema:
        """Return the schema of a body with its reference resolved."""
        reference = str(self.bodies[one].get("$ref", ""))
        return dict(self.shared[reference.rpartition("/")[2]]) if reference else self.bodies[one]

    def needs_body(self, one: ApiOperation) -> bool:
        """Return whether a request requires a body."""
        return bool({"required", "oneOf"} & self.full_schema(one).keys()) and not one.partial


def _describe_all(operations: Sequence[ApiOperation]) -> _DescribedSchemas:
    """Return the schemas of all operations, built together so that shared models have one name."""
    taking = [one for one in operations if one.body]
    giving = [one for one in operations if _response_type(one) is not None]
    schemas, shared = TypeAdapter.json_schemas(
        [
            *((one, "validation", TypeAdapter(_model_of(one))) for one in taking),
            *((one, "serialization", TypeAdapter(_response_type(one))) for one in giving),
        ],
        by_alias=True,
        ref_template=REFERENCE_TEMPLATE,
    )
    shared = shared.get("$defs", {})
    found = _DescribedSchemas(
        {one: schemas[one, "validation"] for one in taking},
        {one: schemas[one, "serialization"] for one in giving},
        shared,
    )
    for one in taking:
        if one.partial:
            whole = found.full_schema(one).items()
            found.bodies[one] = {name: part for name, part in whole if name != "required"}
    return found


def _model_of(one: ApiOperation) -> Any:
    """Return the model that an operation names, from the models of users or of runners."""
    return getattr(requests, one.body, None) or getattr(runner_requests, one.body)


def _response_type(one: ApiOperation) -> Any:
    """Return the response type of an operation; None if the response is not JSON."""
    known = {**vars(responses), "responses": responses, "Answer": Answer, "Response": Response}
    found = get_type_hints(one.view, known)["return"]
    (given,) = get_args(found) or (type(None),)
    return None if given is type(None) else given


def _describe_operation(one: ApiOperation, described: _DescribedSchemas) -> Schema:
    names = re.findall(r"{(\w+)}", one.path)
    found: Schema = {
        "operationId": _operation_id(one),
        "summary": one.summary,
        "parameters": [
            *(_describe_parameter("path", name, _parameter_schema(one, name)) for name in names),
            *(
                _describe_parameter("query", name, parameter_schema(name, one.path))
                for name in one.query
            ),
        ],
        "responses": {
            **{str(status): _describe_success(one, status, described) for status in one.statuses},
            **{
                status: _describe_fault(text)
                for status, text in FAULT_TEXTS.items()
                if _may_answer(one, status)
            },
        },
    }
    if one in described.bodies:
        found["requestBody"] = {
            "required": described.needs_body(one),
            "content": {"application/json": {"schema": described.bodies[one]}},
        }
    if one.deprecated:
        found["deprecated"] = True
    found["security"] = [{"key": [one.scope.value]}] if one.scope else []
    return found


def _parameter_schema(one: ApiOperation, name: str) -> Schema:
    file = name == "name" and "/outputs/" in one.path
    return {
        "type": "string",
        **({"maxLength": limits.MAX_URL_LENGTH} if file else PATH_SCHEMAS.get(name, ID_SCHEMA)),
    }


def _operation_id(one: ApiOperation) -> str:
    words = re.sub(r"[{}]", "", one.path.removeprefix("/api/")).replace("/", "-")
    return f"{one.method.lower()}-{words}"


def _describe_parameter(where: str, name: str, schema: Schema) -> Schema:
    return {"in": where, "name": name, "required": where == "path", "schema": schema}


def _describe_success(one: ApiOperation, status: int, described: _DescribedSchemas) -> Schema:
    if status == 204:
        return {"description": one.summary}
    if status == 302:
        where = {"Location": {"schema": {"type": "string", "format": "uri"}}}
        return {"description": one.summary, "headers": where}
    schema = described.answers.get(one)
    kind = "application/json" if schema else "text/html"
    return {
        "description": one.summary,
        "content": {kind: {"schema": schema or {"type": "string"}}},
    }


def _describe_fault(text: str) -> Schema:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _may_answer(one: ApiOperation, status: str) -> bool:
    """Return whether an operation can have this status; a fault of the body requires a body."""
    hook = one.is_open and one.method == "POST"
    probe = one.method == "OPTIONS"
    speaks = one.path.startswith("/api/runner/") and one.body != "Claim"
    needs = {
        "400": bool(one.body) or bool(one.query) or one.method == "POST" or probe,
        "401": not one.is_open or hook,
        "403": not one.is_open,
        "404": "{" in one.path or speaks,
        "405": "{task_id}" in one.path or probe,
        "409": one.method not in ("GET", "OPTIONS"),
        "413": bool(one.body) or hook,
        "415": bool(one.body) or hook,
        "429": hook or probe,
    }
    return needs[status]
