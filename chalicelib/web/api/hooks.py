"""Webhooks come in. The answer is all that happens before it: verified, written, said."""

from __future__ import annotations

from functools import cache

from chalice.app import Request

from chalicelib import wiring
from chalicelib.actions import hooks
from chalicelib.domain import limits
from chalicelib.domain.blueprint import Kind
from chalicelib.domain.firing import Firing, Outcome
from chalicelib.domain.hook import Delivery
from chalicelib.settings import settings
from chalicelib.web import answers
from chalicelib.web.flood import Buckets
from chalicelib.web.http import Answer, Routes, TooLarge, TooMany, answer, raw_of

routes = Routes(__name__)


@cache
def _buckets() -> Buckets:
    return Buckets(settings.hook_rate)


def check_flood(name: str) -> None:
    """Raise `TooMany` where more comes under one name than a worker takes, before it costs us."""
    world = wiring.world()
    wait = _buckets().take(name, world.now())
    if wait:
        world.metrics.rejected("flood")
        raise TooMany(wait)


def delivery_of(request: Request) -> Delivery:
    """Return what a request delivers, its very bytes; raise `TooLarge` beyond 1 MiB."""
    body = raw_of(request)
    if len(body) > limits.BODY:
        raise TooLarge("a delivery holds at most 1 MiB")
    headers = {str(name).lower(): str(value) for name, value in request.headers.items()}
    return Delivery(headers=headers, body=body)


@routes.at("POST", "/api/hooks/{path}", needs=None, status=202, or_else=200)
def receive(path: str) -> Answer[answers.Told | answers.Handshake]:
    """Take a delivery, signed as its trigger expects it."""
    check_flood(path)
    received = hooks.receive(wiring.world(), path, delivery_of(routes.current_request))
    if received.firing is None:
        return answer(dict(received.handshake or {}))
    return told(received.firing, received.definition_kind, duplicate=received.duplicate)


def told(firing: Firing, kind: str, *, duplicate: bool = False) -> Answer[answers.Told]:
    """Return what a firing is answered with: the task it became, or why it became none."""
    said: answers.Told = {"firingId": firing.id}
    if firing.run_id:
        said["runId" if kind == Kind.STANDALONE.value else "taskId"] = firing.run_id
    if duplicate:
        return answer({"skipped": "duplicate", **said})
    if firing.outcome is not Outcome.FIRED:
        return answer({"skipped": firing.reason, **said})
    return answer(said, 202)
