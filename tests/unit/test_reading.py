"""Trackers with more tickets than one sync may read: each sync continues the last one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.actions.tickets import providers, sync
from chalicelib.domain.triggers.trigger import OnTicket
from tests.conftest import NOON
from tests.fakes.trackers import CREDENTIAL, FAKES, serving
from tests.support.fake_tracker_stage import ANSWER, Slow, filled, listings

pytestmark = pytest.mark.usefixtures("loopback")


@pytest.fixture(params=sorted(FAKES))
def place(request: pytest.FixtureRequest) -> Iterator[Slow]:
    with serving(FAKES[request.param](lambda: NOON)) as fake:
        yield Slow(fake)


def test_a_first_look_at_6000_tickets_ends_and_settles_each_once(place: Slow):
    place.tracker.description = None  # what it says of each page is held elsewhere
    wanted = filled(place, 6000, each=40)
    place.greedy()
    pages = 6000 // place.tracker.page
    told = []

    place.sync()
    while place.provider.long_listing:
        assert place.provider.last_error is None
        told.append(place.provider.long_listing.count)
        place.sync()

    assert place.outcomes() == {(place.name(item), "backlog"): 1 for item in wanted}
    assert place.outcomes("gt") == {(place.name(item), "fired"): 1 for item in wanted}
    assert place.longest <= sync.MAX_SYNC_DURATION + sync.MAX_CHANGES_DURATION + 3 * ANSWER
    assert told == sorted(told)
    assert told[-1] > 3000
    fired = 2 if place.tracker.source in ("linear", "notion") else 1
    asked = pages * 1.2 + 3 * place.syncs
    assert listings(place) <= asked + (len(wanted) * fired if fired == 2 else 0)
    place.read()
    assert sum(place.fired().values()) == len(wanted)


def test_changes_beyond_one_sync_are_read_to_their_end_and_not_again(place: Slow):
    place.tracker.description = None
    place.read()
    place.now += timedelta(days=1)
    for number in range(1500):
        place.tracker.add("agent" if number % 50 == 0 else "other")
    place.now += timedelta(minutes=5)
    cursor = place.provider.cursor

    def answer() -> None:
        place.now += timedelta(seconds=1)

    place.answer = answer
    place.sync()
    assert place.provider.long_listing is not None
    assert place.provider.cursor == cursor
    place.read()

    assert sum(place.fired().values()) == 30
    assert set(place.fired().values()) == {1}
    place.read()
    asked = listings(place)
    place.sync()
    place.sync()
    assert listings(place) - asked == 2


@pytest.mark.usefixtures("short")
def test_a_page_costs_one_write_and_one_read_of_claims(
    place: Slow, monkeypatch: pytest.MonkeyPatch
):
    filled(place, 60, each=1000)
    counts: Counter[str] = Counter()
    for store, name in ((place.world.providers, "put"), (place.world.firings, "find_claims")):
        real = getattr(store, name)

        def counted(*given: Any, real: Any = real, name: str = name) -> Any:
            counts[name] += 1
            return real(*given)

        monkeypatch.setattr(store, name, counted)
    monkeypatch.setattr(place.world.providers, "list_all", None)
    place.read()

    pages = listings(place) - 1
    assert counts["find_claims"] == pages
    first_cursor = 1
    assert counts["put"] == pages - 1 + 2 * place.syncs + first_cursor


@pytest.mark.usefixtures("short")
def test_tickets_that_take_long_are_gone_on_with_in_the_midst_of_a_page(place: Slow):
    wanted = filled(place, 12)
    place.greedy()
    slow = timedelta(seconds=6)

    def answer() -> None:
        place.now += slow

    place.answer = answer
    place.read()
    assert place.outcomes("gt") == {(place.name(item), "fired"): 1 for item in wanted}
    assert place.longest < timedelta(seconds=45)


@pytest.mark.usefixtures("short")
def test_tickets_that_nothing_comes_of_do_not_hold_up_a_page(place: Slow):
    filled(place, 23)
    place.greedy()
    greedy = place.trigger("gt")
    blueprint = place.world.blueprints.get("g")
    broken = replace(blueprint, prompt="{{title}}", enabled=False, version=blueprint.version + 1)
    place.world.blueprints.put(broken, blueprint, [])
    assert greedy.enabled

    def answer() -> None:
        place.now += timedelta(seconds=4)

    place.answer = answer
    place.read()
    assert {reason for _, reason in place.outcomes("gt")} == {"paused"}
    assert sum(place.outcomes("gt").values()) == 23


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("status", [403, 500])
def test_a_page_that_always_fails_keeps_what_was_read_and_says_why(place: Slow, status: int):
    filled(place, 40)
    count = 0

    def answer() -> Any:
        nonlocal count
        count += 1
        return (status, {}, {"message": "this page is broken"}) if count > 5 else None

    place.answer = answer
    for _ in range(5):
        place.sync()
    assert place.provider.enabled is (status == 500)  # which passes, so that it is asked again
    assert str(status) in (place.provider.disabled_reason or place.provider.last_error or "")
    assert place.provider.look is not None
    stood = place.provider.look.count
    assert stood >= 10

    place.answer = lambda: None
    asked = listings(place)
    providers.enable_provider(place.world, "p")
    place.read()
    assert listings(place) - asked <= (40 - stood) // 5 + 4
    assert len(place.outcomes()) == 40


@pytest.mark.usefixtures("short")
def test_a_limit_in_the_midst_is_waited_for_whoever_asks_meanwhile(place: Slow):
    filled(place, 40)
    answers = iter([None, None, None, None, place.tracker.limit()])
    place.answer = lambda: next(answers, None)
    place.sync()
    limited = place.now
    assert "rate limit" in (place.provider.last_error or "")
    assert place.provider.failures == 0
    assert place.provider.long_listing is not None

    assert providers.sync_now(place.world) == 1
    due = place.provider.due_at
    assert due is not None
    assert due - limited >= timedelta(seconds=100)
    sync.sync_provider(place.world, "p")
    assert place.provider.due_at == due

    for enabled in (False, True):
        providers.change_provider(
            place.world, place.provider, replace(place.provider, enabled=enabled)
        )
    assert place.provider.due_at == due

    place.read()
    assert place.provider.last_error is None
    assert len(place.outcomes()) == 40


@pytest.mark.usefixtures("short")
def test_who_asks_while_a_sync_reads_starts_no_second_one(place: Slow):
    filled(place, 20)
    asked = []

    def answer() -> None:
        if len(asked) < 3:
            asked.append(providers.sync_now(place.world))
            before = len(place.tracker.requests)
            sync.sync_provider(place.world, "p")
            assert len(place.tracker.requests) == before

    place.answer = answer
    place.sync()
    assert asked == [1, 1, 1]
    assert place.provider.due_at is not None
    assert place.provider.due_at <= place.now
    assert not place.provider.asked


@pytest.mark.usefixtures("short")
def test_what_is_edited_in_the_midst_begins_anew_and_nothing_fires_twice(place: Slow):
    wanted = filled(place, 60)
    place.greedy()
    calls = 0

    def answer() -> None:
        nonlocal calls
        calls += 1
        if calls == 20:
            was = place.provider
            providers.change_provider(place.world, was, replace(was, name="Other"), CREDENTIAL)

    place.answer = answer
    place.sync()
    assert place.provider.look is None
    assert not place.provider.reading
    assert place.provider.name == "Other"
    place.read()
    assert place.outcomes("gt") == {(place.name(item), "fired"): 1 for item in wanted}
    assert place.provider.last_error is None


@pytest.mark.usefixtures("short")
def test_a_pause_in_the_midst_is_obeyed_and_gone_on_from(place: Slow):
    filled(place, 60)
    calls = 0

    def answer() -> None:
        nonlocal calls
        calls += 1
        if calls == 5:
            providers.change_provider(
                place.world, place.provider, replace(place.provider, enabled=False)
            )

    place.answer = answer
    place.sync()
    assert calls <= 6
    assert (place.provider.enabled, place.provider.reading) == (False, False)
    stood = place.provider.look
    assert stood is not None
    providers.change_provider(place.world, place.provider, replace(place.provider, enabled=True))
    place.read()
    assert len(place.outcomes()) == 60
    assert place.provider.last_error is None


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("edited", [False, True], ids=["made", "edited"])
def test_a_trigger_in_the_midst_has_a_look_of_its_own(place: Slow, edited: bool):
    wanted = filled(place, 300, each=10)
    place.sync()
    assert place.provider.look is not None
    place.greedy()
    if edited:
        was = place.trigger()
        assert isinstance(was, OnTicket)
        config = replace(was.ticket, labels=("agent", "more"), looked=())
        new = replace(was, ticket=config, version=was.version + 1, updated_at=place.now)
        place.world.triggers.save_progress(new, was)
    for _ in range(3):
        place.read()
    assert place.outcomes() == {(place.name(item), "backlog"): 1 for item in wanted}
    assert place.outcomes("gt") == {(place.name(item), "fired"): 1 for item in wanted}
    assert [place.trigger(key).ticket.looked for key in ("t", "gt")] == [("p",)] * 2  # type: ignore[union-attr]
