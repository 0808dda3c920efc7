"""A stage with a ticket provider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Stage
from tests.fakes.trackers import CREDENTIAL, FAKES, FakeTracker, serving


@pytest.fixture(params=sorted(FAKES))
def tracker(request: pytest.FixtureRequest, stage: Stage) -> Iterator[FakeTracker]:
    with serving(FAKES[request.param](lambda: stage.now)) as fake:
        yield fake


@pytest.fixture
def github(stage: Stage) -> Iterator[FakeTracker]:
    with serving(FAKES["github"](lambda: stage.now)) as fake:
        yield fake


def provided(stage: Stage, fake: FakeTracker, **more: Any) -> dict[str, Any]:
    body = {"source": fake.source, "config": fake.config, "credential": CREDENTIAL, **more}
    made: dict[str, Any] = stage.ok("POST", "/api/tickets/providers", body)["provider"]
    return made


def waiting(stage: Stage, fake: FakeTracker, *labels: str, **config: Any) -> dict[str, Any]:
    """Make a blueprint whose trigger waits for labels."""
    body = {
        "type": "standalone",
        "name": "Fix",
        "title": "{{ticketTitle}}",
        "prompt": "Do {{title}}: {{body}} {{#each comments}}{{this.body}}{{/each}}",
        "agentType": "command",
        "agentCommand": "true",
        "triggers": [
            {"type": "ticket", "config": {"source": fake.source, "labels": list(labels), **config}}
        ],
    }
    made: dict[str, Any] = stage.ok("POST", "/api/tasks", body)
    return made


def ledger(stage: Stage, made: dict[str, Any]) -> list[dict[str, Any]]:
    found, cursor = [], ""
    while cursor is not None:
        path = f"/api/tasks/{made['task']['id']}/firings?limit=100" + (
            f"&cursor={cursor}" if cursor else ""
        )
        page = stage.ok("GET", path)
        found += page["firings"]
        cursor = page["nextCursor"]
    return found


def fired(stage: Stage, made: dict[str, Any]) -> Counter[str]:
    return Counter(f["occurrence"] for f in ledger(stage, made) if f["outcome"] == "fired")
