"""Routes of bulk operations on runs."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions import bulk
from chalicelib.domain.access import Scope
from chalicelib.web import answers
from chalicelib.web.http import Answer, Routes, answer

routes = Routes(__name__)


@routes.at("POST", "/api/tasks/bulk/retry-failed", needs=Scope.RUN, status=202)
def retry_failed() -> Answer[answers.Accepted]:
    """Retry at most 100 failed runs; repeat the request until it returns 0."""
    return answer({"accepted": bulk.retry_failed(wiring.world())}, 202)


@routes.at("POST", "/api/tasks/bulk/cancel-active", needs=Scope.RUN, status=202)
def cancel_active() -> Answer[answers.Accepted]:
    """Cancel at most 100 active runs; repeat the request until it returns 0."""
    return answer({"accepted": bulk.cancel_active(wiring.world())}, 202)
