"""How things look as JSON, in the words of the contract."""

from __future__ import annotations

import json
from datetime import datetime
from zoneinfo import ZoneInfo

from chalicelib.domain import schedule as schedules
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.firing import Brief, Firing, moment_text
from chalicelib.domain.log import LogLine
from chalicelib.domain.repo import Repo
from chalicelib.domain.run import Event, Run
from chalicelib.domain.trigger import Trigger, TriggerType

View = dict[str, object]


def moment(at: datetime | None) -> str | None:
    return moment_text(at) if at else None


def blueprint(thing: Blueprint, *, summary: bool = False) -> View:
    view: View = {
        "id": thing.id,
        "type": thing.kind.value,
        "name": thing.name,
        "title": thing.title,
        "description": thing.description,
        "prompt": thing.prompt,
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
        "environment": thing.environment,
        "enabled": thing.enabled,
        "createdAt": moment(thing.created_at),
        "updatedAt": moment(thing.updated_at),
    }
    if summary:
        del view["prompt"]
    return view


def trigger(thing: Trigger, now: datetime) -> View:
    view: View = {
        "id": thing.id,
        "targetType": "job" if thing.definition_kind == "standalone" else "task_config",
        "targetId": thing.definition_id,
        "type": thing.type.value,
        "config": _config(thing),
        "paramMapping": thing.param_mapping,
        "enabled": thing.enabled,
        "disabledReason": thing.disabled_reason,
        "lastFiredAt": moment(thing.last_fired_at),
        "nextFireAt": moment(thing.due_at),
        "createdAt": moment(thing.created_at),
        "updatedAt": moment(thing.updated_at),
    }
    if thing.type is TriggerType.SCHEDULE and thing.schedule:
        zone = ZoneInfo(thing.schedule.timezone)
        upcoming = schedules.preview(thing.timing, now)
        view["nextFireTimes"] = [
            {"utc": moment(at), "local": at.astimezone(zone).isoformat()} for at in upcoming
        ]
    return view


def _config(thing: Trigger) -> View:
    config = thing.schedule
    if config is None:
        return {}
    return {
        "cronExpression": config.cron,
        "timezone": config.timezone,
        "catchUpPolicy": config.catch_up.value,
        "jitterSeconds": config.jitter_seconds,
        "startAt": moment(config.start_at),
        "endAt": moment(config.end_at),
    }


def run(thing: Run, brief: Brief | None = None) -> View:
    """Return a run; with its brief, the whole of it, and without, a summary."""
    view: View = {
        "id": thing.id,
        "type": thing.type,
        "state": thing.state.value,
        "stage": thing.stage,
        "attempt": thing.attempt,
        "title": thing.title,
        "repoUrl": thing.repo_url,
        "repoBranch": thing.repo_branch,
        "agentType": thing.agent_type,
        "model": thing.model,
        "maxTurns": thing.max_turns,
        "timeoutMinutes": thing.timeout_minutes,
        "maxRetries": thing.max_retries,
        "priority": thing.priority,
        "prUrl": thing.pr_url,
        "prNumber": thing.pr_number,
        "prState": thing.pr_state,
        "prChecksStatus": thing.pr_checks_status,
        "prReviewStatus": thing.pr_review_status,
        "branch": thing.branch,
        "headSha": thing.head_sha,
        "diffStat": thing.diff_stat,
        "resultSummary": thing.result_summary,
        "errorMessage": thing.error_message,
        "errorClass": thing.error_class,
        "waitingFor": thing.waiting_for,
        "costUsd": thing.cost_usd,
        "inputTokens": thing.input_tokens,
        "outputTokens": thing.output_tokens,
        "modelUsed": thing.model_used,
        "retryCount": thing.retry_count,
        "startedAt": moment(thing.started_at),
        "completedAt": moment(thing.completed_at),
        "createdAt": moment(thing.created_at),
        "updatedAt": moment(thing.updated_at),
        "metadata": {
            "taskConfigId": thing.definition_id,
            "taskConfigName": thing.definition_name,
            "triggerId": thing.trigger_id,
            "firingId": thing.firing_id,
        },
    }
    if brief:
        view["prompt"] = brief.prompt
        view["metadata"] = {
            **view["metadata"],  # type: ignore[dict-item]
            "triggerParams": json.loads(brief.params),
        }
        view["attempts"] = [
            {
                "number": attempt.number,
                "runner": attempt.runner,
                "startedAt": moment(attempt.started_at),
                "endedAt": moment(attempt.ended_at),
                "outcome": attempt.outcome,
                "errorMessage": attempt.error_message,
                "costUsd": attempt.cost_usd,
            }
            for attempt in thing.attempts
        ]
    return view


def event(thing: Event) -> View:
    return {
        "id": thing.id,
        "fromState": thing.from_state.value if thing.from_state else None,
        "toState": thing.to_state.value,
        "trigger": thing.trigger,
        "message": thing.message,
        "createdAt": moment(thing.created_at),
    }


def firing(thing: Firing) -> View:
    view: View = {
        "id": thing.id,
        "triggerId": thing.trigger_id,
        "taskId": thing.run_id,
        "occurrence": thing.occurrence,
        "firedAt": moment(thing.fired_at),
        "outcome": thing.outcome.value,
        "reason": thing.reason,
        "latenessMs": thing.lateness_ms,
    }
    if thing.count is not None:
        view |= {"until": thing.until, "count": thing.count}
    return view


def log_line(thing: LogLine) -> View:
    return {
        "seq": thing.seq,
        "timestamp": moment(thing.timestamp),
        "logType": thing.log_type,
        "content": thing.content,
        "attempt": thing.attempt,
    }


def repo(thing: Repo) -> View:
    return {
        "id": thing.id,
        "repoUrl": thing.url,
        "setupCommands": thing.setup_commands,
        "environment": thing.environment,
        "defaultBranch": thing.default_branch,
        "defaultAgentType": thing.default_agent_type,
        "maxConcurrentTasks": thing.max_concurrent_tasks,
        "createdAt": moment(thing.created_at),
        "updatedAt": moment(thing.updated_at),
    }
