"""From what was typed to what the API's models read, so that both check the same."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from chalicelib.domain.errors import DomainError, Fault, Invalid

NUMBERS = ("timeoutMinutes", "maxRetries", "priority", "maxConcurrent", "maxTurns")
TEXTS = (
    *("name", "description", "title", "prompt", "promptTemplateId", "repoUrl", "repoBranch"),
    *("agentType", "agentCommand", "model"),
)


T = TypeVar("T")
Read = tuple[dict[str, Any], list[Fault]]
"""A body, and what of the form could not be read: the models' own faults are told beside it."""


def noted(faults: list[Fault], read: Callable[..., T], *given: Any) -> T | None:
    """Return what a field says, or None with its fault noted."""
    try:
        return read(*given)
    except Invalid as error:
        faults += error.faults
        return None


def definition(form: Mapping[str, str]) -> Read:
    """Return the body of a task that a form describes; what was left empty is left out."""
    faults: list[Fault] = []
    body: dict[str, Any] = {name: form[name] for name in TEXTS if form.get(name, "").strip()}
    for name in NUMBERS:
        if form.get(name, "").strip() and (found := noted(faults, number, form, name)) is not None:
            body[name] = found
    if body.get("agentType") != "command":
        body.pop("agentCommand", None)
    body["secrets"] = words(form.get("secrets", ""))
    body["environment"] = noted(faults, variables, form.get("environment", "")) or {}
    schema = noted(faults, mapping, form, "paramsSchema")
    return body | ({"paramsSchema": schema} if schema else {}), faults


def trigger(form: Mapping[str, str]) -> Read:
    """Return the body of the trigger that a form describes."""
    faults: list[Fault] = []
    kind = form.get("trigger", "schedule")
    body: dict[str, Any] = {"type": kind}
    params = noted(faults, mapping, form, "paramMapping")
    if params:
        body["paramMapping"] = params
    if kind in CONFIGS:
        body["config"] = CONFIGS[kind](form, faults)
    return body, faults


def _schedule(form: Mapping[str, str], faults: list[Fault]) -> dict[str, Any]:
    spread = noted(faults, number, form, "jitterSeconds") if form.get("jitterSeconds") else 0
    return {
        "cronExpression": form.get("cronExpression", "").strip(),
        "timezone": form.get("timezone", "").strip() or "UTC",
        "overlapPolicy": form.get("overlapPolicy") or "allow",
        "catchUpPolicy": form.get("catchUpPolicy") or "one",
        "jitterSeconds": spread or 0,
    }


def _hook(form: Mapping[str, str], faults: list[Fault]) -> dict[str, Any]:
    optional = {name: form.get(name, "").strip() for name in ("secret", "filter")}
    return {
        "path": form.get("path", "").strip(),
        "signature": form.get("signature") or "optio",
        "events": words(form.get("events", "")),
        **{name: text for name, text in optional.items() if text},
    }


def _ticket(form: Mapping[str, str], faults: list[Fault]) -> dict[str, Any]:
    return {
        "source": form.get("source") or "github",
        "labels": [part.strip() for part in form.get("labels", "").split(",") if part.strip()],
        "includeBacklog": form.get("includeBacklog") == "true",
    }


CONFIGS = {"schedule": _schedule, "webhook": _hook, "ticket": _ticket}


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


@dataclass(frozen=True)
class Said:
    """One thing that is wrong, and the field of the form that it is about, if it has one."""

    field: str
    message: str


def said(error: DomainError, faults: list[Fault]) -> list[Said]:
    """Return all that is wrong, for the head of a page."""
    found = [Said(name, message) for name, message in known(faults).items()]
    return found or [Said("", str(error))]


def fresh_secret() -> str:
    return f"whk_{secrets.token_urlsafe(24)}"


def fresh_path() -> str:
    return f"hook-{secrets.token_hex(6)}"
