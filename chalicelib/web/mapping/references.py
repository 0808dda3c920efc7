"""Finds the objects that requests name, and the faults of names without an object.

Bodies are read before their fields are checked, so that one response reports all faults. Invalid
values are ignored here, because the request models report them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from chalicelib.domain import limits
from chalicelib.domain.errors import Fault, Invalid, NotFound
from chalicelib.domain.repos.repo import normal_url
from chalicelib.domain.tickets.ticket import TICKET_SOURCES
from chalicelib.web.queries.references import ReferenceNames, References

_ID: TypeAdapter[UUID] = TypeAdapter(UUID)
Body = Mapping[str, Any]


def names_of_tasks(*bodies: Body, with_repos: bool = True) -> ReferenceNames:
    """Return the names in the bodies of tasks; those of repos only if they are needed."""
    ids = (_parse_id(body.get("promptTemplateId")) for body in bodies)
    urls = (_parse_url(body.get("repoUrl")) for body in bodies) if with_repos else ()
    triggers = [config for body in bodies for _, config in _iter_configs(body.get("triggers"))]
    return ReferenceNames(
        template_ids=frozenset(filter(None, ids)),
        provider_ids=frozenset(filter(None, map(_provider_id, triggers))),
        repo_urls=frozenset(filter(None, urls)),
    )


def names_of_trigger(body: Body) -> ReferenceNames:
    """Return the names in the body of a trigger."""
    ids = [_provider_id(config) for _, config in _iter_configs([body])]
    return ReferenceNames(provider_ids=frozenset(filter(None, ids)))


def find_faults(body: Body, references: References) -> Iterator[Fault]:
    """Yield the faults of the names in the body of a task."""
    template_id = _parse_id(body.get("promptTemplateId"))
    if template_id and template_id not in references.templates:
        yield Fault("promptTemplateId", str(NotFound("prompt template", template_id)))
    for number, config in _iter_configs(body.get("triggers")):
        yield from _find_provider_faults(config, references, f"triggers.{number}.config")


def find_trigger_faults(body: Body, references: References) -> Iterator[Fault]:
    """Yield the faults of the names in the body of a trigger."""
    for _, config in _iter_configs([body]):
        yield from _find_provider_faults(config, references, "config")


def _find_provider_faults(config: Body, references: References, prefix: str) -> Iterator[Fault]:
    provider_id, source = _provider_id(config), config.get("source")
    if provider_id is None:
        return
    provider = references.providers.get(provider_id)
    if provider is None:
        yield Fault(f"{prefix}.providerId", str(NotFound("provider", provider_id)))
    elif source in TICKET_SOURCES and source != provider.source:
        message = f"this is a provider of {provider.source}, not of {source}"
        yield Fault(f"{prefix}.providerId", message)


def _iter_configs(triggers: object) -> Iterator[tuple[int, Body]]:
    """Yield the configs of ticket triggers, each with its number in the list."""
    trigger_list = triggers[: limits.MAX_TRIGGERS] if isinstance(triggers, list) else []
    for number, trigger in enumerate(trigger_list):
        config = trigger.get("config") if isinstance(trigger, Mapping) else None
        if isinstance(config, Mapping) and trigger.get("type") == "ticket":
            yield number, config


def _provider_id(config: Body) -> str | None:
    return _parse_id(config.get("providerId"))


def _parse_id(value: object) -> str | None:
    """Return an id in its normal form, None for anything that the request models reject."""
    try:
        return str(_ID.validate_python(value)) if isinstance(value, str | UUID) else None
    except ValidationError:
        return None


def _parse_url(value: object) -> str | None:
    with suppress(Invalid):
        return normal_url(value) if isinstance(value, str) else None
    return None
