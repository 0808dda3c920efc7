"""The page of one run: its state, its log and its actions."""

from __future__ import annotations

import json
from datetime import timedelta

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import listing, logs, outputs, runs
from chalicelib.domain.errors import Conflict, DomainError, Invalid, NotFound
from chalicelib.domain.firing import Brief
from chalicelib.domain.history import StageSpan
from chalicelib.domain.log import Wanted
from chalicelib.domain.run import Run, State
from chalicelib.settings import settings
from chalicelib.web import run_views
from chalicelib.web.http import answer, known_id, led_to
from chalicelib.web.pages.visit import Visit
from chalicelib.web.pages.wording import pretty

STAGES = ("clone", "setup", "agent", "test", "push", "publish")
MOST_LINES, WINDOW = 1000, 200
LONGEST_SHOWN = 64 * 1024
WAITING = (State.QUEUED, State.PROVISIONING)

NEWS_LASTS = timedelta(minutes=1)


def _run(task_id: str) -> Run:
    found = listing.thing(wiring.world(), known_id("task", task_id))
    if not isinstance(found, Run):
        raise NotFound("run", task_id)
    return found


def show(visit: Visit, task_id: str) -> Response:
    """Show a run; the id of a blueprint redirects to its own page."""
    found = listing.thing(wiring.world(), known_id("task", task_id))
    if not isinstance(found, Run):
        return visit.go("tasks", "scheduled", found.id)
    return _page(visit, found)


def _page(visit: Visit, run: Run, error: DomainError | None = None) -> Response:
    world = wiring.world()
    values = {
        "run": run,
        "stages": _stages(run),
        "files": [output for _, output in outputs.files_of(run)],
        "stalled": run.stalled(world.now(), settings.stall_threshold),
        "may": _allowed(visit, run),
    }
    if visit.query("part"):
        known = visit.query("resume") == "1"
        return visit.fragment("_run_live.html", resumable=known, typed="", live=True, **values)
    brief = world.firings.brief(run.firing_id) or Brief()
    page = logs.page(world, run, _cursor(visit), WINDOW)
    status = 409 if isinstance(error, Conflict) else 400 if error else 200
    return visit.page(
        "run.html",
        status,
        seen="",
        live=False,
        prompt=_short(brief.prompt),
        params=_params(brief.params),
        log=page,
        opened=_cursor(visit) != "",
        wrong=str(error) if error else "",
        typed=visit.form.get("prompt", ""),
        done=_notice(visit, run),
        **values,
    )


def _notice(visit: Visit, run: Run) -> str:
    """Return the notice of a recent action; an older one is not shown after a reload."""
    done, changed = visit.query("done"), run.history[-1].created_at if run.history else None
    if changed is None or wiring.world().now() - changed > NEWS_LASTS:
        return ""
    return "" if run.final and done != "cancel" else done


def _short(text: str) -> str:
    """Return the beginning of a text, because API Gateway limits the size of a page."""
    if len(text) <= LONGEST_SHOWN:
        return text
    return (
        f"{text[:LONGEST_SHOWN]}\n… {len(text):,} characters in total: the API returns all of them"
    )


def _params(text: str) -> str:
    """Return params as indented JSON; long ones are cut unchanged, and no params are empty."""
    if len(text) > LONGEST_SHOWN:
        return _short(text)
    params = json.loads(text)
    return _short(pretty(params)) if params else ""


def _cursor(visit: Visit) -> str:
    """Return the log cursor to open: around a line, the given one, or empty for the end."""
    attempt, _, seq = visit.query("at").partition(".")
    if attempt.isdecimal() and seq.isdecimal() and len(seq) < 10:
        return logs.around(int(attempt), int(seq), WINDOW)
    return visit.query("cursor")


def _stages(run: Run) -> list[tuple[str, str, timedelta | None]]:
    """Return each phase with its mark (done, now, bad or next) and its duration."""
    spans = {} if run.state in WAITING else _spans(run)
    names = list(STAGES if run.repo_url else ("setup", "agent"))
    if run.repo_url and run.stage != "test" and run.trial is None and "test" not in spans:
        names.remove("test")
    current = run.stage or next(reversed(spans), None)
    reached = names.index(current) if current in names else -1
    done = run.state in (State.COMPLETED, State.PR_OPENED)
    return [
        (name, "done" if done else _mark(run, number - reached), _length(spans.get(name)))
        for number, name in enumerate(names)
    ]


def _spans(run: Run) -> dict[str, StageSpan]:
    """Return the phases of the newest attempt, in their order."""
    return {span.stage: span for span in (run.attempts[-1].stages if run.attempts else ())}


def _mark(run: Run, beyond: int) -> str:
    """Return the mark of a phase by its distance from the current one."""
    if beyond:
        return "done" if beyond < 0 else "next"
    return "bad" if run.final else "now"


def _length(span: StageSpan | None) -> timedelta | None:
    return span.ended_at - span.started_at if span and span.ended_at else None


def _allowed(visit: Visit, run: Run) -> dict[str, bool]:
    """Return which actions both the run's state and the reader's key allow."""
    able = {
        "cancel": not run.final,
        "retry": runs.may_retry(run),
        "resume": runs.may_resume(run) and _may_prompt(visit, run),
    }
    return {name: allowed and visit.may("run") for name, allowed in able.items()}


def _may_prompt(visit: Visit, run: Run) -> bool:
    return visit.may("write") or not runs.named_secrets(wiring.world(), run)


def act(visit: Visit, task_id: str) -> Response:
    """Cancel, retry or resume a run."""
    run, world = _run(task_id), wiring.world()
    wanted = visit.form.get("do", "")
    try:
        if wanted == "cancel":
            runs.cancel(world, run.id)
        elif wanted == "retry":
            runs.retry(world, run.id)
        elif wanted == "resume":
            runs.check_may_prompt(world, run, may_write=visit.may("write"))
            runs.resume(world, run.id, _prompt(visit))
        else:
            raise Invalid("this button is unknown: reload the page, and choose again", "do")
    except (Conflict, Invalid) as error:
        return _page(visit, _run(task_id), error)
    return visit.go("tasks", run.id, done=wanted)


def _prompt(visit: Visit) -> str:
    prompt = visit.form.get("prompt", "").strip()
    if not prompt:
        raise Invalid("enter instructions for the agent: a resume needs a prompt", "prompt")
    return prompt


def output(visit: Visit, task_id: str, name: str) -> Response:
    """Redirect to an output file of the run."""
    return led_to(outputs.address(wiring.world(), _run(task_id), name))


def log(visit: Visit, task_id: str) -> Response:
    """Return lines of the log as JSON, for the script that follows it."""
    limit = MOST_LINES if visit.query("many") else WINDOW
    wanted = Wanted(text=visit.query("search").strip())
    page = logs.page(wiring.world(), _run(task_id), visit.query("cursor"), limit, wanted)
    return answer(run_views.log_page(page))
