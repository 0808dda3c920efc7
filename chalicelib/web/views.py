"""Renders domain objects as JSON of the API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import overload

from chalicelib.actions import listing
from chalicelib.actions.previewing import Preview
from chalicelib.actions.pulse import Pulse
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.field_warning import FieldWarning
from chalicelib.domain.firing import Brief, Firing, moment_text
from chalicelib.domain.prompt_template import PromptTemplate
from chalicelib.domain.repo import Repo
from chalicelib.domain.secret import Secret
from chalicelib.domain.time_zones import parse_zone
from chalicelib.domain.trigger import HookConfig, TicketConfig, Trigger, TriggerType
from chalicelib.ports import World
from chalicelib.web import answers


@overload
def moment(at: datetime) -> str: ...
@overload
def moment(at: datetime | None) -> str | None: ...
def moment(at: datetime | None) -> str | None:
    return moment_text(at) if at else None


def blueprint_summary(thing: Blueprint) -> answers.DefinitionSummary:
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
        "createdAt": moment(thing.created_at),
        "updatedAt": moment(thing.updated_at),
    }


def blueprint(thing: Blueprint) -> answers.DefinitionView:
    return {**blueprint_summary(thing), "prompt": thing.prompt}


def trigger(thing: Trigger, now: datetime) -> answers.TriggerView:
    view: answers.TriggerView = {
        "id": thing.id,
        "targetType": "job" if thing.definition_kind == "standalone" else "task_config",
        "targetId": thing.definition_id,
        "type": thing.type,
        "config": config_of(thing),
        "paramMapping": thing.param_mapping,
        "enabled": thing.enabled,
        "disabledReason": thing.disabled_reason,
        "lastFiredAt": moment(thing.last_fired_at),
        "nextFireAt": moment(thing.due_at),
        "createdAt": moment(thing.created_at),
        "updatedAt": moment(thing.updated_at),
    }
    if thing.type is TriggerType.SCHEDULE and (config := thing.schedule):
        view["nextFireTimes"] = [
            {"utc": moment(at), "local": at.astimezone(parse_zone(config.timezone)).isoformat()}
            for at in thing.preview_fires(now)
        ]
    return view


def warnings(found: Iterable[FieldWarning]) -> list[answers.WarningView]:
    """Return warnings in the form of the API."""
    return [{"field": warning.field, "message": warning.message} for warning in found]


def config_of(thing: Trigger) -> answers.ConfigView:
    if thing.hook:
        return hook(thing.hook)
    if thing.ticket:
        return _ticket(thing.ticket)
    config = thing.schedule
    if config is None:
        return {}
    return {
        "cronExpression": config.cron,
        "timezone": config.timezone,
        "overlapPolicy": config.overlap,
        "catchUpPolicy": config.catch_up,
        "jitterSeconds": config.jitter_seconds,
        "startAt": moment(config.start_at),
        "endAt": moment(config.end_at),
    }


def hook(thing: HookConfig) -> answers.HookConfigView:
    view: answers.HookConfigView = {
        "path": thing.path,
        "signature": thing.preset,
        "hasSecret": bool(thing.sealed),
        "filter": thing.filter,
        "events": list(thing.events),
    }
    if thing.topics:
        view["topicArns"] = list(thing.topics)
    return view


def _ticket(ticket: TicketConfig) -> answers.TicketConfigView:
    return {
        "source": ticket.source,
        "labels": list(ticket.labels),
        "providerId": ticket.provider_id,
        "includeBacklog": ticket.include_backlog,
        "refire": ticket.refire,
    }


def firing(thing: Firing) -> answers.FiringView:
    view: answers.FiringView = {
        "id": thing.id,
        "triggerId": thing.trigger_id,
        "taskId": thing.run_id,
        "occurrence": thing.occurrence,
        "firedAt": moment(thing.fired_at),
        "outcome": thing.outcome,
        "reason": thing.reason,
        "missingParams": list(thing.missing_params),
        "latenessMs": thing.lateness_ms,
        "redeliveryOf": thing.redelivery_of,
    }
    if thing.count is not None:
        view["until"], view["count"] = thing.until, thing.count
    return view


def firings(world: World, listed: Sequence[Firing]) -> list[answers.FiringView]:
    """Return firings, each with the state of its run."""
    states = listing.find_run_states(world, listed)
    return [
        {**firing(thing), "runState": states.get(thing.run_id) if thing.run_id else None}
        for thing in listed
    ]


def whole_firing(thing: Firing, brief: Brief | None) -> answers.WholeFiring:
    """Return a firing with its params and its payload."""
    params = json.loads(brief.params) if brief else None
    payload = json.loads(brief.payload) if brief and brief.payload else params
    return {
        **firing(thing),
        "params": params,
        "payload": payload if thing.trigger_type in ("webhook", "ticket") else None,
    }


def prompt_template_summary(thing: PromptTemplate) -> answers.PromptTemplateSummary:
    return {
        "id": thing.id,
        "name": thing.name,
        "kind": thing.kind,
        "description": thing.description,
        "paramsSchema": thing.params_schema,
        "defaultAgentType": thing.default_agent_type,
        "createdAt": moment(thing.created_at),
        "updatedAt": moment(thing.updated_at),
    }


def prompt_template(thing: PromptTemplate) -> answers.PromptTemplateView:
    return {**prompt_template_summary(thing), "template": thing.template}


def rendered(thing: Preview) -> answers.RenderedView:
    return {
        "prompt": thing.prompt,
        "missing": list(thing.missing),
        "unused": list(thing.unused),
    }


def preview(thing: Preview) -> answers.PreviewView:
    return {
        **rendered(thing),
        "title": thing.title,
        "verdicts": [
            {"policy": one.policy, "fires": one.fires, "message": one.message}
            for one in thing.verdicts
        ],
    }


def pulse(thing: Pulse, now: datetime, interval: timedelta) -> answers.PulseView:
    overdue = thing.oldest_overdue
    oldest: answers.Overdue | None = None
    if overdue:
        oldest = {
            "triggerId": overdue.id,
            "taskId": overdue.definition_id,
            "dueAt": moment(overdue.at),
            "overdueSeconds": round((now - overdue.at).total_seconds()),
        }
    return {
        "status": thing.status,
        "startedAt": moment(thing.started_at),
        "lastTick": moment(thing.last_tick),
        "tickIntervalSeconds": int(interval.total_seconds()),
        "latenessMs": {
            "p50": thing.percentile(50),
            "p95": thing.percentile(95),
            "p99": thing.percentile(99),
            "max": thing.percentile(100),
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


def secret(thing: Secret) -> answers.SecretView:
    return {
        "name": thing.name,
        "scope": thing.scope,
        "createdAt": moment(thing.created_at),
        "updatedAt": moment(thing.updated_at),
    }


def repo(thing: Repo) -> answers.RepoView:
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
        "createdAt": moment(thing.created_at),
        "updatedAt": moment(thing.updated_at),
    }
