"""Converts forms to bodies of the API's models, so that both are validated alike."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from chalicelib import wiring
from chalicelib.domain.errors import DomainError, Fault, NotFound
from chalicelib.domain.field_warning import FieldWarning
from chalicelib.domain.prompt_template import PromptTemplate
from chalicelib.domain.trigger import Trigger
from chalicelib.web.http import known_id
from chalicelib.web.pages.typed import Typed, param_text
from chalicelib.web.pages.wording import pretty

NUMBERS = (
    *("timeoutMinutes", "maxRetries", "priority", "maxConcurrent", "maxTurns"),
    "maxOpenPrs",
)
FLAGS = ("skipIfUnchanged", "draft")
TEXTS = (
    *("name", "description", "title", "prompt", "promptTemplateId", "repoUrl", "repoBranch"),
    *("agentType", "agentCommand", "model", "onOpenPr", "missingParams", "partialWork"),
)


def definition(typed: Typed) -> dict[str, Any]:
    """Return the body of the task that a form describes, without empty fields."""
    body: dict[str, Any] = {**typed.texts(*TEXTS), **typed.numbers(*NUMBERS)}
    body |= {**typed.flags(*FLAGS), "prLabels": typed.labels("prLabels")}
    if body.get("agentType") != "command":
        body.pop("agentCommand", None)
    body["secrets"] = typed.words("secrets")
    body["environment"] = typed.variables("environment")
    schema = typed.mapping("paramsSchema")
    return body | ({"paramsSchema": schema} if schema else {})


def trigger(typed: Typed) -> dict[str, Any]:
    """Return the body of the trigger that a form describes."""
    kind = typed.form.get("trigger", "schedule")
    body: dict[str, Any] = {"type": kind}
    params = typed.mapping("paramMapping")
    if params:
        body["paramMapping"] = params
    if kind in _CONFIGS:
        body["config"] = _CONFIGS[kind](typed)
    return body


def _schedule(typed: Typed) -> dict[str, Any]:
    return {
        "cronExpression": typed.text("cronExpression"),
        "timezone": typed.text("timezone") or "UTC",
        "overlapPolicy": typed.form.get("overlapPolicy") or "allow",
        "catchUpPolicy": typed.form.get("catchUpPolicy") or "one",
        **typed.numbers("jitterSeconds"),
    }


def _webhook(typed: Typed) -> dict[str, Any]:
    signature = typed.form.get("signature") or "optio"
    # The form generates a secret before the sender is chosen; Amazon SNS has topics instead.
    named = ("filter",) if signature == "sns" else ("secret", "filter")
    # The text is not stripped: a secret that ends with a space is rejected, not guessed at.
    optional = {name: typed.form.get(name, "") for name in named if typed.text(name)}
    topics = {"topicArns": typed.words("topicArns")} if signature == "sns" else {}
    return {
        "path": typed.text("path"),
        "signature": signature,
        "events": typed.words("events"),
        **topics,
        **optional,
    }


def _ticket(typed: Typed) -> dict[str, Any]:
    return {
        "source": typed.form.get("source") or "github",
        "labels": typed.labels("labels"),
        **typed.flags("includeBacklog"),
    }


_CONFIGS = {"schedule": _schedule, "webhook": _webhook, "ticket": _ticket}


def templates(chosen: str | None) -> list[PromptTemplate]:
    """Return the templates that a form offers: the newest, and the selected one."""
    store = wiring.world().prompt_templates
    found, _ = store.newest(None, 100)
    if chosen and all(one.id != chosen for one in found):
        with suppress(NotFound):
            found.append(store.get(known_id("template", chosen)))
    return found


def shown(names: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return secrets and environment as texts of form fields."""
    lines = (f"{name}={value}" for name, value in environment.items())
    return {"secrets": " ".join(names), "environment": "\n".join(lines)}


def usual_params(triggers: Iterable[Trigger], schema: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the prefilled params of a manual run: the fixed params of a trigger."""
    params = next((one.own_params for one in triggers if one.own_params), {})
    own = {name for name in (schema or {}).get("properties") or {} if name in params}
    texts = {f"param.{name}": param_text(params[name]) for name in own}
    read = Typed(texts).params(schema)
    kept = {name for name in own if _is_same(read.get(name), params[name])}
    rest = {name: value for name, value in params.items() if name not in kept}
    typed = {f"param.{name}": texts[f"param.{name}"] for name in kept}
    return typed | ({"params": pretty(rest)} if rest else {})


def _is_same(read: object, held: object) -> bool:
    """Return whether a one-line field can show a param, which must not have line breaks."""
    has_breaks = isinstance(held, str) and bool({"\n", "\r"} & set(held))
    return not has_breaks and held is not None and json.dumps(read) == json.dumps(held)


def chosen(**flags: bool) -> dict[str, str]:
    """Return switches as texts of form fields."""
    return {name: "true" if on else "" for name, on in flags.items()}


def known(faults: list[Fault], form: Mapping[str, str]) -> dict[str, str]:
    """Return the faults by the name of the form's field."""
    found: dict[str, str] = {}
    for fault in faults:
        found.setdefault(_field(fault.field, form), fault.message)
    return found


def _field(name: str, form: Mapping[str, str]) -> str:
    """Return the form's field for a field of the API; a param may have its own."""
    own = f"param.{name.removeprefix('params.').split('.')[0]}"
    if name in form or own in form:
        return name if name in form else own
    return name.removeprefix("triggers.0.").removeprefix("config.").split(".")[0]


@dataclass(frozen=True)
class Said:
    """One fault or warning, and the field of the form that it concerns, if there is one."""

    field: str
    message: str


def said(error: DomainError, faults: list[Fault], form: Mapping[str, str]) -> list[Said]:
    """Return all faults, for the top of a page."""
    found = [Said(name, message) for name, message in known(faults, form).items()]
    return found or [Said("", str(error))]


def warned(warnings: Iterable[FieldWarning]) -> list[Said]:
    """Return warnings for a page, each with the field of the form that it concerns."""
    return [Said(_field(warning.field, {}), warning.message) for warning in warnings]


def fresh_secret() -> str:
    return f"whk_{secrets.token_urlsafe(24)}"


def fresh_path() -> str:
    return f"hook-{secrets.token_hex(16)}"
