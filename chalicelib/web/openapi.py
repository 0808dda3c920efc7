"""Builds the OpenAPI 3.1 document from the routes and the models that validate requests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from chalice.app import Response
from pydantic import TypeAdapter

from chalicelib.domain import limits
from chalicelib.web import answers, models, runner_models
from chalicelib.web.http import Answer
from chalicelib.web.links import link
from chalicelib.web.operation import Operation
from chalicelib.web.queries import schema_of

Schema = dict[str, Any]
REFS = "#/components/schemas/{model}"
FAULTS = {
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
PATH: dict[str, Schema] = {
    "path": {"pattern": "^[A-Za-z0-9._~-]+$", "maxLength": limits.HOOK_PATH},
    "name": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "maxLength": limits.SECRET_NAME},
}
"""Schemas of path parameters that are not ids."""
ID: Schema = {"format": "uuid"}


def document(operations: Sequence[Operation]) -> Schema:
    """Return the OpenAPI document of these operations."""
    described = _described(operations)
    paths: Schema = {}
    for one in sorted(operations, key=lambda one: (one.path, one.method)):
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, described)
    link(paths)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Optio", "version": "1", "summary": "Scheduled tasks for coding agents"},
        "paths": paths,
        "components": {
            "schemas": {**described.shared, "Error": ERROR},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


@dataclass(frozen=True)
class _Described:
    """The schemas of all request bodies and responses, and the models that they share."""

    bodies: dict[Operation, Schema]
    answers: dict[Operation, Schema]
    shared: Schema

    def whole(self, one: Operation) -> Schema:
        """Return the schema of a body with its reference resolved."""
        reference = str(self.bodies[one].get("$ref", ""))
        return dict(self.shared[reference.rpartition("/")[2]]) if reference else self.bodies[one]

    def needs_body(self, one: Operation) -> bool:
        """Return whether a request requires a body."""
        return bool({"required", "oneOf"} & self.whole(one).keys()) and not one.partly


def _described(operations: Sequence[Operation]) -> _Described:
    """Return the schemas of all operations, built together so that shared models have one name."""
    taking = [one for one in operations if one.takes]
    giving = [one for one in operations if _given(one) is not None]
    schemas, shared = TypeAdapter.json_schemas(
        [
            *((one, "validation", TypeAdapter(_model(one))) for one in taking),
            *((one, "serialization", TypeAdapter(_given(one))) for one in giving),
        ],
        by_alias=True,
        ref_template=REFS,
    )
    shared = shared.get("$defs", {})
    found = _Described(
        {one: schemas[one, "validation"] for one in taking},
        {one: schemas[one, "serialization"] for one in giving},
        shared,
    )
    for one in taking:
        if one.partly:
            whole = found.whole(one).items()
            found.bodies[one] = {name: part for name, part in whole if name != "required"}
    return found


def _model(one: Operation) -> Any:
    """Return the model that an operation names, from the models of users or of runners."""
    return getattr(models, one.takes, None) or getattr(runner_models, one.takes)


def _given(one: Operation) -> Any:
    """Return the response type of an operation; None if the response is not JSON."""
    known = {**vars(answers), "answers": answers, "Answer": Answer, "Response": Response}
    found = get_type_hints(one.view, known)["return"]
    (given,) = get_args(found) or (type(None),)
    return None if given is type(None) else given


def _operation(one: Operation, described: _Described) -> Schema:
    names = re.findall(r"{(\w+)}", one.path)
    found: Schema = {
        "operationId": _id(one),
        "summary": one.summary,
        "parameters": [
            *(_parameter("path", name, _named(one, name)) for name in names),
            *(_parameter("query", name, schema_of(name, one.path)) for name in one.query),
        ],
        "responses": {
            **{str(status): _success(one, status, described) for status in one.statuses},
            **{status: _fault(text) for status, text in FAULTS.items() if _may(one, status)},
        },
    }
    if one in described.bodies:
        found["requestBody"] = {
            "required": described.needs_body(one),
            "content": {"application/json": {"schema": described.bodies[one]}},
        }
    if one.older:
        found["deprecated"] = True
    found["security"] = [{"key": [one.needs.value]}] if one.needs else []
    return found


def _named(one: Operation, name: str) -> Schema:
    file = name == "name" and "/outputs/" in one.path
    return {"type": "string", **({"maxLength": limits.URL} if file else PATH.get(name, ID))}


def _id(one: Operation) -> str:
    words = re.sub(r"[{}]", "", one.path.removeprefix("/api/")).replace("/", "-")
    return f"{one.method.lower()}-{words}"


def _parameter(where: str, name: str, schema: Schema) -> Schema:
    return {"in": where, "name": name, "required": where == "path", "schema": schema}


def _success(one: Operation, status: int, described: _Described) -> Schema:
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


def _fault(text: str) -> Schema:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _may(one: Operation, status: str) -> bool:
    """Return whether an operation can have this status; a fault of the body requires a body."""
    hook = one.open and one.method == "POST"
    probe = one.method == "OPTIONS"
    speaks = one.path.startswith("/api/runner/") and one.takes != "Claim"
    needs = {
        "400": bool(one.takes) or bool(one.query) or one.method == "POST" or probe,
        "401": not one.open or hook,
        "403": not one.open,
        "404": "{" in one.path or speaks,
        "405": "{task_id}" in one.path or probe,
        "409": one.method not in ("GET", "OPTIONS"),
        "413": bool(one.takes) or hook,
        "415": bool(one.takes) or hook,
        "429": hook or probe,
    }
    return needs[status]
