"""The list of all runs."""

from __future__ import annotations

from urllib.parse import urlencode

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions.runs import runs
from chalicelib.domain.errors import Conflict, Invalid, NotFound
from chalicelib.domain.ids import BlueprintId, RunId
from chalicelib.domain.repos.repo import normal_url
from chalicelib.domain.runs.state import State
from chalicelib.settings import settings
from chalicelib.web.http.requests import parse_id
from chalicelib.web.pages.request import PageRequest
from chalicelib.web.queries import tasks

FILTER_NAMES = ("state", "repo", "definition", "q")


def list_runs(visit: PageRequest) -> Response:
    """List the runs that match the filters, newest first."""
    world = wiring.get_world()
    filters = {name: visit.query_param(name).strip() for name in FILTER_NAMES}
    run_page = tasks.list_runs(world, _run_filter(filters), before=visit.list_position)
    values = {
        "page": run_page,
        "filters": filters,
        "again": urlencode({name: text for name, text in filters.items() if text}),
        "before": visit.query_param("before"),
        "states": list(State),
        "stalled": {
            run.id for run in run_page.runs if run.is_stalled(world.now(), settings.stall_threshold)
        },
    }
    if visit.query_param("part"):
        return visit.render_fragment("_runs.html", **values)
    return visit.render_page("runs.html", seen="", done=visit.query_param("done"), **values)


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
