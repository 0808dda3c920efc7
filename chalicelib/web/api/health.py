"""Routes of the service's health."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions import pulse
from chalicelib.domain.access import Scope
from chalicelib.web import answers, views
from chalicelib.web.http import Answer, Routes, answer

routes = Routes(__name__)


@routes.at("GET", "/api/health", needs=None)
def health() -> Answer[answers.Up]:
    """Report that the service is up; this needs no key and reads nothing."""
    return answer({"status": "ok"})


@routes.at("GET", "/api/health/scheduler", needs=Scope.READ)
def scheduler() -> Answer[answers.PulseView]:
    """Return the scheduler's lateness, its oldest overdue trigger and its last tick."""
    world = wiring.world()
    return answer(views.pulse(pulse.pulse(world), world.now(), world.policy.interval))
