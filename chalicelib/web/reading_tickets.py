"""Maps requests to the configs of ticket triggers."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.domain.trigger import TicketConfig
from chalicelib.web import models


def ticket_config(config: models.TicketConfig, was: TicketConfig | None) -> TicketConfig:
    """Return the config of a ticket trigger; one that selects other tickets gets a new backlog."""
    new = TicketConfig(
        source=config.source,
        labels=tuple(config.labels),
        provider_id=str(config.provider_id) if config.provider_id else None,
        include_backlog=config.include_backlog,
        refire=config.refire,
    )
    return replace(new, looked=was.looked) if was and new.wanted == was.wanted else new
