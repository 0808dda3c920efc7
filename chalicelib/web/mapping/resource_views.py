"""Renders domain objects as JSON of the API."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import overload

from chalicelib.actions.scheduler.health import SchedulerHealth
from chalicelib.domain.access.secret import Secret
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.domain.field_warning import FieldWarning
from chalicelib.domain.ids import format_moment
from chalicelib.domain.repos.repo import Repo
from chalicelib.domain.triggers.time_zones import parse_zone
from chalicelib.domain.triggers.trigger import (
    OnSchedule,
    OnTicket,
    OnWebhook,
    TicketSettings,
    Trigger,
    WebhookSettings,
)
from chalicelib.web.queries.firings import TriggerDetails
from chalicelib.web.schemas import responses


@overload
def format_optional_moment(at: datetime) -> str: ...
@overload
def format_optional_moment(at: datetime | None) -> str | None: ...
def format_optional_moment(at: datetime | None) -> str | None:
    return format_moment(at) if at else None


def blueprint_summary(blueprint: Blueprint) -> responses.DefinitionSummary:
    return {
        "id": blueprint.id,
        "type": blueprint.kind,
        "name": blueprint.name,
        "title": blueprint.title,
        "description": blueprint.description,
        "repoUrl": blueprint.repo_url,
        "repoBranch": blueprint.repo_branch,
        "agentType": blueprint.agent_type,
        "agentCommand": blueprint.agent_command,
        "model": blueprint.model,
        "maxTurns": blueprint.max_turns,
        "image": blueprint.image,
        "computeType": blueprint.compute_type,
        "timeoutMinutes": blueprint.timeout_minutes,
        "maxRetries": blueprint.max_retries,
        "priority": blueprint.priority,
        "maxConcurrent": blueprint.max_concurrent,
        "secrets": list(blueprint.secrets),
        "environment": blueprint.environment,
        "promptTemplateId": blueprint.prompt_template_id,
        "paramsSchema": blueprint.params_schema,
        "enabled": blueprint.enabled,
        "onOpenPr": blueprint.on_open_pr,
        "maxOpenPrs": blueprint.max_open_prs,
        "skipIfUnchanged": blueprint.skip_if_unchanged,
        "missingParams": blueprint.missing_params,
        "partialWork": blueprint.partial_work,
        "draft": blueprint.draft,
        "prLabels": list(blueprint.pr_labels),
        "pausedReason": blueprint.paused_reason,
        "createdAt": format_optional_moment(blueprint.created_at),
        "updatedAt": format_optional_moment(blueprint.updated_at),
    }


def blueprint_view(blueprint: Blueprint) -> responses.DefinitionView:
    return {**blueprint_summary(blueprint), "prompt": blueprint.prompt}


def trigger_view(trigger: Trigger, now: datetime) -> responses.TriggerView:
    view: responses.TriggerView = {
        "id": trigger.id,
        "targetType": "job" if trigger.blueprint_kind == "standalone" else "task_config",
        "targetId": trigger.blueprint_id,
        "type": trigger.type,
        "config": config_view(trigger),
        "paramMapping": trigger.param_mapping,
        "enabled": trigger.enabled,
        "disabledReason": trigger.disabled_reason,
        "lastFiredAt": format_optional_moment(trigger.last_fired_at),
        "nextFireAt": format_optional_moment(trigger.due_at),
        "createdAt": format_optional_moment(trigger.created_at),
        "updatedAt": format_optional_moment(trigger.updated_at),
    }
    if isinstance(trigger, OnSchedule):
        view["nextFireTimes"] = [
            {
                "utc": format_optional_moment(at),
                "local": at.astimezone(parse_zone(trigger.schedule.timezone)).isoformat(),
            }
            for at in trigger.preview_fires(now)
        ]
    return view


def trigger_details_view(details: TriggerDetails, now: datetime) -> responses.TriggerView:
    """Return a trigger with its last firing, and with a token if the caller may see one."""
    view = trigger_view(details.trigger, now)
    view["lastFiredAt"] = format_optional_moment(details.last_fired_at)
    trigger = details.trigger
    if isinstance(trigger, OnWebhook) and details.offered_token is not None:
        config = webhook_config_view(trigger.webhook)
        view["config"] = {**config, "verificationToken": details.offered_token}
    return view


def warning_views(warnings: Iterable[FieldWarning]) -> list[responses.WarningView]:
    """Return warnings in the form of the API."""
    return [{"field": warning.field, "message": warning.message} for warning in warnings]


def config_view(trigger: Trigger) -> responses.ConfigView:
    if isinstance(trigger, OnWebhook):
        return webhook_config_view(trigger.webhook)
    if isinstance(trigger, OnTicket):
        return _ticket_config_view(trigger.ticket)
    if not isinstance(trigger, OnSchedule):
        return {}
    config = trigger.schedule
    return {
        "cronExpression": config.cron,
        "timezone": config.timezone,
        "overlapPolicy": config.overlap,
        "catchUpPolicy": config.catch_up,
        "jitterSeconds": config.jitter_seconds,
        "startAt": format_optional_moment(config.start_at),
        "endAt": format_optional_moment(config.end_at),
    }


def webhook_config_view(webhook: WebhookSettings) -> responses.HookConfigView:
    view: responses.HookConfigView = {
        "path": webhook.path,
        "signature": webhook.preset,
        "hasSecret": bool(webhook.sealed),
        "filter": webhook.filter,
        "events": list(webhook.events),
    }
    if webhook.topics:
        view["topicArns"] = list(webhook.topics)
    return view


def _ticket_config_view(ticket: TicketSettings) -> responses.TicketConfigView:
    return {
        "source": ticket.source,
        "labels": list(ticket.labels),
        "providerId": ticket.provider_id,
        "includeBacklog": ticket.include_backlog,
        "refire": ticket.refire,
    }


def prompt_template_summary(template: PromptTemplate) -> responses.PromptTemplateSummary:
    return {
        "id": template.id,
        "name": template.name,
        "kind": template.kind,
        "description": template.description,
        "paramsSchema": template.params_schema,
        "defaultAgentType": template.default_agent_type,
        "createdAt": format_optional_moment(template.created_at),
        "updatedAt": format_optional_moment(template.updated_at),
    }


def prompt_template_view(template: PromptTemplate) -> responses.PromptTemplateView:
    return {**prompt_template_summary(template), "template": template.template}


def scheduler_health_view(
    health: SchedulerHealth, now: datetime, interval: timedelta
) -> responses.PulseView:
    overdue = health.oldest_overdue
    oldest: responses.Overdue | None = None
    if overdue:
        oldest = {
            "triggerId": overdue.id,
            "taskId": overdue.blueprint_id,
            "dueAt": format_optional_moment(overdue.at),
            "overdueSeconds": round((now - overdue.at).total_seconds()),
        }
    return {
        "status": health.status,
        "startedAt": format_optional_moment(health.started_at),
        "lastTick": format_optional_moment(health.last_tick),
        "tickIntervalSeconds": int(interval.total_seconds()),
        "latenessMs": {
            "p50": health.lateness_percentile(50),
            "p95": health.lateness_percentile(95),
            "p99": health.lateness_percentile(99),
            "max": health.lateness_percentile(100),
            "count": len(health.lateness_ms),
        },
        "oldestOverdue": oldest,
        "deadLetters": {
            "fire": health.dead_letters["fire"],
            "steps": health.dead_letters["steps"],
            "remote": health.dead_letters["remote"],
            "notify": health.dead_letters["notify"],
        },
    }


def secret_view(secret: Secret) -> responses.SecretView:
    return {
        "name": secret.name,
        "scope": secret.scope,
        "createdAt": format_optional_moment(secret.created_at),
        "updatedAt": format_optional_moment(secret.updated_at),
    }


def repo_view(repo: Repo) -> responses.RepoView:
    return {
        "id": repo.id,
        "repoUrl": repo.url,
        "setupCommands": repo.setup_commands,
        "includeSetupChanges": repo.include_setup_changes,
        "testCommand": repo.test_command,
        "secrets": list(repo.secrets),
        "environment": repo.environment,
        "defaultBranch": repo.default_branch,
        "branchPrefix": repo.branch_prefix,
        "defaultAgentType": repo.default_agent_type,
        "maxConcurrentTasks": repo.max_concurrent_tasks,
        "runner": repo.runner,
        "image": repo.image,
        "computeType": repo.compute_type,
        "forgeApiUrl": repo.forge_api_url,
        "autoMerge": repo.auto_merge,
        "autoResume": repo.auto_resume,
        "maxAutoResumes": repo.max_auto_resumes,
        "trustedBots": list(repo.trusted_bots),
        "commitAuthorName": repo.commit_author_name,
        "commitAuthorEmail": repo.commit_author_email,
        "createdAt": format_optional_moment(repo.created_at),
        "updatedAt": format_optional_moment(repo.updated_at),
    }
