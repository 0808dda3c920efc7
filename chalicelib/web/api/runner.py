"""Routes of the runner protocol: claim, beat, token, uploads and report."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions.jobs import builds, jobs, outputs, reports
from chalicelib.domain.access.key import Forbidden, Scope
from chalicelib.domain.ids import RunId
from chalicelib.domain.runs.attempt import AttemptOutcome, RunnerCapabilities, StageSpan
from chalicelib.domain.runs.kept_work import UnpushedWork
from chalicelib.domain.runs.log import LogLine
from chalicelib.domain.runs.output import RunOutput
from chalicelib.domain.runs.phase import Phase
from chalicelib.domain.runs.test_result import RepoTestRun
from chalicelib.web.http.authentication import claim_token_of
from chalicelib.web.http.requests import json_body, parse_id
from chalicelib.web.http.responses import Answer, json_answer
from chalicelib.web.http.routes import Routes
from chalicelib.web.mapping import job_views
from chalicelib.web.schemas import requests, responses, runner_requests

routes = Routes(__name__)


@routes.add_route("POST", "/api/runner/claim", scope=Scope.RUNNER, body="Claim", alt_status=204)
def claim_job() -> Answer[responses.JobAnswer | None]:
    """Return the most urgent waiting job to a runner, or 204 if there is none."""
    claim_request = requests.parse_request(runner_requests.Claim, json_body(routes.current_request))
    by = claim_token_of(routes.current_request)
    world = wiring.get_world()
    if by is None:
        job = jobs.claim_job(world, claim_request.runner, capabilities=_capabilities(claim_request))
        return (
            json_answer(None, 204) if job is None else json_answer({"job": job_views.job_view(job)})
        )
    claimed = builds.claim_build_job(
        world,
        claim_request.runner,
        by,
        exchanges=claim_request.exchanges,
        capabilities=_capabilities(claim_request),
    )
    return (
        json_answer(None, 204)
        if claimed is None
        else json_answer({"job": job_views.job_view(*claimed)})
    )


@routes.add_route(
    "POST", "/api/runner/beat", scope=Scope.RUNNER, records_key_use=False, body="Beat"
)
def record_heartbeat() -> Answer[responses.GoOn]:
    """Accept a heartbeat with log lines; return whether the runner may continue."""
    beat = requests.parse_request(runner_requests.Beat, json_body(routes.current_request))
    _check_may_speak(beat)
    run_id, spans = RunId(parse_id("run", beat.run_id)), _to_stage_spans(beat)
    lines = _to_log_lines(beat)
    reason = jobs.record_heartbeat(
        wiring.get_world(), run_id, beat.attempt, _phase_of(beat), lines, spans
    )
    return json_answer({"continue": reason is None, "reason": reason})


@routes.add_route(
    "POST", "/api/runner/token", scope=Scope.RUNNER, records_key_use=False, body="Speaks"
)
def renew_git_token() -> Answer[responses.GitToken]:
    """Return a token that the attempt can push with; an App's token expires within an hour."""
    token_request = requests.parse_request(
        runner_requests.Speaks, json_body(routes.current_request)
    )
    _check_may_speak(token_request)
    token = jobs.git_token(
        wiring.get_world(), RunId(parse_id("run", token_request.run_id)), token_request.attempt
    )
    return json_answer({"token": token})


@routes.add_route(
    "POST", "/api/runner/outputs", scope=Scope.RUNNER, records_key_use=False, body="Uploads"
)
def list_uploads() -> Answer[responses.UploadList]:
    """Return the upload URLs of the output files."""
    upload_request = requests.parse_request(
        runner_requests.Uploads, json_body(routes.current_request)
    )
    _check_may_speak(upload_request)
    run_id, files = RunId(parse_id("run", upload_request.run_id)), _to_outputs(upload_request.files)
    uploads = outputs.upload_urls(wiring.get_world(), run_id, upload_request.attempt, files)
    return json_answer({"uploads": [{"name": output.name, "url": url} for output, url in uploads]})


@routes.add_route(
    "POST", "/api/runner/report", scope=Scope.RUNNER, records_key_use=False, body="Report"
)
def report_attempt() -> Answer[responses.Ended]:
    """Accept the result of an attempt; only the first report counts."""
    report = requests.parse_request(runner_requests.Report, json_body(routes.current_request))
    _check_may_speak(report)
    agent = report.agent or runner_requests.AgentEnd()
    end = reports.AttemptReport(
        outcome=AttemptOutcome(report.outcome),
        stage=_phase_of(report),
        stages=_to_stage_spans(report),
        error_class=report.error_class,
        error_message=report.error_message,
        transient=report.transient,
        retry_at=report.retry_at,
        branch=report.branch,
        head_sha=report.head_sha,
        base_sha=report.base_sha,
        diff_stat=report.diff_stat,
        test_run=RepoTestRun(**report.tests.model_dump()) if report.tests else None,
        result_summary=report.result_summary,
        session_id=agent.session_id,
        model_used=agent.model_used,
        input_tokens=agent.input_tokens,
        output_tokens=agent.output_tokens,
        cost_usd=agent.cost_usd,
        lines=_to_log_lines(report),
        outputs=_to_outputs(report.outputs),
        kept_work=_to_unpushed_work(report),
    )
    run = reports.report_attempt(
        wiring.get_world(), RunId(parse_id("run", report.run_id)), report.attempt, end
    )
    return json_answer({"state": run.state})


def _capabilities(claim_request: runner_requests.Claim) -> RunnerCapabilities | None:
    capabilities = claim_request.capabilities
    return (
        RunnerCapabilities(sandbox=capabilities.sandbox, reason=capabilities.reason)
        if capabilities
        else None
    )


def _check_may_speak(runner_request: runner_requests.Speaks) -> None:
    """Reject a token of another run or attempt, and a key that could not have claimed this one."""
    by = claim_token_of(routes.current_request)
    run_id = RunId(parse_id("run", runner_request.run_id))
    if not builds.may_speak(wiring.get_world(), by, run_id, runner_request.attempt):
        raise Forbidden("this token is for another run or attempt")


def _to_outputs(files: list[runner_requests.OutputFile]) -> tuple[RunOutput, ...]:
    return tuple(
        RunOutput(name=file.name, size=file.size, content_type=file.content_type) for file in files
    )


def _to_unpushed_work(report: runner_requests.Report) -> UnpushedWork | None:
    work = report.kept_work
    if work is None:
        return None
    return UnpushedWork(
        attempt=report.attempt,
        base_sha=work.base_sha,
        files=_to_outputs(work.files),
        finished=work.finished,
    )


def _phase_of(beat: runner_requests.Beat) -> Phase | None:
    return Phase(beat.stage) if beat.stage else None


def _to_stage_spans(beat: runner_requests.Beat) -> tuple[StageSpan, ...]:
    return tuple(
        StageSpan(stage=Phase(span.stage), started_at=span.started_at, ended_at=span.ended_at)
        for span in beat.stages
    )


def _to_log_lines(beat: runner_requests.Beat) -> tuple[LogLine, ...]:
    return tuple(
        LogLine(
            seq=line.seq,
            timestamp=line.timestamp,
            log_type=line.log_type,
            content=line.content,
            attempt=beat.attempt,
        )
        for line in beat.lines
    )
