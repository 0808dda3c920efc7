"""Syncs of four trackers over real HTTP, with stores in memory: each ticket fires once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.actions.tickets import providers, sync
from tests.conftest import NOON
from tests.fakes.trackers import FAKES, serving
from tests.support.fake_tracker_stage import Place

pytestmark = pytest.mark.usefixtures("loopback")

MINUTE = timedelta(minutes=1)


class Died(BaseException):
    """The process is gone."""


@pytest.fixture(params=sorted(FAKES))
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with serving(FAKES[request.param](lambda: NOON)) as fake:
        yield Place(fake)


def test_each_of_250_tickets_fires_once_through_pages_outages_and_limits(place: Place):
    tracker = place.tracker
    place.minutes(3)
    for number in range(200):
        tracker.add(" Agent " if number % 2 else "AGENT")
    later = [tracker.add("other") for _ in range(50)]
    answers = iter([tracker.limit()])
    tracker.broken = lambda: next(answers, None)
    place.minutes(4)
    refused = [status for _, status in tracker.requests if status >= 400]
    assert refused == [tracker.limit()[0]]
    assert len(place.fired()) == 200

    tracker.broken = lambda: (503, {}, {"message": "down"})
    place.minutes(2)
    for item in later[:25]:
        tracker.label(item, "agent", "other")
    place.minutes(120)
    assert (place.provider.enabled, place.provider.failures) == (True, 0)
    assert "503" in (place.provider.last_error or "")
    asked = len(tracker.requests)
    place.minutes(60)
    assert 5 <= len(tracker.requests) - asked <= 7

    tracker.broken = lambda: None
    place.minutes(10)
    assert (place.provider.outages, place.provider.last_error) == (0, None)

    tracker.broken = lambda: (401, {}, {"message": "no"})
    place.minutes(8)
    assert (place.provider.enabled, place.provider.failures) == (False, 5)
    assert "401" in (place.provider.disabled_reason or "")

    tracker.broken = lambda: None
    providers.enable_provider(place.world, "p")
    place.minutes(1)
    place.now += timedelta(days=21)
    for item in later[25:]:
        tracker.label(item, "agent")
    place.minutes(2)
    assert place.fired() == place.expected()


def test_a_sync_that_dies_at_any_call_loses_nothing_and_doubles_nothing(place: Place):
    place.minutes(2)
    for _ in range(3):
        place.tracker.add("agent")
    for fatal in range(1, 40):
        survived = _dies_at(place, fatal)
        place.now += sync.LEASE_DURATION
        if survived:
            break
        if fatal % 7 == 0:
            place.tracker.add("agent")
    else:
        pytest.fail("no sync came through")
    place.minutes(3)
    assert place.fired() == place.expected()


def test_a_first_sync_that_dies_at_its_end_loses_no_ticket_of_the_next_minutes(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    providers_put = place.world.providers.put

    def put(new: Any, was: Any) -> None:
        if place.trigger_looked and not new.reading:
            raise Died
        providers_put(new, was)

    with monkeypatch.context() as patch:
        patch.setattr(place.world.providers, "put", put)
        with pytest.raises(Died):
            place.minutes(1)
    assert place.trigger_looked
    place.tracker.add("agent")
    place.now += 30 * MINUTE  # the stage is away for longer than listings overlap
    place.minutes(4)
    assert place.fired() == place.expected()


def test_syncs_that_never_end_are_told(place: Place):
    for _ in range(2):
        place.now += sync.LEASE_DURATION
        assert not _dies_at(place, 2)
    assert "was interrupted" in (place.provider.last_error or "")

    place.now += sync.LEASE_DURATION
    sync.sync_provider(place.world, "p")
    assert place.provider.last_error is None


def test_a_first_look_asks_once_for_each_page_what_was_fired(place: Place):
    for _ in range(120):
        place.tracker.add("other")
    claims, asked = place.world.firings.find_claims, []

    def counted(keys: Any, now: Any) -> Any:
        asked.append(len(keys))
        return claims(keys, now)

    place.world.firings.find_claims = counted
    place.minutes(1)

    # A claim may be under the id that stays, or under the key that was shown when it was made.
    assert sum(asked) == 120 * (1 if place.tracker.source == "notion" else 2)
    assert len(asked) <= 3


def _dies_at(place: Place, fatal: int) -> bool:
    """Let a sync die after its call of this number to a store or the tracker."""
    calls = 0
    real_commit, real_answer = place.world.tables.commit, place.tracker.answer

    def count() -> None:
        nonlocal calls
        calls += 1
        if calls == fatal:
            raise Died

    def commit(writes: Any) -> Any:
        done = real_commit(writes)
        count()
        return done

    place.world.tables.commit = commit
    place.world.trackers.open_tracker = _counting(place.world.trackers, count)
    try:
        sync.sync_provider(place.world, "p")
    except Died:
        return False
    finally:
        place.world.tables.commit = real_commit
        del place.world.trackers.open_tracker
        place.tracker.answer = real_answer  # type: ignore[method-assign]
    return calls < fatal


def _counting(trackers: Any, count: Any) -> Any:
    opened = type(trackers).open_tracker

    def open_(*given: Any) -> Any:
        tracker = opened(trackers, *given)
        send = tracker.iter_changed

        def changed(*asked: Any) -> Iterator[Any]:
            for page in send(*asked):
                count()
                yield page

        tracker.iter_changed = changed
        return tracker

    return open_
