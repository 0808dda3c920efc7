"""Renders domain objects as JSON of the API."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import overload

from chalicelib.actions.firing.preview import FiringPreview
from chalicelib.actions.scheduler.health import SchedulerHealth
from chalicelib.domain.access.secret import Secret
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.domain.field_warning import FieldWarning
from chalicelib.domain.firing.firing import Brief, Firing
from chalicelib.domain.ids import format_moment
from chalicelib.domain.repos.repo import Repo
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.domain.triggers.time_zones import parse_zone
from chalicelib.domain.triggers.trigger import TicketSettings, Trigger, WebhookSettings
from chalicelib.web.http.cursors import encode_cursor
from chalicelib.web.queries.firings import LedgerPage, TriggerDetails
from chalicelib.web.schemas import responses


@overload
def format_optional_moment(at: datetime) -> str: ...
@overload
def format_optional_moment(at: datetime | None) -> str | None: ...
def format_optional_moment(at: datetime | None) -> str | None:
    return format_moment(at) if at else None


def blueprint_summary(thing: Blueprint) -> responses.DefinitionSummary:
    return {
        "id": thing.id,
        "type": thing.kind,
        "name": thing.name,
        "title": thing.title,
        "description": thing.description,
        "repoUrl": thing.repo_url,
        "repoBranch": thing.repo_branch,
        "agentType": thing.agent_type,
        "agentCommand": thing.agent_command,
        "model": thing.model,
        "maxTurns": thing.max_turns,
        "timeoutMinutes": thing.timeout_minutes,
        "maxRetries": thing.max_retries,
        "priority": thing.priority,
        "maxConcurrent": thing.max_concurrent,
        "secrets": list(thing.secrets),
        "environment": thing.environment,
        "promptTemplateId": thing.prompt_template_id,
        "paramsSchema": thing.params_schema,
        "enabled": thing.enabled,
        "onOpenPr": thing.on_open_pr,
        "maxOpenPrs": thing.max_open_prs,
        "skipIfUnchanged": thing.skip_if_unchanged,
        "missingParams": thing.missing_params,
        "partialWork": thing.partial_work,
        "draft": thing.draft,
        "prLabels": list(thing.pr_labels),
        "pausedReason": thing.paused_reason,
        "createdAt": format_optional_moment(thing.created_at),
        "updatedAt": format_optional_moment(thing.updated_at),
    }


def blueprint_view(thing: Blueprint) -> responses.DefinitionView:
    return {**blueprint_summary(thing), "prompt": thing.prompt}


def trigger_view(thing: Trigger, now: datetime) -> responses.TriggerView:
    view: responses.TriggerView = {
        "id": thing.id,
        "targetType": "job" if thing.blueprint_kind == "standalone" else "task_config",
        "targetId": thing.blueprint_id,
        "type": thing.type,
        "config": config_view(thing),
        "paramMapping": thing.param_mapping,
        "enabled": thing.enabled,
        "disabledReason": thing.disabled_reason,
        "lastFiredAt": format_optional_moment(thing.last_fired_at),
        "nextFireAt": format_optional_moment(thing.due_at),
        "createdAt": format_optional_moment(thing.created_at),
        "updatedAt": format_optional_moment(thing.updated_at),
    }
    if thing.type is TriggerType.SCHEDULE and (config := thing.schedule):
        view["nextFireTimes"] = [
            {
                "utc": format_optional_moment(at),
                "local": at.astimezone(parse_zone(config.timezone)).isoformat(),
            }
            for at in thing.preview_fires(now)
        ]
    return view


def trigger_details_view(details: TriggerDetails, now: datetime) -> responses.TriggerView:
    """Return a trigger with its last firing, and with a token if the caller may see one."""
    view = trigger_view(details.trigger, now)
    view["lastFiredAt"] = format_optional_moment(details.last_fired_at)
    webhook = details.trigger.webhook
    if webhook and details.offered_token is not None:
        config = webhook_config_view(webhook)
        view["config"] = {**config, "verificationToken": details.offered_token}
    return view


def warning_views(found: Iterable[FieldWarning]) -> list[responses.WarningView]:
    """Return warnings in the form of the API."""
    return [{"field": warning.field, "message": warning.message} for warning in found]


def config_view(thing: Trigger) -> responses.ConfigView:
    if thing.webhook:
        return webhook_config_view(thing.webhook)
    if thing.ticket:
        return _ticket_config_view(thing.ticket)
    config = thing.schedule
    if config is None:
        return {}
    return {
        "cronExpression": config.cron,
        "timezone": config.timezone,
        "overlapPolicy": config.overlap,
        "catchUpPolicy": config.catch_up,
        "jitterSeconds": config.jitter_seconds,
        "startAt": format_optional_moment(config.start_at),
        "endAt": format_optional_moment(config.end_at),
    }


def webhook_config_view(thing: WebhookSettings) -> responses.HookConfigView:
    view: responses.HookConfigView = {
        "path": thing.path,
        "signature": thing.preset,
        "hasSecret": bool(thing.sealed),
        "filter": thing.filter,
        "events": list(thing.events),
    }
    if thing.topics:
        view["topicArns"] = list(thing.topics)
    return view


def _ticket_config_view(ticket: TicketSettings) -> responses.TicketConfigView:
    return {
        "source": ticket.source,
        "labels": list(ticket.labels),
        "providerId": ticket.provider_id,
        "includeBacklog": ticket.include_backlog,
        "refire": ticket.refire,
    }


def firing_view(thing: Firing) -> responses.FiringView:
    view: responses.FiringView = {
        "id": thing.id,
        "triggerId": thing.trigger_id,
        "taskId": thing.run_id,
        "occurrence": thing.occurrence,
        "firedAt": format_optional_moment(thing.fired_at),
        "outcome": thing.outcome,
        "reason": thing.reason,
        "missingParams": list(thing.missing_params),
        "latenessMs": thing.lateness_ms,
        "redeliveryOf": thing.redelivery_of,
    }
    if thing.count is not None:
        view["until"], view["count"] = thing.until, thing.count
    return view


def ledger_view(page: LedgerPage) -> responses.FiringList:
    """Return a page of firings, each with the state of its run."""
    states = page.run_states
    shown: list[responses.FiringView] = [
        {**firing_view(thing), "runState": states.get(thing.run_id) if thing.run_id else None}
        for thing in page.firings
    ]
    return {"firings": shown, "nextCursor": encode_cursor(page.position)}


def full_firing_view(thing: Firing, brief: Brief | None) -> responses.WholeFiring:
    """Return a firing with its params and its payload."""
    params = json.loads(brief.params) if brief else None
    payload = json.loads(brief.payload) if brief and brief.payload else params
    return {
        **firing_view(thing),
        "params": params,
        "payload": payload
        if thing.trigger_type in (TriggerType.WEBHOOK, TriggerType.TICKET)
        else None,
    }


def prompt_template_summary(thing: PromptTemplate) -> responses.PromptTemplateSummary:
    return {
        "id": thing.id,
        "name": thing.name,
        "kind": thing.kind,
        "description": thing.description,
        "paramsSchema": thing.params_schema,
        "defaultAgentType": thing.default_agent_type,
        "createdAt": format_optional_moment(thing.created_at),
        "updatedAt": format_optional_moment(thing.updated_at),
    }


def prompt_template_view(thing: PromptTemplate) -> responses.PromptTemplateView:
    return {**prompt_template_summary(thing), "template": thing.template}


def rendered_view(thing: FiringPreview) -> responses.RenderedView:
    return {
        "prompt": thing.prompt,
        "missing": list(thing.missing),
        "unused": list(thing.unused),
    }


def preview_view(thing: FiringPreview) -> responses.PreviewView:
    return {
        **rendered_view(thing),
        "title": thing.title,
        "verdicts": [
            {"policy": one.policy, "fires": one.fires, "message": one.message}
            for one in thing.verdicts
        ],
    }


def scheduler_health_view(
    thing: SchedulerHealth, now: datetime, interval: timedelta
) -> responses.PulseView:
    overdue = thing.oldest_overdue
    oldest: responses.Overdue | None = None
    if overdue:
        oldest = {
            "triggerId": overdue.id,
            "taskId": overdue.blueprint_id,
            "dueAt": format_optional_moment(overdue.at),
            "overdueSeconds": round((now - overdue.at).total_seconds()),
        }
    return {
        "status": thing.status,
        "startedAt": format_optional_moment(thing.started_at),
        "lastTick": format_optional_moment(thing.last_tick),
        "tickIntervalSeconds": int(interval.total_seconds()),
        "latenessMs": {
            "p50": thing.lateness_percentile(50),
            "p95": thing.lateness_percentile(95),
            "p99": thing.lateness_percentile(99),
            "max": thing.lateness_percentile(100),
            "count": len(thing.lateness_ms),
        },
        "oldestOverdue": oldest,
        "deadLetters": {
            "fire": thing.dead_letters["fire"],
            "steps": thing.dead_letters["steps"],
            "remote": thing.dead_letters["remote"],
            "notify": thing.dead_letters["notify"],
        },
    }


def secret_view(thing: Secret) -> responses.SecretView:
    return {
        "name": thing.name,
        "scope": thing.scope,
        "createdAt": format_optional_moment(thing.created_at),
        "updatedAt": format_optional_moment(thing.updated_at),
    }


def repo_view(thing: Repo) -> responses.RepoView:
    return {
        "id": thing.id,
        "repoUrl": thing.url,
        "setupCommands": thing.setup_commands,
        "includeSetupChanges": thing.include_setup_changes,
        "testCommand": thing.test_command,
        "secrets": list(thing.secrets),
        "environment": thing.environment,
        "defaultBranch": thing.default_branch,
        "branchPrefix": thing.branch_prefix,
        "defaultAgentType": thing.default_agent_type,
        "maxConcurrentTasks": thing.max_concurrent_tasks,
        "runner": thing.runner,
        "image": thing.image,
        "computeType": thing.compute_type,
        "forgeApiUrl": thing.forge_api_url,
        "autoMerge": thing.auto_merge,
        "autoResume": thing.auto_resume,
        "maxAutoResumes": thing.max_auto_resumes,
        "trustedBots": list(thing.trusted_bots),
        "commitAuthorName": thing.commit_author_name,
        "commitAuthorEmail": thing.commit_author_email,
        "createdAt": format_optional_moment(thing.created_at),
        "updatedAt": format_optional_moment(thing.updated_at),
    }
