"""Published descriptions of an interface, held against what goes over the wire.

All present parts of an answer have to be as described. Our fake may leave out parts that are
never read.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator, Draft202012Validator

ROOT = Path(__file__).resolve().parents[2]
UNDESCRIBED = {
    "github": r"GET .*/(contents/.*|collaborators/[^/]+/permission)",
    "jira": r"(?!)",
    "notion": r"PATCH /v1/comments/[^/]+",
}
"""Operations that exist, but are not in the description, or are newer."""

TOO_NARROW = {"notion": r".*/query: \$\.sorts\[0\]: 'property' is a required property"}
"""Values that a description forbids and the vendor's reference allows: a sort by a timestamp."""


class Description:
    """The operations that are described, and what each takes and answers."""

    def __init__(self, document: dict[str, Any], name: str) -> None:
        self._undescribed = re.compile(UNDESCRIBED[name])
        self._too_narrow = re.compile(TOO_NARROW.get(name, r"(?!)"))
        modern = document["openapi"].startswith("3.1")
        self._validator: Any = Draft202012Validator if modern else Draft7Validator
        self._strict = {"components": _plain(document["components"], strict=True)}
        self._loose = {"components": _plain(document["components"], strict=False)}
        self._paths = [(_pattern(path), item) for path, item in document["paths"].items()]
        self._document = document

    @staticmethod
    @cache
    def load(name: str = "github") -> Description | None:
        base = Path(os.environ.get("OPTIO_SHARED") or ROOT.parent / "shared") / "data"
        path = base / "specs" / f"{name}.json"
        if not path.exists():
            return None
        return Description(json.loads(path.read_text()), name)

    def request(self, method: str, path: str, query: dict[str, str], body: Any) -> list[str]:
        """Return what is wrong with a request."""
        if self._undescribed.fullmatch(f"{method} {path}"):
            return []
        operation = self._operation(method, path)
        if operation is None:
            return [f"{method} {path} is not described"]
        faults = []
        known = {self._resolved(p)["name"] for p in operation.get("parameters", ())}
        faults += [f"{method} {path}: no parameter {name}" for name in query if name not in known]
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body is not None and content is None:
            return [*faults, f"{method} {path} takes no body"]
        if body is not None:
            faults += self._faults(f"{method} {path}", content["schema"], body, strict=True)
            declared = self._resolved(content["schema"]).get("properties")
            if declared and isinstance(body, dict):
                faults += [f"{path}: no field {name}" for name in body if name not in declared]
        return faults

    def answer(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """Return what is wrong with an answer."""
        operation = self._operation(method, path)
        if operation is None:
            return []
        described = operation["responses"].get(str(status))
        if described is None:
            return [f"{method} {path} does not answer {status}"]
        content = self._resolved(described).get("content", {}).get("application/json")
        if content is None or body is None or "schema" not in content:
            return []
        return self._faults(f"{method} {path} {status}", content["schema"], body, strict=False)

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        for pattern, item in self._paths:
            if pattern.fullmatch(path) and method.lower() in item:
                found: dict[str, Any] = item[method.lower()]
                return found
        return None

    def _resolved(self, thing: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in thing:
            found: Any = self._document
            for name in thing["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            thing = found
        return thing

    def _faults(self, what: str, schema: Any, body: Any, *, strict: bool) -> list[str]:
        whole = {**_plain(schema, strict=strict), **(self._strict if strict else self._loose)}
        found = [
            f"{what}: {error.json_path}: {error.message[:200]}"
            for error in self._validator(whole).iter_errors(body)
        ]
        return [fault for fault in found if not self._too_narrow.fullmatch(fault)]


def _pattern(path: str) -> re.Pattern[str]:
    whole = re.sub(r"\{(ref|branch)\}", "(.+)", path)
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", whole))


def _plain(schema: Any, *, strict: bool) -> Any:
    """Return OpenAPI 3.0 as JSON Schema; unless strict, nothing is required."""
    if isinstance(schema, list):
        return [_plain(one, strict=strict) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        name: _plain(value, strict=strict)
        for name, value in schema.items()
        if name not in ("nullable", "example", "examples", "discriminator")
        and (strict or name != "required" or not isinstance(value, list))
    }
    if schema.get("nullable") is True:
        return {"anyOf": [{"type": "null"}, kept]}
    return kept
