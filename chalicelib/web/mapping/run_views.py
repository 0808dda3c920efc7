"""Renders runs, their history and their logs as JSON of the API."""

from __future__ import annotations

import json

from chalicelib.actions.jobs.outputs import list_files
from chalicelib.actions.runs.logs import LogExcerpt
from chalicelib.domain.blueprints.blueprint import Kind
from chalicelib.domain.firing.firing import Brief
from chalicelib.domain.runs.attempt import Attempt, RunnerCapabilities, StageSpan
from chalicelib.domain.runs.kept_work import UnpushedWork
from chalicelib.domain.runs.log import LogLine
from chalicelib.domain.runs.output import RunOutput
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.run_event import RunEvent
from chalicelib.domain.runs.test_result import RepoTestRun
from chalicelib.web.mapping.resource_views import format_optional_moment
from chalicelib.web.schemas import responses


def run_summary(thing: Run, *, stalled: bool = False) -> responses.RunSummary:
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
        "startedAt": format_optional_moment(thing.started_at),
        "completedAt": format_optional_moment(thing.completed_at),
        "createdAt": format_optional_moment(thing.created_at),
        "updatedAt": format_optional_moment(thing.updated_at),
        "metadata": _origin_view(thing),
    }


def _origin_view(thing: Run) -> responses.Origin:
    return {
        "taskConfigId": thing.blueprint_id,
        "taskConfigName": thing.blueprint_name,
        "triggerId": thing.trigger_id,
        "firingId": thing.firing_id,
    }


def run_view(thing: Run, brief: Brief, *, stalled: bool = False) -> responses.RunView:
    """Return a complete run with its prompt and params."""
    summary = run_summary(thing, stalled=stalled)
    return {
        **summary,
        "prompt": brief.prompt,
        "metadata": {**summary["metadata"], "triggerParams": json.loads(brief.params)},
        "tests": _tests_view(thing.trial) if thing.trial else None,
        "attempts": [_attempt_view(attempt) for attempt in thing.attempts],
        "outputs": [_output_view(output) for _, output in list_files(thing)],
        "keptWork": _kept_work_view(thing.kept) if thing.kept else None,
    }


def _tests_view(thing: RepoTestRun) -> responses.TestsView:
    return {
        "passed": thing.passed,
        "exitStatus": thing.exit_status,
        "lastLines": thing.last_lines,
    }


def _attempt_view(thing: Attempt) -> responses.AttemptView:
    return {
        "number": thing.number,
        "runner": thing.runner,
        "startedAt": format_optional_moment(thing.started_at),
        "endedAt": format_optional_moment(thing.ended_at),
        "outcome": thing.outcome,
        "errorMessage": thing.error_message,
        "costUsd": thing.cost_usd,
        "stages": [_stage_view(span) for span in thing.stages],
        "capabilities": _capabilities_view(thing.capabilities),
    }


def _capabilities_view(thing: RunnerCapabilities | None) -> responses.CapabilitiesView | None:
    return None if thing is None else {"sandbox": thing.sandbox, "reason": thing.reason}


def _kept_work_view(work: UnpushedWork) -> responses.KeptWorkView:
    return {
        "attempt": work.attempt,
        "baseSha": work.base_sha,
        "finished": work.finished,
        "resumable": work.bundle_file is not None,
    }


def _stage_view(span: StageSpan) -> responses.StageView:
    return {
        "stage": span.stage,
        "startedAt": format_optional_moment(span.started_at),
        "endedAt": format_optional_moment(span.ended_at),
    }


def _output_view(thing: RunOutput) -> responses.OutputView:
    return {"name": thing.name, "size": thing.size, "contentType": thing.content_type}


def event_view(thing: RunEvent) -> responses.EventView:
    return {
        "id": thing.id,
        "fromState": thing.from_state,
        "toState": thing.to_state,
        "trigger": thing.trigger,
        "message": thing.message,
        "createdAt": format_optional_moment(thing.created_at),
    }


def log_page_view(thing: LogExcerpt) -> responses.LogPage:
    return {
        "logs": [log_line_view(line) for line in thing.lines],
        "nextCursor": thing.following,
        "prevCursor": thing.before,
    }


def log_line_view(thing: LogLine) -> responses.LogLineView:
    return {
        "seq": thing.seq,
        "timestamp": format_optional_moment(thing.timestamp),
        "logType": thing.log_type,
        "content": thing.content,
        "attempt": thing.attempt,
    }
