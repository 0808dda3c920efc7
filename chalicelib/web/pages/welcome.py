"""The first page: steps that lead to the first run."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions.runs import lists
from chalicelib.web.pages.request import PAGE_HEADERS, PageRequest


def show_home(visit: PageRequest) -> Response:
    """Redirect to the runs, or to the first steps while nothing exists."""
    found, _ = lists.list_blueprints(wiring.get_world(), None, 1)
    started = found or lists.list_runs(wiring.get_world(), limit=1).runs
    # Behind a stage prefix the URL may lack its last slash; the link then starts with the stage.
    called = str(visit.request.context.get("path") or "/")
    before = "" if called.endswith("/") else f"{called.rpartition('/')[2]}/"
    where = f"{before}{'tasks' if started else 'welcome'}"
    return Response(body="", status_code=303, headers={**PAGE_HEADERS, "Location": where})


def show_welcome(visit: PageRequest) -> Response:
    """Show the first steps, with completed ones ticked."""
    world = wiring.get_world()
    found, _ = lists.list_blueprints(world, None, 1)
    return visit.render_page(
        "welcome.html",
        repos=bool(world.repos.list_all()),
        secrets=bool(world.secrets.list_all()),
        blueprints=bool(found),
        runs=bool(lists.list_runs(world, limit=1).runs),
    )
