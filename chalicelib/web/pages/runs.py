"""The list of all runs."""

from __future__ import annotations

from urllib.parse import urlencode

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import listing, runs
from chalicelib.domain.errors import Conflict, Invalid, NotFound
from chalicelib.domain.repo import normal_url
from chalicelib.domain.run import State
from chalicelib.settings import settings
from chalicelib.web.http import known_id
from chalicelib.web.pages.visit import Visit

FILTERS = ("state", "repo", "definition", "q")


def index(visit: Visit) -> Response:
    """List the runs that match the filters, newest first."""
    world = wiring.world()
    asked = {name: visit.query(name).strip() for name in FILTERS}
    found = listing.runs(world, _asked(asked), before=visit.position)
    values = {
        "found": found,
        "asked": asked,
        "again": urlencode({name: text for name, text in asked.items() if text}),
        "before": visit.query("before"),
        "states": list(State),
        "stalled": {
            run.id for run in found.runs if run.stalled(world.now(), settings.stall_threshold)
        },
    }
    if visit.query("part"):
        return visit.fragment("_runs.html", **values)
    return visit.page("runs.html", seen="", done=visit.query("done"), **values)


def _asked(typed: dict[str, str]) -> listing.Asked:
    if typed["state"] and typed["state"] not in list(State):
        raise Invalid(f"state must be one of {', '.join(State)}", "state")
    owner, repo = typed["definition"], typed["repo"]
    return listing.Asked(
        definition_id=known_id("task", owner) if owner else None,
        repo_url=normal_url(repo) if repo else None,
        state=State(typed["state"]) if typed["state"] else None,
        text=typed["q"],
    )


def bulk(visit: Visit) -> Response:
    """Retry or cancel the selected runs, and show the same list again."""
    act = runs.retry if visit.form.get("do") == "retry" else runs.cancel
    done = failed = 0
    for run_id in visit.lists.get("run", [])[:100]:
        try:
            act(wiring.world(), known_id("task", run_id))
            done += 1
        except (Conflict, NotFound):
            failed += 1
    word = "retried" if act is runs.retry else "cancelled"
    asked = {name: visit.query(name) for name in FILTERS}
    return visit.go("tasks", done=f"{word}-{done}-{failed}", **asked)
