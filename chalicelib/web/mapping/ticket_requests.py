"""Maps requests to the configs of ticket triggers."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.domain.triggers.trigger import TicketSettings
from chalicelib.web.schemas import requests


def to_ticket_settings(config: requests.TicketConfig, was: TicketSettings | None) -> TicketSettings:
    """Return the config of a ticket trigger; one that selects other tickets gets a new backlog."""
    new = TicketSettings(
        source=config.source,
        labels=tuple(config.labels),
        provider_id=str(config.provider_id) if config.provider_id else None,
        include_backlog=config.include_backlog,
        refire=config.refire,
    )
    return (
        replace(new, looked=was.looked)
        if was and new.matching_fields == was.matching_fields
        else new
    )
