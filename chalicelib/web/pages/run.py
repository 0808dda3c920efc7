"""The page of one run: its state, its log and its actions."""

from __future__ import annotations

import json
from datetime import timedelta

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions.jobs import outputs
from chalicelib.actions.runs import logs, runs
from chalicelib.domain.errors import Conflict, DomainError, Invalid, NotFound, RateLimited
from chalicelib.domain.runs.log import LineFilter
from chalicelib.domain.runs.run import Run
from chalicelib.settings import settings
from chalicelib.web.http.errors import status_of
from chalicelib.web.http.requests import parse_id
from chalicelib.web.http.responses import json_answer, redirect_to
from chalicelib.web.mapping import run_views
from chalicelib.web.pages.contexts import run as contexts
from chalicelib.web.pages.contexts.notices import Notice, find_notice
from chalicelib.web.pages.filters import format_json_value
from chalicelib.web.pages.forms import FormError
from chalicelib.web.pages.request import PageRequest
from chalicelib.web.queries import tasks

MAX_LINES, LINES_PER_PAGE = 1000, 200
MAX_SHOWN_LENGTH = 64 * 1024
NOTICE_LIFETIME = timedelta(minutes=1)


def _get_run(task_id: str) -> Run:
    task = tasks.get_task(wiring.get_world(), parse_id("task", task_id))
    if not isinstance(task, Run):
        raise NotFound("run", task_id)
    return task


def show_run(visit: PageRequest, task_id: str) -> Response:
    """Show a run; the id of a blueprint redirects to its own page."""
    task = tasks.get_task(wiring.get_world(), parse_id("task", task_id))
    if not isinstance(task, Run):
        return visit.redirect_to("tasks", "scheduled", task.id)
    return _render_page(visit, task)


def _render_page(visit: PageRequest, run: Run, error: DomainError | None = None) -> Response:
    world = wiring.get_world()
    facts = contexts.draw_run_facts(
        run,
        [output for _, output in outputs.list_files(run)],
        _allowed_actions(visit, run),
        is_stalled=run.is_stalled(world.now(), settings.stall_threshold),
    )
    if visit.query_param("part"):
        could_resume = visit.query_param("resume") == "1"
        has_new_resume = facts.actions.resume != could_resume
        return visit.show_part(contexts.RunPart(run=facts, has_new_resume=has_new_resume))
    brief, excerpt = tasks.get_brief(world, run), _read_log(visit, run)
    return visit.show_page(
        contexts.RunViewPage(
            run=facts,
            title=run.title,
            log=contexts.draw_log(run, excerpt, ends_here=not _log_cursor(visit)),
            prompt=_shorten(brief.prompt),
            params=_readable_params(brief.params),
            resume_prompt=visit.form.get("prompt", ""),
            errors=[FormError("", str(error))] if error else [],
            notice=_find_notice(visit, run),
        ),
        status_of(error) if error else 200,
    )


def _read_log(visit: PageRequest, run: Run) -> logs.LogExcerpt:
    """Return the lines to open the page with.

    There are none while too many readers ask CloudWatch; the script of the page reads them later.
    """
    try:
        return logs.read_page(wiring.get_world(), run, _log_cursor(visit), LINES_PER_PAGE)
    except RateLimited:
        return logs.LogExcerpt(lines=[], following=_log_cursor(visit), before=None)


def _find_notice(visit: PageRequest, run: Run) -> Notice | None:
    """Return the notice of a recent action; an older one is not shown after a reload."""
    done, changed = visit.query_param("done"), run.history[-1].created_at if run.history else None
    if changed is None or wiring.get_world().now() - changed > NOTICE_LIFETIME:
        return None
    return None if run.is_final and done != "cancel" else find_notice(done)


def _shorten(text: str) -> str:
    """Return the beginning of a text, because API Gateway limits the size of a page."""
    if len(text) <= MAX_SHOWN_LENGTH:
        return text
    return (
        f"{text[:MAX_SHOWN_LENGTH]}\n… {len(text):,} characters in total: the API returns "
        f"all of them"
    )


def _readable_params(text: str) -> str:
    """Return params as indented JSON; long ones are cut unchanged, and no params are empty."""
    if len(text) > MAX_SHOWN_LENGTH:
        return _shorten(text)
    params = json.loads(text)
    return _shorten(format_json_value(params)) if params else ""


def _log_cursor(visit: PageRequest) -> str:
    """Return the log cursor to open: around a line, the given one, or empty for the end."""
    attempt, _, seq = visit.query_param("at").partition(".")
    if attempt.isdecimal() and seq.isdecimal() and len(seq) < 10:
        return logs.cursor_around(int(attempt), int(seq), LINES_PER_PAGE)
    return visit.query_param("cursor")


def _allowed_actions(visit: PageRequest, run: Run) -> contexts.RunActions:
    """Return which actions both the run's state and the reader's key allow."""
    if not visit.may_use("run"):
        return contexts.RunActions(cancel=False, retry=False, resume=False)
    return contexts.RunActions(
        cancel=not run.is_final,
        retry=runs.may_retry(run),
        resume=runs.may_resume(run) and _may_prompt(visit, run),
    )


def _may_prompt(visit: PageRequest, run: Run) -> bool:
    return visit.may_use("write") or not runs.named_secrets(wiring.get_world(), run)


def act_on_run(visit: PageRequest, task_id: str) -> Response:
    """Cancel, retry or resume a run."""
    run, world = _get_run(task_id), wiring.get_world()
    button = visit.form.get("do", "")
    try:
        if button == "cancel":
            runs.cancel_run(world, run.id)
        elif button == "retry":
            runs.retry_run(world, run.id)
        elif button == "resume":
            runs.check_may_prompt(world, run, may_write=visit.may_use("write"))
            runs.resume_run(world, run.id, _resume_prompt(visit))
        else:
            raise Invalid("this button is unknown: reload the page, and choose again", "do")
    except (Conflict, Invalid) as error:
        return _render_page(visit, _get_run(task_id), error)
    return visit.redirect_to("tasks", run.id, done=button)


def _resume_prompt(visit: PageRequest) -> str:
    prompt = visit.form.get("prompt", "").strip()
    if not prompt:
        raise Invalid("enter instructions for the agent: a resume needs a prompt", "prompt")
    return prompt


def download_output(visit: PageRequest, task_id: str, name: str) -> Response:
    """Redirect to an output file of the run."""
    return redirect_to(outputs.download_url(wiring.get_world(), _get_run(task_id), name))


def show_log(visit: PageRequest, task_id: str) -> Response:
    """Return lines of the log as JSON, for the script that follows it."""
    limit = MAX_LINES if visit.query_param("many") else LINES_PER_PAGE
    line_filter = LineFilter(text=visit.query_param("search").strip())
    page = logs.read_page(
        wiring.get_world(), _get_run(task_id), visit.query_param("cursor"), limit, line_filter
    )
    return json_answer(run_views.log_page_view(page))
