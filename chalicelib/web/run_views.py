"""How runs, their history and their logs look as JSON, in the words of the contract."""

from __future__ import annotations

import json

from chalicelib.domain.firing import Brief
from chalicelib.domain.log import LogLine
from chalicelib.domain.run import Attempt, Event, Run
from chalicelib.web.views import View, moment


def run(thing: Run, brief: Brief | None = None, *, stalled: bool = False) -> View:
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
        "stalled": stalled,
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
        view["attempts"] = [_attempt(attempt) for attempt in thing.attempts]
    return view


def _attempt(thing: Attempt) -> View:
    return {
        "number": thing.number,
        "runner": thing.runner,
        "startedAt": moment(thing.started_at),
        "endedAt": moment(thing.ended_at),
        "outcome": thing.outcome,
        "errorMessage": thing.error_message,
        "costUsd": thing.cost_usd,
    }


def event(thing: Event) -> View:
    return {
        "id": thing.id,
        "fromState": thing.from_state.value if thing.from_state else None,
        "toState": thing.to_state.value,
        "trigger": thing.trigger,
        "message": thing.message,
        "createdAt": moment(thing.created_at),
    }


def log_line(thing: LogLine) -> View:
    return {
        "seq": thing.seq,
        "timestamp": moment(thing.timestamp),
        "logType": thing.log_type,
        "content": thing.content,
        "attempt": thing.attempt,
    }
