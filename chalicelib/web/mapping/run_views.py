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


def run_summary(run: Run, *, stalled: bool = False) -> responses.RunSummary:
    return {
        "id": run.id,
        "type": Kind(run.type),
        "state": run.state,
        "stage": run.stage,
        "attempt": run.attempt,
        "title": run.title,
        "repoUrl": run.repo_url,
        "repoBranch": run.repo_branch,
        "agentType": run.agent_type,
        "model": run.model,
        "maxTurns": run.max_turns,
        "timeoutMinutes": run.timeout_minutes,
        "maxRetries": run.max_retries,
        "priority": run.priority,
        "prUrl": run.pr_url,
        "prNumber": run.pr_number,
        "prState": run.pr_state,
        "prChecksStatus": run.pr_checks_status,
        "prReviewStatus": run.pr_review_status,
        "branch": run.branch,
        "headSha": run.head_sha,
        "diffStat": run.diff_stat,
        "resultSummary": run.result_summary,
        "errorMessage": run.error_message,
        "errorClass": run.error_class,
        "waitingFor": run.waiting_for,
        "stalled": stalled,
        "costUsd": run.cost_usd,
        "inputTokens": run.input_tokens,
        "outputTokens": run.output_tokens,
        "modelUsed": run.model_used,
        "retryCount": run.retry_count,
        "missingParams": list(run.missing_params),
        "startedAt": format_optional_moment(run.started_at),
        "completedAt": format_optional_moment(run.completed_at),
        "createdAt": format_optional_moment(run.created_at),
        "updatedAt": format_optional_moment(run.updated_at),
        "metadata": _origin_view(run),
    }


def _origin_view(run: Run) -> responses.Origin:
    return {
        "taskConfigId": run.blueprint_id,
        "taskConfigName": run.blueprint_name,
        "triggerId": run.trigger_id,
        "firingId": run.firing_id,
    }


def run_view(run: Run, brief: Brief, *, stalled: bool = False) -> responses.RunView:
    """Return a complete run with its prompt and params."""
    summary = run_summary(run, stalled=stalled)
    return {
        **summary,
        "prompt": brief.prompt,
        "metadata": {**summary["metadata"], "triggerParams": json.loads(brief.params)},
        "tests": _tests_view(run.trial) if run.trial else None,
        "attempts": [_attempt_view(attempt) for attempt in run.attempts],
        "outputs": [_output_view(output) for _, output in list_files(run)],
        "keptWork": _kept_work_view(run.kept),
    }


def _tests_view(test_run: RepoTestRun) -> responses.TestsView:
    return {
        "passed": test_run.passed,
        "exitStatus": test_run.exit_status,
        "lastLines": test_run.last_lines,
    }


def _attempt_view(attempt: Attempt) -> responses.AttemptView:
    return {
        "number": attempt.number,
        "runner": attempt.runner,
        "startedAt": format_optional_moment(attempt.started_at),
        "endedAt": format_optional_moment(attempt.ended_at),
        "outcome": attempt.outcome,
        "errorMessage": attempt.error_message,
        "costUsd": attempt.cost_usd,
        "stages": [_stage_view(span) for span in attempt.stages],
        "capabilities": _capabilities_view(attempt.capabilities),
    }


def _capabilities_view(
    capabilities: RunnerCapabilities | None,
) -> responses.CapabilitiesView | None:
    return (
        None
        if capabilities is None
        else {"sandbox": capabilities.sandbox, "reason": capabilities.reason}
    )


def _kept_work_view(work: UnpushedWork | None) -> responses.KeptWorkView | None:
    if work is None:
        return None
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


def _output_view(output: RunOutput) -> responses.OutputView:
    return {"name": output.name, "size": output.size, "contentType": output.content_type}


def event_view(event: RunEvent) -> responses.EventView:
    return {
        "id": event.id,
        "fromState": event.from_state,
        "toState": event.to_state,
        "trigger": event.trigger,
        "message": event.message,
        "createdAt": format_optional_moment(event.created_at),
    }


def log_page_view(excerpt: LogExcerpt) -> responses.LogPage:
    return {
        "logs": [log_line_view(line) for line in excerpt.lines],
        "nextCursor": excerpt.following,
        "prevCursor": excerpt.before,
        "complete": excerpt.complete,
    }


def log_line_view(line: LogLine) -> responses.LogLineView:
    return {
        "seq": line.seq,
        "timestamp": format_optional_moment(line.timestamp),
        "logType": line.log_type,
        "content": line.content,
        "attempt": line.attempt,
    }
