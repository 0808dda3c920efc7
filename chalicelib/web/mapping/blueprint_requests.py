"""Maps requests to blueprints and triggers."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypedDict

from pydantic.alias_generators import to_camel

from chalicelib.actions.blueprints.webhook_secrets import UnsealedTrigger
from chalicelib.domain.blueprints.blueprint import (
    Blueprint,
    Kind,
    MissingParams,
    OpenPrPolicy,
    PartialWork,
)
from chalicelib.domain.errors import Fault
from chalicelib.domain.field_warning import FieldWarning
from chalicelib.domain.ids import BlueprintId, TriggerId
from chalicelib.domain.pool import ComputeType
from chalicelib.domain.triggers.trigger import (
    CatchUp,
    OnDemand,
    OnSchedule,
    OnTicket,
    OnWebhook,
    Overlap,
    ScheduleSettings,
    Trigger,
    WebhookSettings,
)
from chalicelib.domain.triggers.webhook_senders import SENDERS
from chalicelib.web.mapping.references import find_faults, find_trigger_faults
from chalicelib.web.mapping.ticket_requests import to_ticket_settings
from chalicelib.web.queries.references import References
from chalicelib.web.schemas import requests

FIXED_FIELDS = ("type", "triggers")
"""Fields of a blueprint that never change, or that have their own route."""


def drop_ignored_fields(body: dict[str, Any]) -> tuple[dict[str, Any], list[FieldWarning]]:
    """Return the body without ignored fields, and a warning for each of them."""
    ignored = [name for name in requests.IGNORED_FIELDS if name in body]
    used_fields = {name: value for name, value in body.items() if name not in ignored}
    return used_fields, [
        FieldWarning(name, f"{name} has no effect and is not stored") for name in ignored
    ]


def to_blueprint(
    request: requests.NewTask, blueprint_id: BlueprintId, references: References, at: datetime
) -> Blueprint:
    """Return the blueprint, or the one of an ad-hoc run, that a request describes."""
    kind = Kind(request.type)
    name = request.name or request.title or ""
    linked = str(request.prompt_template_id) if request.prompt_template_id else None
    agent = request.agent_type or references.default_agent(linked, request.repo_url)
    usual_retries = 1 if kind is Kind.STANDALONE else 3
    return Blueprint(
        id=blueprint_id,
        kind=kind,
        name=name,
        title=request.title or name,
        description=request.description,
        prompt=request.prompt,
        prompt_template_id=linked,
        params_schema=request.params_schema,
        repo_url=request.repo_url,
        repo_branch=request.repo_branch,
        agent_type=agent or "claude-code",
        agent_command=request.agent_command,
        model=request.model,
        max_turns=request.max_turns,
        image=request.image,
        compute_type=ComputeType(request.compute_type) if request.compute_type else None,
        timeout_minutes=request.timeout_minutes,
        max_retries=usual_retries if request.max_retries is None else request.max_retries,
        priority=request.priority,
        max_concurrent=request.max_concurrent,
        on_open_pr=OpenPrPolicy(request.on_open_pr),
        max_open_prs=request.max_open_prs,
        skip_if_unchanged=request.skip_if_unchanged,
        missing_params=MissingParams(request.missing_params),
        partial_work=PartialWork(request.partial_work),
        draft=request.draft,
        pr_labels=tuple(dict.fromkeys(request.pr_labels)),
        secrets=tuple(request.secrets),
        environment=request.environment,
        enabled=request.enabled,
        created_at=at,
        updated_at=at,
    )


class _SharedFields(TypedDict):
    id: TriggerId
    blueprint_id: BlueprintId
    blueprint_kind: str
    created_at: datetime
    updated_at: datetime
    enabled: bool
    param_mapping: dict[str, object] | None


def to_trigger(
    request: Any, owner: Blueprint, at: datetime, was: Trigger | None = None
) -> UnsealedTrigger:
    """Return the trigger that a request describes; secrets that it omits come from `was`."""
    shared: _SharedFields = {
        "id": was.id if was else TriggerId(str(uuid.uuid4())),
        "blueprint_id": owner.id,
        "blueprint_kind": owner.kind.value,
        "created_at": at,
        "updated_at": at,
        "enabled": request.enabled,
        "param_mapping": request.param_mapping,
    }
    if request.type == "schedule":
        schedule = _to_schedule_settings(request.config)
        return UnsealedTrigger(OnSchedule(**shared, schedule=schedule))
    if request.type == "ticket":
        saved = was.ticket if isinstance(was, OnTicket) else None
        ticket = to_ticket_settings(request.config, saved)
        return UnsealedTrigger(OnTicket(**shared, ticket=ticket))
    if request.type == "manual":
        return UnsealedTrigger(OnDemand(**shared))
    before = was.webhook if isinstance(was, OnWebhook) else None
    webhook = _to_webhook_settings(request.config, before)
    secrets = tuple(request.config.named_secrets)
    return UnsealedTrigger(OnWebhook(**shared, webhook=webhook), secrets)


def _to_webhook_settings(
    config: requests.HookConfig, was: WebhookSettings | None
) -> WebhookSettings:
    """Return the settings with the secrets of `was`, or without any if the request names some."""
    keeps = not config.named_secrets and SENDERS[config.signature].check is not None
    sealed = was.sealed if was and keeps else ()
    offers = not (config.named_secrets or sealed or config.discard_verification_token)
    return WebhookSettings(
        path=config.path,
        preset=config.signature,
        sealed=sealed,
        offered=was.offered if was and offers else None,
        filter=config.filter,
        events=tuple(config.events),
        topics=tuple(config.topic_arns),
    )


def _to_schedule_settings(config: requests.ScheduleConfig) -> ScheduleSettings:
    return ScheduleSettings(
        cron=config.cron_expression,
        timezone=config.timezone,
        overlap=Overlap(config.overlap_policy),
        catch_up=CatchUp(config.catch_up_policy),
        jitter_seconds=config.jitter_seconds,
        start_at=config.start_at and config.start_at.astimezone(UTC),
        end_at=config.end_at and config.end_at.astimezone(UTC),
    )


def patch_blueprint(
    was: Blueprint, body: dict[str, Any], references: References, besides: Iterable[Fault] = ()
) -> Blueprint:
    """Return a blueprint with the fields of `body` changed."""
    fixed = [Fault(name, f"{name} cannot be changed") for name in FIXED_FIELDS if name in body]
    whole = complete_body(was, body)
    faults = [*find_faults(whole, references), *fixed, *besides]
    request = requests.parse_request(requests.NewTask, whole, current=was, extra_faults=faults)
    new = to_blueprint(request, was.id, references, was.updated_at)
    return replace(new, created_at=was.created_at, paused_reason=None)


def complete_body(was: Blueprint, body: dict[str, Any]) -> dict[str, Any]:
    """Return the body of the whole blueprint after a change of some fields."""
    changes = {name: value for name, value in body.items() if name not in FIXED_FIELDS}
    return {**_current_fields(was), **changes, "type": was.kind.value}


def _current_fields(blueprint: Blueprint) -> dict[str, Any]:
    fields = {
        to_camel(name): getattr(blueprint, name)
        for name in requests.Definition.model_fields
        if name not in ("type",)
    }
    return {name: value for name, value in fields.items() if value is not None}


def complete_trigger_body(was: Trigger, body: dict[str, Any]) -> dict[str, Any]:
    """Return the body of the whole trigger after a change; a config is replaced as a whole."""
    fields = {
        "enabled": was.enabled,
        "paramMapping": was.param_mapping,
        "config": _current_config(was),
    }
    return {**fields, **body, "type": was.type.value}


def patch_trigger(
    was: Trigger,
    body: dict[str, Any],
    owner: Blueprint,
    references: References,
    besides: Iterable[Fault] = (),
) -> UnsealedTrigger:
    """Return a trigger with the fields of `body` changed; a config is replaced as a whole."""
    whole = complete_trigger_body(was, body)
    faults = [*find_trigger_faults(whole, references), *besides]
    if body.get("type", was.type.value) != was.type.value:
        faults.append(Fault("type", "the type of a trigger cannot be changed"))
    request = requests.parse_request(
        requests.NewTrigger, {"trigger": whole}, current=was, extra_faults=faults
    ).trigger
    unsealed = to_trigger(request, owner, was.updated_at, was)
    changed = replace(
        unsealed.trigger,
        version=was.version,
        created_at=was.created_at,
        template_id=was.template_id,
        next_fire_at=was.next_fire_at,
        due_at=was.due_at,
        decided_until=was.decided_until,
        last_fired_at=was.last_fired_at,
        failures=was.failures,
        disabled_reason=was.disabled_reason,
    )
    return UnsealedTrigger(changed, unsealed.secrets)


def _current_config(was: Trigger) -> dict[str, Any]:
    if isinstance(was, OnWebhook):
        return {
            "path": was.webhook.path,
            "signature": was.webhook.preset,
            "filter": was.webhook.filter,
            "events": list(was.webhook.events),
            "topicArns": list(was.webhook.topics),
        }
    if isinstance(was, OnTicket):
        return {
            "source": was.ticket.source,
            "labels": list(was.ticket.labels),
            "providerId": was.ticket.provider_id,
            "includeBacklog": was.ticket.include_backlog,
            "refire": was.ticket.refire,
        }
    if not isinstance(was, OnSchedule):
        return {}
    config = was.schedule
    return {
        "cronExpression": config.cron,
        "timezone": config.timezone,
        "overlapPolicy": config.overlap.value,
        "catchUpPolicy": config.catch_up.value,
        "jitterSeconds": config.jitter_seconds,
        "startAt": config.start_at,
        "endAt": config.end_at,
    }


def parse_trigger(
    body: dict[str, Any],
    owner: Blueprint,
    references: References,
    at: datetime,
    besides: Iterable[Fault] = (),
) -> UnsealedTrigger:
    """Return the trigger that a body describes."""
    faults = [*find_trigger_faults(body, references), *besides]
    request = requests.parse_request(requests.NewTrigger, {"trigger": body}, extra_faults=faults)
    return to_trigger(request.trigger, owner, at)
