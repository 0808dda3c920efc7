"""An incomplete addition of an agent, sender, tracker or event fails with the missing place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import pytest

from chalicelib.domain.access.secret import AGENT_SECRET_NAMES
from chalicelib.domain.blueprints.blueprint import AGENTS
from chalicelib.domain.notifications.notification import Event
from chalicelib.domain.tickets import provider
from chalicelib.domain.tickets.ticket import TICKET_SOURCES
from chalicelib.domain.triggers.webhook_senders import SENDERS
from chalicelib.integrations.agents import AGENTS as PROGRAMS
from chalicelib.integrations.trackers.registry import TRACKER_MODULES
from chalicelib.web.pages import filters
from chalicelib.web.schemas.requests import fields, webhooks
from tests.fakes.trackers import FAKES
from tests.support.signed_deliveries import signed

ROOT = Path(__file__).resolve().parents[2]
WEB, DOCS = ROOT / "chalicelib" / "web", ROOT / "docs"


def quoted(file: Path, line: str) -> set[str]:
    """Return the words in quotes in the lines of a file that match."""
    lines = [one for one in file.read_text().splitlines() if re.search(line, one)]
    assert lines, f"{file.name} has no line like {line}"
    return set(re.findall(r"""["']([a-z][a-z-]+)["']""", "\n".join(lines)))


def told(file: str, head: str) -> set[str]:
    """Return the names that begin the rows of a table in the documents."""
    table = (DOCS / file).read_text().partition(head)[2].partition("\n\n")[0]
    return set(re.findall(r"^\| `([a-z._-]+)` \|", table, re.MULTILINE))


AGENT_PLACES = {
    "Agent in chalicelib/web/schemas/requests/fields.py": get_args(fields.Agent),
    "AGENTS in chalicelib/integrations/agents/__init__.py": PROGRAMS,
    "AGENT_SECRET_NAMES in chalicelib/domain/access/secret.py": AGENT_SECRET_NAMES,
    "AGENT_LABELS in chalicelib/web/pages/filters.py": filters.AGENT_LABELS,
    "the select of chalicelib/web/templates/inputs.html": {
        *quoted(WEB / "templates" / "inputs.html", "'claude-code'|'copilot'"),
        *quoted(WEB / "templates" / "fields.html", r"\('command', "),
    },
    "the first table of docs/guides/agents.md": told("guides/agents.md", "| type | program |"),
}
SENDER_PLACES = {
    "Signature in chalicelib/web/schemas/requests/fields.py": get_args(fields.Signature),
    "SENDER_LABELS in chalicelib/web/pages/filters.py": filters.SENDER_LABELS,
    "the table of docs/guides/webhooks.md": told(
        "guides/webhooks.md", "| `signature` | sender | how it signs"
    ),
}
TRACKER_PLACES = {
    "TRACKER_MODULES in chalicelib/integrations/trackers/registry.py": TRACKER_MODULES,
    "_REQUIRED_FIELDS in chalicelib/domain/tickets/provider.py": provider._REQUIRED_FIELDS,
    "_OPTIONAL_FIELDS in chalicelib/domain/tickets/provider.py": provider._OPTIONAL_FIELDS,
    "NewProvider in chalicelib/web/schemas/requests/tickets.py": quoted(
        WEB / "schemas" / "requests" / "tickets.py", "source: Literal"
    ),
    "the trigger in chalicelib/web/schemas/requests/triggers.py": quoted(
        WEB / "schemas" / "requests" / "triggers.py", "source: Literal"
    ),
    "FAKES in tests/fakes/trackers.py": FAKES,
    "the table of docs/guides/tickets.md": told("guides/tickets.md", "| source | `config` |"),
}


EVENT_PLACES = {
    "Told in chalicelib/web/schemas/requests/webhooks.py": get_args(webhooks.EventName),
    "the table of docs/guides/notifications.md": told(
        "guides/notifications.md", "| event | sent when |"
    ),
}


def missing(known: Iterable[str], place: str, there: Iterable[str]) -> str:
    lacking, unknown = set(known) - set(there), set(there) - set(known)
    return f"{place} lacks {sorted(lacking)}, or should not have {sorted(unknown)}"


@pytest.mark.parametrize("place", AGENT_PLACES)
def test_each_place_knows_each_agent(place: str):
    there = set(AGENT_PLACES[place]) - {"agent-type"}
    assert there == set(AGENTS), missing(AGENTS, place, there)


@pytest.mark.parametrize("place", SENDER_PLACES)
def test_each_place_knows_each_sender_of_webhooks(place: str):
    there = SENDER_PLACES[place]
    assert set(there) == set(SENDERS), missing(SENDERS, place, there)


@pytest.mark.parametrize("preset", SENDERS)
def test_each_sender_signs_in_the_tests_as_it_does_in_life(preset: str):
    try:
        assert signed(preset, b"{}", 0)
    except KeyError:
        pytest.fail("give its headers in `signed` of tests/support/signed_deliveries.py")


@pytest.mark.parametrize("place", TRACKER_PLACES)
def test_each_place_knows_each_tracker(place: str):
    there = TRACKER_PLACES[place]
    assert set(there) == set(TICKET_SOURCES), missing(TICKET_SOURCES, place, there)


@pytest.mark.parametrize("place", EVENT_PLACES)
def test_each_place_knows_each_event_that_webhooks_are_told(place: str):
    there, known = EVENT_PLACES[place], {one.value for one in Event if one is not Event.TEST}
    assert set(there) == known, missing(known, place, there)
