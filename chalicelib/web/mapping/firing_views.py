"""Renders firings, the ledger and previews as JSON of the API."""

from __future__ import annotations

import json

from chalicelib.actions.firing.preview import FiringPreview
from chalicelib.domain.firing.firing import Brief, Firing
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.web.http.cursors import encode_cursor
from chalicelib.web.mapping.resource_views import format_optional_moment
from chalicelib.web.queries.firings import LedgerPage
from chalicelib.web.schemas import responses


def firing_view(firing: Firing) -> responses.FiringView:
    view: responses.FiringView = {
        "id": firing.id,
        "triggerId": firing.trigger_id,
        "taskId": firing.run_id,
        "occurrence": firing.occurrence,
        "firedAt": format_optional_moment(firing.fired_at),
        "outcome": firing.outcome,
        "reason": firing.reason,
        "missingParams": list(firing.missing_params),
        "latenessMs": firing.lateness_ms,
        "redeliveryOf": firing.redelivery_of,
    }
    if firing.count is not None:
        view["until"], view["count"] = firing.until, firing.count
    return view


def ledger_view(page: LedgerPage) -> responses.FiringList:
    """Return a page of firings, each with the state of its run."""
    states = page.run_states
    shown: list[responses.FiringView] = [
        {**firing_view(firing), "runState": states.get(firing.run_id) if firing.run_id else None}
        for firing in page.firings
    ]
    return {"firings": shown, "nextCursor": encode_cursor(page.position)}


def full_firing_view(firing: Firing, brief: Brief | None) -> responses.WholeFiring:
    """Return a firing with its params and its payload."""
    params = json.loads(brief.params) if brief else None
    payload = json.loads(brief.payload) if brief and brief.payload else params
    return {
        **firing_view(firing),
        "params": params,
        "payload": payload
        if firing.trigger_type in (TriggerType.WEBHOOK, TriggerType.TICKET)
        else None,
    }


def rendered_view(firing_preview: FiringPreview) -> responses.RenderedView:
    return {
        "prompt": firing_preview.prompt,
        "missing": list(firing_preview.missing),
        "unused": list(firing_preview.unused),
    }


def preview_view(firing_preview: FiringPreview) -> responses.PreviewView:
    return {
        **rendered_view(firing_preview),
        "title": firing_preview.title,
        "verdicts": [
            {"policy": verdict.policy, "fires": verdict.fires, "message": verdict.message}
            for verdict in firing_preview.verdicts
        ],
    }
