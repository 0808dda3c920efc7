"""All runs: what happens now, and what happened."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import listing, runs
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.run import Run, State
from chalicelib.settings import settings
from chalicelib.web.http import known_id
from chalicelib.web.pages.shell import Visit

FILTERS = ("state", "repo", "definition", "q")


def index(visit: Visit) -> Response:
    """List runs, newest first, by what is asked."""
    world = wiring.world()
    asked = {name: visit.query(name).strip() for name in FILTERS}
    owner = asked["definition"]
    found = listing.runs(
        world,
        wanted=_wanted(asked),
        definition_id=known_id("task", owner) if owner else None,
        before=visit.query("before") or None,
    )
    values = {
        "found": found,
        "asked": asked,
        "again": urlencode({name: text for name, text in asked.items() if text}),
        "before": visit.query("before"),
        "states": list(State),
        "stalled": {run.id for run in found.runs if run.stalled(world.now(), settings.stall_threshold)},
    }
    if visit.query("part"):
        return visit.fragment("_runs.html", **values)
    return visit.page("runs.html", seen="", done=visit.query("done"), **values)


def _wanted(asked: dict[str, str]) -> Callable[[Run], bool] | None:
    text = asked["q"].lower()
    if not (asked["state"] or asked["repo"] or text):
        return None

    def wanted(run: Run) -> bool:
        told = f"{run.title} {run.repo_url or ''} {run.definition_name or ''} {run.id}".lower()
        return (
            (not asked["state"] or run.state == asked["state"])
            and (not asked["repo"] or asked["repo"].lower() in (run.repo_url or "").lower())
            and text in told
        )

    return wanted


def bulk(visit: Visit) -> Response:
    """Retry or cancel the runs that were ticked."""
    act = runs.retry if visit.form.get("do") == "retry" else runs.cancel
    done = failed = 0
    for run_id in visit.lists.get("run", [])[:100]:
        try:
            act(wiring.world(), known_id("task", run_id))
            done += 1
        except (Conflict, NotFound):
            failed += 1
    word = "retried" if act is runs.retry else "cancelled"
    return visit.go("tasks", done=f"{word}-{done}-{failed}")
