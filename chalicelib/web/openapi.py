"""The API's description of itself, OpenAPI 3.1, from the routes and the models that validate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from chalicelib.web import models, runner_models
from chalicelib.web.http import Operation

Schema = dict[str, Any]
REFS = "#/components/schemas/{model}"
FAULTS = {
    "400": "The request has faults; `details` lists every one of them",
    "401": "No API key, or one that is unknown, revoked or expired",
    "403": "The key does not hold the scope that this needs",
    "404": "No such thing",
    "405": "Not for this kind of task",
    "409": "In conflict with what is stored",
    "413": "Over 1 MiB",
    "415": "The body is not JSON",
    "429": "Too many; `Retry-After` says when to try again",
}
ERROR: Schema = {
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
QUERY: dict[str, Schema] = {
    "limit": {"type": "integer", "minimum": 1, "default": 50},
    "cursor": {"type": "string", "description": "The `nextCursor` of the page before"},
}


def document(operations: Sequence[Operation]) -> Schema:
    """Return the OpenAPI document of these operations."""
    bodies, shared = _bodies(operations)
    paths: Schema = {}
    for one in sorted(operations, key=lambda one: (one.path, one.method)):
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, bodies)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Optio", "version": "1", "summary": "Scheduled tasks for coding agents"},
        "paths": paths,
        "components": {
            "schemas": {**shared, "Error": ERROR},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def _bodies(operations: Sequence[Operation]) -> tuple[dict[Operation, Schema], Schema]:
    taking = [one for one in operations if bool(one.takes)]
    schemas, shared = TypeAdapter.json_schemas(
        [(f"{one.method} {one.path}", "validation", TypeAdapter(_model(one))) for one in taking],
        by_alias=True,
        ref_template=REFS,
    )
    shared = shared.get("$defs", {})
    bodies = {one: schemas[f"{one.method} {one.path}", "validation"] for one in taking}
    for one in taking:
        if one.partly:
            whole = shared[bodies[one]["$ref"].rpartition("/")[2]]
            bodies[one] = {name: part for name, part in whole.items() if name != "required"}
    return bodies, shared


def _model(one: Operation) -> Any:
    """Return the model that an operation names, of those of users or of runners."""
    return getattr(models, one.takes, None) or getattr(runner_models, one.takes)


def _operation(one: Operation, bodies: dict[Operation, Schema]) -> Schema:
    names = re.findall(r"{(\w+)}", one.path)
    found: Schema = {
        "operationId": _id(one),
        "summary": one.summary,
        "parameters": [
            *(_parameter("path", name, {"type": "string"}) for name in names),
            *(_parameter("query", name, QUERY.get(name, {"type": "string"})) for name in one.query),
        ],
        "responses": {
            str(one.status): _success(one),
            **{status: _fault(text) for status, text in FAULTS.items() if _may(one, status)},
        },
    }
    if one in bodies:
        found["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": bodies[one]}},
        }
    found["security"] = [{"key": [one.needs.value]}] if one.needs else []
    return found


def _id(one: Operation) -> str:
    words = re.sub(r"[{}]", "", one.path.removeprefix("/api/")).replace("/", "-")
    return f"{one.method.lower()}-{words}"


def _parameter(where: str, name: str, schema: Schema) -> Schema:
    return {"in": where, "name": name, "required": where == "path", "schema": schema}


def _success(one: Operation) -> Schema:
    if one.status == 204:
        return {"description": "Done; no body"}
    return {
        "description": one.summary,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }


def _fault(text: str) -> Schema:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _may(one: Operation, status: str) -> bool:
    """Whether an operation can answer so: a fault of the body needs a body, and so on."""
    hook = one.path.startswith("/api/hooks/")
    needs = {
        "400": bool(one.takes) or bool(one.query) or hook,
        "401": not one.open or hook,
        "403": not one.open,
        "404": "{" in one.path,
        "405": "{task_id}" in one.path,
        "409": one.method not in ("GET", "DELETE"),
        "413": bool(one.takes) or hook,
        "415": bool(one.takes) or hook,
        "429": hook,
    }
    return needs[status]
