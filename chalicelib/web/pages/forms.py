"""Converts forms to bodies of the API's models, so that both are validated alike."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from chalicelib import wiring
from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.domain.errors import DomainError, Fault, NotFound
from chalicelib.domain.field_warning import FieldWarning
from chalicelib.domain.triggers.trigger import Trigger
from chalicelib.web.http.requests import parse_id
from chalicelib.web.pages.filters import format_json_value
from chalicelib.web.pages.form import SubmittedForm, param_to_text
from chalicelib.web.queries import configuration

NUMBER_FIELDS = (
    *("timeoutMinutes", "maxRetries", "priority", "maxConcurrent", "maxTurns"),
    "maxOpenPrs",
)
FLAG_FIELDS = ("skipIfUnchanged", "draft")
TEXT_FIELDS = (
    *("name", "description", "title", "prompt", "promptTemplateId", "repoUrl", "repoBranch"),
    *("agentType", "agentCommand", "model", "onOpenPr", "missingParams", "partialWork"),
    *("image", "computeType"),
)


def blueprint_body(submitted: SubmittedForm) -> dict[str, Any]:
    """Return the body of the task that a form describes, without empty fields."""
    body: dict[str, Any] = {
        **submitted.read_texts(*TEXT_FIELDS),
        **submitted.read_numbers(*NUMBER_FIELDS),
    }
    body |= {**submitted.read_flags(*FLAG_FIELDS), "prLabels": submitted.read_labels("prLabels")}
    if body.get("agentType") != "command":
        body.pop("agentCommand", None)
    body["secrets"] = submitted.read_words("secrets")
    body["environment"] = submitted.read_variables("environment")
    schema = submitted.read_mapping("paramsSchema")
    return body | ({"paramsSchema": schema} if schema else {})


def trigger_body(submitted: SubmittedForm) -> dict[str, Any]:
    """Return the body of the trigger that a form describes."""
    kind = submitted.form.get("trigger", "schedule")
    body: dict[str, Any] = {"type": kind}
    params = submitted.read_mapping("paramMapping")
    if params:
        body["paramMapping"] = params
    if kind in _CONFIGS:
        body["config"] = _CONFIGS[kind](submitted)
    return body


def _schedule_body(submitted: SubmittedForm) -> dict[str, Any]:
    return {
        "cronExpression": submitted.read_text("cronExpression"),
        "timezone": submitted.read_text("timezone") or "UTC",
        "overlapPolicy": submitted.form.get("overlapPolicy") or "allow",
        "catchUpPolicy": submitted.form.get("catchUpPolicy") or "one",
        **submitted.read_numbers("jitterSeconds"),
    }


def _webhook_body(submitted: SubmittedForm) -> dict[str, Any]:
    signature = submitted.form.get("signature") or "optio"
    # The form generates a secret before the sender is chosen; Amazon SNS has topics instead.
    field_names = ("filter",) if signature == "sns" else ("secret", "filter")
    # The text is not stripped: a secret that ends with a space is rejected, not guessed at.
    optional = {
        name: submitted.form.get(name, "") for name in field_names if submitted.read_text(name)
    }
    topics = {"topicArns": submitted.read_words("topicArns")} if signature == "sns" else {}
    return {
        "path": submitted.read_text("path"),
        "signature": signature,
        "events": submitted.read_words("events"),
        **topics,
        **optional,
    }


def _ticket_body(submitted: SubmittedForm) -> dict[str, Any]:
    return {
        "source": submitted.form.get("source") or "github",
        "labels": submitted.read_labels("labels"),
        **submitted.read_flags("includeBacklog"),
    }


_CONFIGS = {"schedule": _schedule_body, "webhook": _webhook_body, "ticket": _ticket_body}


def list_template_choices(selected: str | None) -> list[tuple[str, str]]:
    """Return the id and name of each template that a form offers: the newest, and `selected`."""
    return [(template.id, template.name) for template in _list_templates(selected)]


def _list_templates(selected: str | None) -> list[PromptTemplate]:
    world = wiring.get_world()
    with suppress(NotFound):
        template_id = parse_id("template", selected) if selected else None
        return configuration.list_offered_templates(world, template_id)
    return configuration.list_offered_templates(world, None)


def variable_texts(names: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return secrets and environment as texts of form fields."""
    lines = (f"{name}={value}" for name, value in environment.items())
    return {"secrets": " ".join(names), "environment": "\n".join(lines)}


def default_params(triggers: Iterable[Trigger], schema: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the prefilled params of a manual run: the fixed params of a trigger."""
    params = next((trigger.own_params for trigger in triggers if trigger.own_params), {})
    own = {name for name in (schema or {}).get("properties") or {} if name in params}
    texts = {f"param.{name}": param_to_text(params[name]) for name in own}
    read = SubmittedForm(texts).read_params(schema)
    exact = {name for name in own if _is_same(read.get(name), params[name])}
    rest = {name: value for name, value in params.items() if name not in exact}
    values = {f"param.{name}": texts[f"param.{name}"] for name in exact}
    return values | ({"params": format_json_value(rest)} if rest else {})


def _is_same(read: object, held: object) -> bool:
    """Return whether a one-line field can show a param, which must not have line breaks."""
    has_breaks = isinstance(held, str) and bool({"\n", "\r"} & set(held))
    return not has_breaks and held is not None and json.dumps(read) == json.dumps(held)


def flag_values(**flags: bool) -> dict[str, str]:
    """Return switches as texts of form fields."""
    return {name: "true" if on else "" for name, on in flags.items()}


def faults_by_field(faults: Iterable[Fault], form: Mapping[str, str]) -> dict[str, str]:
    """Return the faults by the name of the form's field."""
    messages: dict[str, str] = {}
    for fault in faults:
        messages.setdefault(_form_field(fault.field, form), fault.message)
    return messages


def _form_field(name: str, form: Mapping[str, str]) -> str:
    """Return the form's field for a field of the API; a param may have its own."""
    own = f"param.{name.removeprefix('params.').split('.')[0]}"
    if name in form or own in form:
        return name if name in form else own
    return name.removeprefix("triggers.0.").removeprefix("config.").split(".")[0]


@dataclass(frozen=True)
class FormError:
    """One fault or warning, and the field of the form that it concerns, if there is one."""

    field: str
    message: str


def form_errors(error: DomainError, form: Mapping[str, str]) -> list[FormError]:
    """Return all faults of an error, for the top of a page."""
    by_field = faults_by_field(error.faults, form)
    errors = [FormError(name, message) for name, message in by_field.items()]
    return errors or [FormError("", str(error))]


def warning_notes(warnings: Iterable[FieldWarning]) -> list[FormError]:
    """Return warnings for a page, each with the field of the form that it concerns."""
    return [FormError(_form_field(warning.field, {}), warning.message) for warning in warnings]


def new_secret() -> str:
    return f"whk_{secrets.token_urlsafe(24)}"


def new_path() -> str:
    return f"hook-{secrets.token_hex(16)}"
