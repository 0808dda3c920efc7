"""Renders the job of a runner as JSON: all that it needs to do one attempt of a run."""

from __future__ import annotations

from chalicelib.actions.jobs import jobs
from chalicelib.domain.blueprints.blueprint import Kind
from chalicelib.domain.repos.repo import is_plain_http
from chalicelib.domain.texts.pull_request_body import pull_request_title
from chalicelib.settings import settings
from chalicelib.web.mapping.resource_views import format_optional_moment
from chalicelib.web.schemas import responses


def job_view(job: jobs.Job, token: str | None = None) -> responses.JobView:
    """Return a job, with the token of its runner if it is a build.

    The title is that of a commit, which must not close issues or mention people.
    """
    run = job.run
    configured = job.repo.environment if job.repo else {}
    return {
        "runId": run.id,
        "attempt": run.attempt,
        "type": Kind(run.type),
        "title": pull_request_title(run),
        "prompt": job.prompt,
        "agent": {
            "type": run.agent_type,
            "command": job.brief.agent_command,
            "model": run.model,
            "maxTurns": run.max_turns,
        },
        "repo": _repo_view(job, run.repo_url) if run.repo_url else None,
        "environment": {**configured, **(job.brief.environment or {})},
        "secrets": dict(job.secrets),
        "timeoutMinutes": run.timeout_minutes,
        "runnerToken": token,
        "attemptStartedAt": format_optional_moment(run.attempts[-1].started_at),
    }


def _repo_view(job: jobs.Job, url: str) -> responses.JobRepo:
    run, repo = job.run, job.repo
    return {
        "url": url,
        "branch": run.repo_branch,
        "pushBranch": run.push_branch,
        "continueBranch": job.continues,
        "setupCommands": repo.setup_commands if repo else None,
        "includeSetupChanges": repo.include_setup_changes if repo else False,
        "testCommand": repo.test_command if repo else None,
        "plainHttp": is_plain_http(url, settings.allowed_private),
        "identity": {
            "name": repo.commit_author_name if repo else None,
            "email": repo.commit_author_email if repo else None,
        },
        "token": job.token,
        "pushPartial": jobs.may_push_partial(run),
        "work": _work_view(job),
    }


def _work_view(job: jobs.Job) -> responses.JobWork | None:
    if job.work is None or job.work_url is None:
        return None
    return {
        "attempt": job.work.attempt,
        "baseSha": job.work.base_sha,
        "url": job.work_url,
        "finished": job.work.finished,
    }
