"""The first page: steps that lead to the first run."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.web.pages.contexts.small_pages import WelcomePage
from chalicelib.web.pages.request import PAGE_HEADERS, PageRequest
from chalicelib.web.queries import configuration, tasks


def show_home(visit: PageRequest) -> Response:
    """Redirect to the runs, or to the first steps while nothing exists."""
    newest, _ = tasks.list_blueprints(wiring.get_world(), None, 1)
    started = newest or tasks.list_runs(wiring.get_world(), limit=1).runs
    # Behind a stage prefix the URL may lack its last slash; the link then starts with the stage.
    called = str(visit.request.context.get("path") or "/")
    before = "" if called.endswith("/") else f"{called.rpartition('/')[2]}/"
    where = f"{before}{'tasks' if started else 'welcome'}"
    return Response(body="", status_code=303, headers={**PAGE_HEADERS, "Location": where})


def show_welcome(visit: PageRequest) -> Response:
    """Show the first steps, with completed ones ticked."""
    world = wiring.get_world()
    newest, _ = tasks.list_blueprints(world, None, 1)
    return visit.show_page(
        WelcomePage(
            has_repos=bool(configuration.list_repos(world)),
            has_secrets=bool(configuration.list_secrets(world)),
            has_blueprints=bool(newest),
            has_runs=bool(tasks.list_runs(world, limit=1).runs),
        )
    )
