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
    for operation in sorted(operations, key=lambda operation: (operation.path, operation.method)):
        paths.setdefault(operation.path, {})[operation.method.lower()] = _describe_operation(
            operation, described
        )
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

    def full_schema(self, operation: ApiOperation) -> Schema:
        """Return the schema of a body with its reference resolved."""
        reference = str(self.bodies[operation].get("$ref", ""))
        return (
            dict(self.shared[reference.rpartition("/")[2]]) if reference else self.bodies[operation]
        )

    def needs_body(self, operation: ApiOperation) -> bool:
        """Return whether a request requires a body."""
        return (
            bool({"required", "oneOf"} & self.full_schema(operation).keys())
            and not operation.partial
        )


def _describe_all(operations: Sequence[ApiOperation]) -> _DescribedSchemas:
    """Return the schemas of all operations, built together so that shared models have one name."""
    taking = [operation for operation in operations if operation.body]
    giving = [operation for operation in operations if _response_type(operation) is not None]
    schemas, shared = TypeAdapter.json_schemas(
        [
            *((operation, "validation", TypeAdapter(_model_of(operation))) for operation in taking),
            *(
                (operation, "serialization", TypeAdapter(_response_type(operation)))
                for operation in giving
            ),
        ],
        by_alias=True,
        ref_template=REFERENCE_TEMPLATE,
    )
    shared = shared.get("$defs", {})
    described = _DescribedSchemas(
        {operation: schemas[operation, "validation"] for operation in taking},
        {operation: schemas[operation, "serialization"] for operation in giving},
        shared,
    )
    for operation in taking:
        if operation.partial:
            whole = described.full_schema(operation).items()
            described.bodies[operation] = {name: part for name, part in whole if name != "required"}
    return described


def _model_of(operation: ApiOperation) -> Any:
    """Return the model that an operation names, from the models of users or of runners."""
    return getattr(requests, operation.body, None) or getattr(runner_requests, operation.body)


def _response_type(operation: ApiOperation) -> Any:
    """Return the response type of an operation; None if the response is not JSON."""
    namespace = {**vars(responses), "responses": responses, "Answer": Answer, "Response": Response}
    return_type = get_type_hints(operation.view, namespace)["return"]
    (response_type,) = get_args(return_type) or (type(None),)
    return None if response_type is type(None) else response_type


def _describe_operation(operation: ApiOperation, described: _DescribedSchemas) -> Schema:
    names = re.findall(r"{(\w+)}", operation.path)
    description: Schema = {
        "operationId": _operation_id(operation),
        "summary": operation.summary,
        "parameters": [
            *(
                _describe_parameter("path", name, _parameter_schema(operation, name))
                for name in names
            ),
            *(
                _describe_parameter("query", name, parameter_schema(name, operation.path))
                for name in operation.query
            ),
        ],
        "responses": {
            **{
                str(status): _describe_success(operation, status, described)
                for status in operation.statuses
            },
            **{
                status: _describe_fault(text)
                for status, text in FAULT_TEXTS.items()
                if _may_answer(operation, status)
            },
        },
    }
    if operation in described.bodies:
        description["requestBody"] = {
            "required": described.needs_body(operation),
            "content": {"application/json": {"schema": described.bodies[operation]}},
        }
    if operation.deprecated:
        description["deprecated"] = True
    description["security"] = [{"key": [operation.scope.value]}] if operation.scope else []
    return description


def _parameter_schema(operation: ApiOperation, name: str) -> Schema:
    file = name == "name" and "/outputs/" in operation.path
    return {
        "type": "string",
        **({"maxLength": limits.MAX_URL_LENGTH} if file else PATH_SCHEMAS.get(name, ID_SCHEMA)),
    }


def _operation_id(operation: ApiOperation) -> str:
    slug = re.sub(r"[{}]", "", operation.path.removeprefix("/api/")).replace("/", "-")
    return f"{operation.method.lower()}-{slug}"


def _describe_parameter(where: str, name: str, schema: Schema) -> Schema:
    return {"in": where, "name": name, "required": where == "path", "schema": schema}


def _describe_success(operation: ApiOperation, status: int, described: _DescribedSchemas) -> Schema:
    if status == 204:
        return {"description": operation.summary}
    if status == 302:
        where = {"Location": {"schema": {"type": "string", "format": "uri"}}}
        return {"description": operation.summary, "headers": where}
    schema = described.answers.get(operation)
    kind = "application/json" if schema else "text/html"
    return {
        "description": operation.summary,
        "content": {kind: {"schema": schema or {"type": "string"}}},
    }


def _describe_fault(text: str) -> Schema:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _may_answer(operation: ApiOperation, status: str) -> bool:
    """Return whether an operation can have this status; a fault of the body requires a body."""
    is_webhook = operation.is_open and operation.method == "POST"
    probe = operation.method == "OPTIONS"
    speaks = operation.path.startswith("/api/runner/") and operation.body != "Claim"
    needs = {
        "400": bool(operation.body) or bool(operation.query) or operation.method == "POST" or probe,
        "401": not operation.is_open or is_webhook,
        "403": not operation.is_open,
        "404": "{" in operation.path or speaks,
        "405": "{task_id}" in operation.path or probe,
        "409": operation.method not in ("GET", "OPTIONS"),
        "413": bool(operation.body) or is_webhook,
        "415": bool(operation.body) or is_webhook,
        "429": is_webhook or probe,
    }
    return needs[status]
