"""From requests about tickets to domain objects."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.trigger import TicketConfig
from chalicelib.web import models


def ticket_config(
    config: models.TicketConfig, prefix: str, was: TicketConfig | None
) -> TicketConfig:
    """Return which tickets fire; what other tickets it waits for now has a backlog of its own."""
    provider_id = str(config.provider_id) if config.provider_id else None
    if provider_id:
        _check_provider(provider_id, config.source, f"{prefix}config.providerId")
    new = TicketConfig(
        source=config.source,
        labels=tuple(config.labels),
        provider_id=provider_id,
        include_backlog=config.include_backlog,
        refire=config.refire,
        looked=was.looked if was else (),
    )
    if was is None or new.wanted == was.wanted:
        return new
    return TicketConfig(
        source=new.source,
        labels=new.labels,
        provider_id=new.provider_id,
        include_backlog=new.include_backlog,
        refire=new.refire,
    )


def _check_provider(provider_id: str, source: str, field: str) -> None:
    try:
        provider = wiring.world().providers.get(provider_id)
    except NotFound as error:
        raise Invalid(str(error), field) from error
    if provider.source != source:
        raise Invalid(f"that provider is one of {provider.source}, not of {source}", field)
