"""Routes of the runner protocol: claim, beat, token, uploads and report."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions import jobs, launching, outputs, reporting
from chalicelib.domain import pull_text
from chalicelib.domain.access import Forbidden, Scope
from chalicelib.domain.blueprint import Kind
from chalicelib.domain.history import RunnerCapabilities, StageSpan
from chalicelib.domain.kept_work import KeptWork
from chalicelib.domain.log import LogLine
from chalicelib.domain.output import Output
from chalicelib.domain.repo import in_clear
from chalicelib.domain.trial import Trial
from chalicelib.settings import settings
from chalicelib.web import answers, models, runner_models, views
from chalicelib.web.http import Answer, Routes, answer, body_of, known_id, pass_of

routes = Routes(__name__)


@routes.at("POST", "/api/runner/claim", needs=Scope.RUNNER, takes="Claim", or_else=204)
def claim() -> Answer[answers.JobAnswer | None]:
    """Return the most urgent waiting job to a runner, or 204 if there is none."""
    asked = models.parsed(runner_models.Claim, body_of(routes.current_request))
    by = pass_of(routes.current_request)
    world = wiring.world()
    if by is None:
        job = jobs.claim(world, asked.runner, capabilities=_capabilities(asked))
        return answer(None, 204) if job is None else answer({"job": _job(job)})
    claimed = launching.claim(
        world,
        asked.runner,
        by,
        exchanges=asked.exchanges,
        capabilities=_capabilities(asked),
    )
    return answer(None, 204) if claimed is None else answer({"job": _job(*claimed)})


@routes.at("POST", "/api/runner/beat", needs=Scope.RUNNER, noted=False, takes="Beat")
def beat() -> Answer[answers.GoOn]:
    """Accept a heartbeat with log lines; return whether the runner may continue."""
    asked = models.parsed(runner_models.Beat, body_of(routes.current_request))
    _speaks_for(asked)
    run_id, spans = known_id("run", asked.run_id), _spans(asked)
    lines = _lines(asked)
    reason = jobs.beat(wiring.world(), run_id, asked.attempt, asked.stage, lines, spans)
    return answer({"continue": reason is None, "reason": reason})


@routes.at("POST", "/api/runner/token", needs=Scope.RUNNER, noted=False, takes="Speaks")
def token() -> Answer[answers.GitToken]:
    """Return a token that the attempt can push with; an App's token expires within an hour."""
    asked = models.parsed(runner_models.Speaks, body_of(routes.current_request))
    _speaks_for(asked)
    found = jobs.git_token(wiring.world(), known_id("run", asked.run_id), asked.attempt)
    return answer({"token": found})


@routes.at("POST", "/api/runner/outputs", needs=Scope.RUNNER, noted=False, takes="Uploads")
def uploads() -> Answer[answers.UploadList]:
    """Return the upload URLs of the output files."""
    asked = models.parsed(runner_models.Uploads, body_of(routes.current_request))
    _speaks_for(asked)
    run_id, files = known_id("run", asked.run_id), _outputs(asked.files)
    found = outputs.uploads(wiring.world(), run_id, asked.attempt, files)
    return answer({"uploads": [{"name": output.name, "url": url} for output, url in found]})


@routes.at("POST", "/api/runner/report", needs=Scope.RUNNER, noted=False, takes="Report")
def report() -> Answer[answers.Ended]:
    """Accept the result of an attempt; only the first report counts."""
    asked = models.parsed(runner_models.Report, body_of(routes.current_request))
    _speaks_for(asked)
    agent = asked.agent or runner_models.AgentEnd()
    end = reporting.Report(
        outcome=asked.outcome,
        stage=asked.stage,
        stages=_spans(asked),
        error_class=asked.error_class,
        error_message=asked.error_message,
        transient=asked.transient,
        retry_at=asked.retry_at,
        branch=asked.branch,
        head_sha=asked.head_sha,
        base_sha=asked.base_sha,
        diff_stat=asked.diff_stat,
        trial=Trial(**asked.tests.model_dump()) if asked.tests else None,
        result_summary=asked.result_summary,
        session_id=agent.session_id,
        model_used=agent.model_used,
        input_tokens=agent.input_tokens,
        output_tokens=agent.output_tokens,
        cost_usd=agent.cost_usd,
        lines=_lines(asked),
        outputs=_outputs(asked.outputs),
        kept=_kept(asked),
    )
    run = reporting.report(wiring.world(), known_id("run", asked.run_id), asked.attempt, end)
    return answer({"state": run.state})


