"""Whether the service is up."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions import pulse
from chalicelib.domain.access import Scope
from chalicelib.web import answers, views
from chalicelib.web.http import Answer, Routes, answer

routes = Routes(__name__)


@routes.at("GET", "/api/health", needs=None)
def health() -> Answer[answers.Up]:
    """Answer; no key is needed and nothing is read."""
    return answer({"status": "ok"})


@routes.at("GET", "/api/health/scheduler", needs=Scope.READ)
def scheduler() -> Answer[answers.PulseView]:
    """Return how late the scheduler fires, what is overdue, and when it ticked last."""
    world = wiring.world()
    return answer(views.pulse(pulse.pulse(world), world.now(), world.policy.interval))
