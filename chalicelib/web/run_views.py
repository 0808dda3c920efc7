"""Renders runs, their history and their logs as JSON of the API."""

from __future__ import annotations

import json

from chalicelib.actions.logs import LogPage
from chalicelib.actions.outputs import files_of
from chalicelib.domain.blueprint import Kind
from chalicelib.domain.firing import Brief
from chalicelib.domain.history import Attempt, RunnerCapabilities, StageSpan
from chalicelib.domain.kept_work import KeptWork
from chalicelib.domain.log import LogLine
from chalicelib.domain.output import Output
from chalicelib.domain.run import Event, Run
from chalicelib.domain.trial import Trial
from chalicelib.web import answers
from chalicelib.web.views import moment


def run_summary(thing: Run, *, stalled: bool = False) -> answers.RunSummary:
    return {
        "id": thing.id,
        "type": Kind(thing.type),
        "state": thing.state,
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
        "missingParams": list(thing.missing_params),
        "startedAt": moment(thing.started_at),
        "completedAt": moment(thing.completed_at),
        "createdAt": moment(thing.created_at),
        "updatedAt": moment(thing.updated_at),
        "metadata": _origin(thing),
    }


def _origin(thing: Run) -> answers.Origin:
    return {
        "taskConfigId": thing.definition_id,
        "taskConfigName": thing.definition_name,
        "triggerId": thing.trigger_id,
        "firingId": thing.firing_id,
    }


def run(thing: Run, brief: Brief, *, stalled: bool = False) -> answers.RunView:
    """Return a complete run with its prompt and params."""
    summary = run_summary(thing, stalled=stalled)
    return {
        **summary,
        "prompt": brief.prompt,
        "metadata": {**summary["metadata"], "triggerParams": json.loads(brief.params)},
        "tests": _tests(thing.trial) if thing.trial else None,
        "attempts": [_attempt(attempt) for attempt in thing.attempts],
        "outputs": [_output(output) for _, output in files_of(thing)],
        "keptWork": _kept(thing.kept) if thing.kept else None,
    }


def _tests(thing: Trial) -> answers.TestsView:
    return {
        "passed": thing.passed,
        "exitStatus": thing.exit_status,
        "lastLines": thing.last_lines,
    }


def _attempt(thing: Attempt) -> answers.AttemptView:
    return {
        "number": thing.number,
        "runner": thing.runner,
        "startedAt": moment(thing.started_at),
        "endedAt": moment(thing.ended_at),
        "outcome": thing.outcome,
        "errorMessage": thing.error_message,
        "costUsd": thing.cost_usd,
        "stages": [_stage(span) for span in thing.stages],
        "capabilities": _capabilities(thing.capabilities),
    }


def _capabilities(thing: RunnerCapabilities | None) -> answers.CapabilitiesView | None:
    return None if thing is None else {"sandbox": thing.sandbox, "reason": thing.reason}


def _kept(work: KeptWork) -> answers.KeptWorkView:
    return {
        "attempt": work.attempt,
        "baseSha": work.base_sha,
        "finished": work.finished,
        "resumable": work.bundle is not None,
    }


def _stage(span: StageSpan) -> answers.StageView:
    return {
        "stage": span.stage,
        "startedAt": moment(span.started_at),
        "endedAt": moment(span.ended_at),
    }


def _output(thing: Output) -> answers.OutputView:
    return {"name": thing.name, "size": thing.size, "contentType": thing.content_type}


def event(thing: Event) -> answers.EventView:
    return {
        "id": thing.id,
        "fromState": thing.from_state,
        "toState": thing.to_state,
        "trigger": thing.trigger,
        "message": thing.message,
        "createdAt": moment(thing.created_at),
    }


def log_page(thing: LogPage) -> answers.LogPage:
    return {
        "logs": [log_line(line) for line in thing.lines],
        "nextCursor": thing.following,
        "prevCursor": thing.before,
    }


def log_line(thing: LogLine) -> answers.LogLineView:
    return {
        "seq": thing.seq,
        "timestamp": moment(thing.timestamp),
        "logType": thing.log_type,
        "content": thing.content,
        "attempt": thing.attempt,
    }