def _capabilities(asked: runner_models.Claim) -> RunnerCapabilities | None:
    told = asked.capabilities
    return RunnerCapabilities(sandbox=told.sandbox, reason=told.reason) if told else None


def _speaks_for(asked: runner_models.Speaks) -> None:
    """Reject a token of another run or attempt, and a key that could not have claimed this one."""
    by = pass_of(routes.current_request)
    run_id = known_id("run", asked.run_id)
    if not launching.may_speak(wiring.world(), by, run_id, asked.attempt):
        raise Forbidden("this token is for another run or attempt")


def _outputs(files: list[runner_models.OutputFile]) -> tuple[Output, ...]:
    return tuple(
        Output(name=file.name, size=file.size, content_type=file.content_type) for file in files
    )


def _kept(asked: runner_models.Report) -> KeptWork | None:
    kept = asked.kept_work
    if kept is None:
        return None
    return KeptWork(
        attempt=asked.attempt,
        base_sha=kept.base_sha,
        files=_outputs(kept.files),
        finished=kept.finished,
    )


def _spans(asked: runner_models.Beat) -> tuple[StageSpan, ...]:
    return tuple(
        StageSpan(stage=span.stage, started_at=span.started_at, ended_at=span.ended_at)
        for span in asked.stages
    )


def _lines(asked: runner_models.Beat) -> tuple[LogLine, ...]:
    return tuple(
        LogLine(
            seq=line.seq,
            timestamp=line.timestamp,
            log_type=line.log_type,
            content=line.content,
            attempt=asked.attempt,
        )
        for line in asked.lines
    )


def _work(job: jobs.Job) -> answers.JobWork | None:
    if job.work is None or job.work_url is None:
        return None
    return {
        "attempt": job.work.attempt,
        "baseSha": job.work.base_sha,
        "url": job.work_url,
        "finished": job.work.finished,
    }


def _job(job: jobs.Job, token: str | None = None) -> answers.JobView:
    run, repo = job.run, job.repo
    return {
        "runId": run.id,
        "attempt": run.attempt,
        "type": Kind(run.type),
        "title": pull_text.title(
            run
        ),  # the title of a commit, which must not close issues or mention people
        "prompt": job.prompt,
        "agent": {
            "type": run.agent_type,
            "command": job.brief.agent_command,
            "model": run.model,
            "maxTurns": run.max_turns,
        },
        "repo": {
            "url": run.repo_url,
            "branch": run.repo_branch,
            "pushBranch": run.push_branch,
            "continueBranch": job.continues,
            "setupCommands": repo.setup_commands if repo else None,
            "includeSetupChanges": repo.include_setup_changes if repo else False,
            "testCommand": repo.test_command if repo else None,
            "plainHttp": in_clear(run.repo_url, settings.allowed_private),
            "identity": {
                "name": repo.commit_author_name if repo else None,
                "email": repo.commit_author_email if repo else None,
            },
            "token": job.token,
            "pushPartial": jobs.may_push_partial(run),
            "work": _work(job),
        }
        if run.repo_url
        else None,
        "environment": {
            **(repo.environment if repo else {}),
            **(job.brief.environment or {}),
        },
        "secrets": dict(job.secrets),
        "timeoutMinutes": run.timeout_minutes,
        "runnerToken": token,
        "attemptStartedAt": views.moment(run.attempts[-1].started_at),
    }
