"""Routes of the service's health."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions.scheduler import health
from chalicelib.domain.access.key import Scope
from chalicelib.web.http.responses import Answer, json_answer
from chalicelib.web.http.routes import Routes
from chalicelib.web.mapping import resource_views
from chalicelib.web.schemas import responses

routes = Routes(__name__)


@routes.add_route("GET", "/api/health", scope=None)
def show_health() -> Answer[responses.Up]:
    """Report that the service is up; this needs no key and reads nothing."""
    return json_answer({"status": "ok"})


@routes.add_route("GET", "/api/health/scheduler", scope=Scope.READ)
def show_scheduler_health() -> Answer[responses.PulseView]:
    """Return the scheduler's lateness, its oldest overdue trigger and its last tick."""
    world = wiring.get_world()
    return json_answer(
        resource_views.scheduler_health_view(
            health.read_scheduler_health(world), world.now(), world.policy.tick_interval
        )
    )
