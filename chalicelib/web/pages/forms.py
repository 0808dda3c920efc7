"""From what was typed to what the API's models read, so that both check the same."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.domain.errors import Fault, Invalid

NUMBERS = ("timeoutMinutes", "maxRetries", "priority", "maxConcurrent", "maxTurns")
TEXTS = (
    *("name", "description", "title", "prompt", "promptTemplateId", "repoUrl", "repoBranch"),
    *("agentType", "agentCommand", "model"),
)


def definition(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of a task that a form describes; what was left empty is left out."""
    body: dict[str, Any] = {name: form[name] for name in TEXTS if form.get(name, "").strip()}
    body |= {name: number(form, name) for name in NUMBERS if form.get(name, "").strip()}
    if body.get("agentType") != "command":
        body.pop("agentCommand", None)
    body["secrets"] = words(form.get("secrets", ""))
    body["environment"] = variables(form.get("environment", ""))
    schema = mapping(form, "paramsSchema")
    return body | ({"paramsSchema": schema} if schema else {})


def trigger(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of the trigger that a form describes."""
    kind = form.get("trigger", "schedule")
    body: dict[str, Any] = {"type": kind}
    params = mapping(form, "paramMapping")
    if params:
        body["paramMapping"] = params
    if kind == "schedule":
        body["config"] = {
            "cronExpression": form.get("cronExpression", "").strip(),
            "timezone": form.get("timezone", "").strip() or "UTC",
            "overlapPolicy": form.get("overlapPolicy") or "allow",
            "catchUpPolicy": form.get("catchUpPolicy") or "one",
            "jitterSeconds": number(form, "jitterSeconds") if form.get("jitterSeconds") else 0,
        }
    elif kind == "webhook":
        optional = {name: form.get(name, "").strip() for name in ("secret", "filter")}
        body["config"] = {
            "path": form.get("path", "").strip(),
            "signature": form.get("signature") or "optio",
            "events": words(form.get("events", "")),
            **{name: text for name, text in optional.items() if text},
        }
    elif kind == "ticket":
        body["config"] = {
            "source": form.get("source") or "github",
            "labels": [part.strip() for part in form.get("labels", "").split(",") if part.strip()],
            "includeBacklog": form.get("includeBacklog") == "true",
        }
    return body


def number(form: Mapping[str, str], name: str) -> int:
    text = form.get(name, "").strip()
    if not text.isascii() or not text.removeprefix("-").isdigit():
        raise Invalid(f"{text!r} is not a whole number", name)
    return int(text)


def words(text: str) -> list[str]:
    return [part for part in text.replace(",", " ").split() if part]


def variables(text: str) -> dict[str, str]:
    """Return what lines of NAME=value say."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if line.strip() and not equals:
            raise Invalid(f"write {line.strip()[:60]!r} as NAME=value", "environment")
        if name.strip():
            found[name.strip()] = value.strip()
    return found


def shown(names: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return secrets and environment as a form shows them."""
    lines = (f"{name}={value}" for name, value in environment.items())
    return {"secrets": " ".join(names), "environment": "\n".join(lines)}


def mapping(form: Mapping[str, str], name: str) -> dict[str, Any]:
    """Return the JSON object of a field; an empty field is an empty one."""
    text = form.get(name, "").strip()
    if not text:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"this is not valid JSON: {error}", name) from None
    if not isinstance(found, dict):
        raise Invalid('write a JSON object, such as {"name": "value"}', name)
    return found


def params(form: Mapping[str, str], schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the params of a run by hand: a field for each of the schema, or free JSON."""
    found = mapping(form, "params")
    for name, kind in ((schema or {}).get("properties") or {}).items():
        text = form.get(f"param.{name}", "")
        if text != "":
            found[name] = _value(name, text, kind if isinstance(kind, dict) else {})
    return found


def _value(name: str, text: str, kind: Mapping[str, Any]) -> object:
    if kind.get("type", "string") == "string":
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise Invalid(f"{text[:60]!r} is not a {kind['type']}", f"param.{name}") from None


def known(faults: list[Fault]) -> dict[str, str]:
    """Return what is wrong, by the name of the form's field."""
    found: dict[str, str] = {}
    for fault in faults:
        name = fault.field.removeprefix("triggers.0.").removeprefix("config.")
        found.setdefault(name.split(".")[0] if "." in name else name, fault.message)
    return found


def fresh_secret() -> str:
    return f"whk_{secrets.token_urlsafe(24)}"


def fresh_path() -> str:
    return f"hook-{secrets.token_hex(6)}"
