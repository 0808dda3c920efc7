"""The first page: steps that lead to the first run."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import listing
from chalicelib.web.pages.visit import SAFETY, Visit


def home(visit: Visit) -> Response:
    """Redirect to the runs, or to the first steps while nothing exists."""
    found, _ = listing.definitions(wiring.world(), None, 1)
    started = found or listing.runs(wiring.world(), limit=1).runs
    # Behind a stage prefix the URL may lack its last slash; the link then starts with the stage.
    called = str(visit.request.context.get("path") or "/")
    before = "" if called.endswith("/") else f"{called.rpartition('/')[2]}/"
    where = f"{before}{'tasks' if started else 'welcome'}"
    return Response(body="", status_code=303, headers={**SAFETY, "Location": where})


def show(visit: Visit) -> Response:
    """Show the first steps, with completed ones ticked."""
    world = wiring.world()
    found, _ = listing.definitions(world, None, 1)
    return visit.page(
        "welcome.html",
        repos=bool(world.repos.all()),
        secrets=bool(world.secrets.all()),
        definitions=bool(found),
        runs=bool(listing.runs(world, limit=1).runs),
    )
