"""The list of all runs."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions.runs import runs
from chalicelib.domain.errors import Conflict, Invalid, NotFound
from chalicelib.domain.ids import BlueprintId, RunId
from chalicelib.domain.repos.repo import normal_url
from chalicelib.domain.runs.state import State
from chalicelib.settings import settings
from chalicelib.web.http.requests import parse_id
from chalicelib.web.pages.contexts import runs as contexts
from chalicelib.web.pages.request import PageRequest
from chalicelib.web.queries import tasks

FILTER_NAMES = ("state", "repo", "definition", "q")


def list_runs(visit: PageRequest) -> Response:
    """List the runs that match the filters, newest first."""
    world = wiring.get_world()
    filters = {name: visit.query_param(name).strip() for name in FILTER_NAMES}
    page = tasks.list_runs(world, _run_filter(filters), before=visit.list_position)
    rows = (
        contexts.draw_run_row(run, is_stalled=run.is_stalled(world.now(), settings.stall_threshold))
        for run in page.runs
    )
    listing = contexts.draw_run_listing(
        rows, page, filters, visit.query_param("before"), visit.urls
    )
    if visit.query_param("part"):
        return visit.show_part(contexts.RunListPart(listing=listing))
    return visit.show_page(contexts.draw_run_page(listing, filters, visit.urls, visit.notice))


def _run_filter(filters: dict[str, str]) -> tasks.RunFilter:
    if filters["state"] and filters["state"] not in list(State):
        raise Invalid(f"state must be one of {', '.join(State)}", "state")
    owner, repo = filters["definition"], filters["repo"]
    return tasks.RunFilter(
        blueprint_id=BlueprintId(parse_id("task", owner)) if owner else None,
        repo_url=normal_url(repo) if repo else None,
        state=State(filters["state"]) if filters["state"] else None,
        text=filters["q"],
    )


def change_runs(visit: PageRequest) -> Response:
    """Retry or cancel the selected runs, and show the same list again."""
    act = runs.retry_run if visit.form.get("do") == "retry" else runs.cancel_run
    done = failed = 0
    for run_id in visit.lists.get("run", [])[:100]:
        try:
            act(wiring.get_world(), RunId(parse_id("task", run_id)))
            done += 1
        except (Conflict, NotFound):
            failed += 1
    word = "retried" if act is runs.retry_run else "cancelled"
    filters = {name: visit.query_param(name) for name in FILTER_NAMES}
    return visit.redirect_to("tasks", done=f"{word}-{done}-{failed}", **filters)
