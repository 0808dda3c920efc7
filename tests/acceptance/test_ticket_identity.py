"""Tickets that move, look alike or are not tickets, and lists that never end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.tickets.ticket import Ticket
from chalicelib.integrations.trackers.linear import LinearIssues
from chalicelib.ports import TrackerUnreachable
from tests.conftest import Stage
from tests.fakes.trackers import FAKES, FakeTracker, serving
from tests.support.ticket_stage import fired, github, provided, tracker, waiting

__all__ = ["github", "tracker"]
pytestmark = pytest.mark.usefixtures("loopback")

MINUTE = timedelta(minutes=1)


@pytest.fixture
def notion(stage: Stage) -> Iterator[FakeTracker]:
    with serving(FAKES["notion"](lambda: stage.now)) as fake:
        yield fake


@pytest.mark.parametrize("source", ["jira", "linear"])
def test_a_ticket_that_moves_to_another_team_fires_no_second_time(stage: Stage, source: str):
    with serving(FAKES[source](lambda: stage.now)) as fake:
        made = waiting(stage, fake, "agent")
        config = {"config": {**fake.config, "email": "ann@acme.test"}} if source == "jira" else {}
        provided(stage, fake, **config)
        stage.pass_time(MINUTE)
        item = fake.add("agent")
        stage.pass_time(2 * MINUTE)
        before = fake.external_id(item)
        fake.team = "OTHER"
        fake.label(item, "agent", "more")
        stage.pass_time(2 * MINUTE)
        assert fake.external_id(item) != before
        assert fired(stage, made) == {f"{source}:{before}": 1}


def test_a_claim_under_the_shown_key_still_counts(
    stage: Stage, tracker: FakeTracker, monkeypatch: pytest.MonkeyPatch
):
    made = waiting(stage, tracker, "agent", refire=False)
    provided(stage, tracker)
    stage.pass_time(MINUTE)
    item = tracker.add("agent")
    with monkeypatch.context() as older:
        older.setattr(Ticket, "claim_identities", property(lambda ticket: (ticket.occurrence,)))
        stage.pass_time(2 * MINUTE)
    tracker.label(item, "agent", "more")
    stage.pass_time(2 * MINUTE)
    assert sum(fired(stage, made).values()) == 1


def test_a_label_that_looks_alike_fires(stage: Stage, tracker: FakeTracker):
    made = waiting(stage, tracker, "\N{HEAVY BLACK HEART}\ufe0f caf\u00e9")
    provided(stage, tracker)
    stage.pass_time(MINUTE)
    tracker.add("\N{HEAVY BLACK HEART} cafe\u0301\u200b")
    stage.pass_time(2 * MINUTE)
    assert sum(fired(stage, made).values()) == 1


@pytest.mark.parametrize("source", ["jira", "notion"])
def test_a_list_that_repeats_itself_ends_with_an_error(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, source: str
):
    with serving(FAKES[source](lambda: stage.now)) as fake:
        config = {"config": {**fake.config, "email": "ann@acme.test"}} if source == "jira" else {}
        made = provided(stage, fake, **config)
        stage.pass_time(MINUTE)
        first = next(iter([fake.add() for _ in range(fake.page * 3)]))
        monkeypatch.setattr(fake, "cursor", lambda item: f"{fake.generation}.{first.number}")
        asked = len(fake.requests)
        stage.pass_time(2 * MINUTE)
        assert len(fake.requests) - asked < 20
        (shown,) = stage.ok("GET", "/api/tickets/providers")["providers"]
        assert shown["id"] == made["id"]
        assert "leads back to a page that was read before" in shown["lastError"]


def test_a_list_of_linear_that_repeats_itself_ends_with_an_error():
    class Repeating:
        def send_request(self, *_: object, **__: object) -> Any:
            page = {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "again"}}
            return {"data": {"issues": page, "issue": {"comments": page}}}

    issues = LinearIssues(Repeating(), {})  # type: ignore[arg-type]
    with pytest.raises(TrackerUnreachable, match="leads back to a page that was read before"):
        list(issues.iter_changed(None))
    with pytest.raises(TrackerUnreachable, match="leads back"):
        issues.find_comment("1", "run")


def test_a_data_source_in_a_wiki_is_no_ticket(stage: Stage, notion: FakeTracker):
    made = waiting(stage, notion, "agent")
    provided(stage, notion)
    stage.pass_time(MINUTE)
    notion.add("agent")
    real = notion.real

    def with_data_source(method: str, path: str, query: Any, headers: Any, body: Any) -> Any:
        status, more, said = real(method, path, query, headers, body)
        if path.endswith("/query") and status == 200:
            listed = {"object": "data_source", "id": "ds-2", "created_time": "2020-01-01T00:00Z"}
            said = {**said, "results": [{**listed, "title": []}, *said["results"]]}
        return status, more, said

    notion.real = with_data_source  # type: ignore[method-assign]
    stage.pass_time(2 * MINUTE)
    (shown,) = stage.ok("GET", "/api/tickets/providers")["providers"]
    assert (shown["lastError"], sum(fired(stage, made).values())) == (None, 1)


def test_the_id_of_a_database_is_called_so(stage: Stage, notion: FakeTracker):
    config = {**notion.config, "dataSourceId": "db-1"}
    real = notion.real

    def with_database(method: str, path: str, query: Any, headers: Any, body: Any) -> Any:
        if (method, path) == ("GET", "/v1/databases/db-1"):
            return 200, {}, {"object": "database", "data_sources": [{"id": "ds-1", "name": "Bugs"}]}
        return real(method, path, query, headers, body)

    notion.real = with_database  # type: ignore[method-assign]
    notion.description = None
    provided(stage, notion, config=config)
    stage.pass_time(2 * MINUTE)
    (shown,) = stage.ok("GET", "/api/tickets/providers")["providers"]
    assert "dataSourceId is the id of a database" in shown["lastError"]
    assert "ds-1 (Bugs)" in shown["lastError"]


def test_a_trigger_without_a_provider_is_saved_with_a_warning(stage: Stage, tracker: FakeTracker):
    made = waiting(stage, tracker, "agent")
    (warning,) = made["warnings"]
    assert warning["field"] == "triggers.0.config.source"
    assert f"no ticket provider for {tracker.source}" in warning["message"]

    provider = provided(stage, tracker)
    path = f"/api/tasks/{made['task']['id']}/triggers"
    assert stage.ok("GET", path)["warnings"] == []
    stage.ok("PATCH", f"/api/tickets/providers/{provider['id']}", {"enabled": False})
    (warning,) = stage.ok("GET", path)["warnings"]
    assert "paused or disabled" in warning["message"]
