"""Faults while a tracker is read: each ticket fires once, and none is skipped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chalicelib.actions.tickets import providers, sync
from tests.conftest import NOON
from tests.fakes.notion import FakeNotion
from tests.fakes.trackers import CREDENTIAL, FAKES, serving
from tests.support.fake_tracker_stage import BEFORE, MINUTE, Slow, filled, listings

pytestmark = pytest.mark.usefixtures("loopback", "short")


class Died(BaseException):
    """The process is gone."""


@dataclass
class Trouble:
    """Faults and changes by others, at given answers of a tracker."""

    place: Slow
    due: dict[int, list[tuple[str, int]]]
    answers: int = 0
    fatal: bool = False
    labelled: set[int] = field(default_factory=set)
    touched: set[int] = field(default_factory=set)

    def at_answer(self) -> Any:
        self.place.now += timedelta(seconds=1)
        self.answers += 1
        told = [getattr(self, what)(which) for what, which in self.due.get(self.answers, ())]
        return next((answer for answer in told if answer), None)

    def at_write(self) -> None:
        if self.fatal and threading.current_thread() is threading.main_thread():
            self.fatal = False
            raise Died

    def _item(self, which: int) -> Any:
        number = 1 + which % len(self.place.tracker.items)
        self.touched.add(number)
        return self.place.tracker.items[number]

    def label(self, which: int) -> None:
        item = self._item(which)
        self.place.tracker.label(item, "agent")
        self.labelled.add(item.number)

    def unlabel(self, which: int) -> None:
        self.place.tracker.label(self._item(which), "other")

    def close(self, which: int) -> None:
        item = self._item(which)
        item.open = False
        self.place.tracker.label(item, *item.labels)

    def reopen(self, which: int) -> None:
        item = self._item(which)
        item.open = True
        self.place.tracker.label(item, *item.labels)

    def add(self, which: int) -> None:
        made = self.place.tracker.add("agent")
        self.labelled.add(made.number)
        self.touched.add(made.number)

    def limit(self, which: int) -> Any:
        return self.place.tracker.limit()

    def fail(self, which: int) -> Any:
        return 503, {}, {"message": "down"}

    def expire(self, which: int) -> None:
        self.place.tracker.expire()

    def hint(self, which: int) -> None:
        providers.sync_now(self.place.world)
        sync.sync_provider(self.place.world, "p")

    def rename(self, which: int) -> None:
        was = self.place.provider
        providers.change_provider(self.place.world, was, replace(was, name=f"P{which}"))

    def renew(self, which: int) -> None:
        providers.change_provider(
            self.place.world, self.place.provider, self.place.provider, CREDENTIAL
        )

    def pause(self, which: int) -> None:
        was = self.place.provider
        providers.change_provider(self.place.world, was, replace(was, enabled=False))

    def resume(self, which: int) -> None:
        self.pause(which)
        was = self.place.provider
        providers.change_provider(self.place.world, was, replace(was, enabled=True))

    def die(self, which: int) -> None:
        self.fatal = True


WHAT = [name for name in vars(Trouble) if not name.startswith(("_", "at_"))]
WHAT = [name for name in WHAT if callable(getattr(Trouble, name))]
TROUBLES = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from(WHAT), st.integers(0, 60)), max_size=14
)


@contextmanager
def troubled(place: Slow, troubles: list[tuple[int, str, int]]) -> Iterator[Trouble]:
    due: dict[int, list[tuple[str, int]]] = {}
    for at, what, which in troubles:
        due.setdefault(at, []).append((what, which))
    trouble = Trouble(place, due)
    place.answer = trouble.at_answer
    real = place.world.tables.commit

    def commit(writes: Any) -> Any:
        done = real(writes)
        trouble.at_write()
        return done

    place.world.tables.commit = commit
    yield trouble
    place.world.tables.commit = real
    place.answer = lambda: None


def lived_through(place: Slow, trouble: Trouble) -> None:
    """Sync until all trouble is over, and everything there is has been read."""
    quiet = 0
    for _ in range(200):
        if not place.provider.enabled:
            providers.enable_provider(place.world, "p")
        try:
            place.sync()
        except Died:
            place.now += sync.LEASE_DURATION
        over = trouble.answers > max(trouble.due, default=0)
        quiet = quiet + 1 if over and place.provider.long_listing is None else 0
        if quiet == 4:
            return
    pytest.fail("it does not come to rest")


@pytest.mark.parametrize("source", sorted(FAKES))
@given(troubles=TROUBLES)
@example(troubles=[(4, "close", 0), (4, "close", 1), (4, "close", 2)])
@example(troubles=[(5, "die", 0), (9, "die", 0), (12, "expire", 0), (14, "renew", 0)])
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_each_ticket_is_settled_once_whatever_happens_meanwhile(
    source: str, troubles: list[tuple[int, str, int]]
):
    with serving(FAKES[source](lambda: NOON)) as fake:
        fake.description = None
        place = Slow(fake)
        place.greedy()
        early = {item.number for item in filled(place, 43, each=2)}
        place.now += 2 * MINUTE
        with troubled(place, troubles) as trouble:
            lived_through(place, trouble)
        outcomes = {key: place.outcomes(key) for key in ("t", "gt")}

    assert {count for found in outcomes.values() for count in found.values()} <= {1}
    for number, item in fake.items.items():
        name = place.name(item)
        if item.open and "agent" in item.labels:
            assert outcomes["gt"][name, "fired"] == 1
            told = [outcomes["t"][name, reason] for reason in ("fired", "backlog")]
            assert sum(told) == 1
            if number not in trouble.touched:
                assert told == [0, 1]
            if number not in early:
                assert told == [1, 0]
    ever = {place.name(fake.items[number]) for number in early | trouble.labelled}
    assert {name for found in outcomes.values() for name, _ in found} <= ever


@pytest.fixture(params=sorted(FAKES))
def place(request: pytest.FixtureRequest) -> Iterator[Slow]:
    with serving(FAKES[request.param](lambda: NOON)) as fake:
        yield Slow(fake)


def slowed(place: Slow, seconds: float, then: Callable[[], Any] = lambda: None) -> None:
    """Have answers take longer, and something happen at each."""

    def answer() -> Any:
        place.now += timedelta(seconds=seconds)
        return then()

    place.answer = answer


EXPIRING = sorted(FAKES.keys() - {"github"})
"""GitHub's positions are moments, which never expire."""


@pytest.mark.parametrize("place", EXPIRING, indirect=True)
def test_a_position_that_is_never_known_again_disables_with_the_reason(place: Slow):
    filled(place, 60)
    slowed(place, 1)
    for _ in range(20):
        place.sync()
        place.tracker.expire()
        if not place.provider.enabled:
            break
    assert not place.provider.enabled
    assert place.provider.disabled_reason
    assert len(place.outcomes()) <= 60

    providers.enable_provider(place.world, "p")
    place.read()
    assert len(place.outcomes()) == 60
    assert place.provider.failures == 0


def test_tickets_of_one_moment_are_told_apart(place: Slow):
    for _ in range(57):
        place.tracker.add("agent", at=BEFORE)
    slowed(place, 2)
    place.read()
    assert sum(place.outcomes().values()) == 57
    place.now += timedelta(hours=1)
    at: datetime = place.now
    for item in place.tracker.items.values():
        place.tracker.label(item, "agent", "more")
    more = [place.tracker.add("agent", at=at) for _ in range(57)]
    place.now += MINUTE
    place.read()
    assert place.fired() == {place.name(item): 1 for item in more}


def test_what_changes_behind_a_listing_that_takes_long_is_found_by_the_next(place: Slow):
    place.read()
    place.now += timedelta(days=1)
    items = [place.tracker.add("other") for _ in range(60)]
    place.now += MINUTE
    calls = 0

    def then() -> None:
        nonlocal calls
        calls += 1
        if calls == 4:  # one of them is on a page that was read, whichever way that goes
            place.tracker.label(items[0], "agent")
            place.tracker.label(items[-1], "agent")
        if calls == 11:
            for item in (*items[1:5], *items[-5:-1]):
                place.tracker.label(item, "other")

    slowed(place, 40, then)
    place.read()
    place.answer = lambda: None
    place.read()
    place.read()
    assert place.fired() == {place.name(item): 1 for item in (items[0], items[-1])}


def test_github_is_followed_by_its_links_where_all_changed_within_one_second():
    with serving(FAKES["github"](lambda: NOON)) as fake:
        place = Slow(fake)
        for _ in range(83):  # more than it numbers pages for
            fake.add("agent", at=BEFORE)
        place.read()
        assert sum(place.outcomes().values()) == 83
        assert any("after=" in path for path, _ in fake.requests)
        assert all(status < 400 for _, status in fake.requests)


@pytest.mark.parametrize("each", [timedelta(seconds=7), timedelta(minutes=1)])
def test_a_notion_query_that_is_cut_off_is_gone_on_with(each: timedelta):
    fake: Any = FakeNotion(lambda: NOON)
    fake.most = 20
    with serving(fake):
        place = Slow(fake)
        for number in range(90):
            fake.add("agent", at=BEFORE + number * each)
        place.read()
        assert sum(place.outcomes().values()) == 90


def test_a_minute_of_which_notion_does_not_tell_all_is_no_silent_end():
    fake: Any = FakeNotion(lambda: NOON)
    fake.most = 20
    with serving(fake):
        place = Slow(fake)
        for _ in range(25):
            fake.add("agent", at=BEFORE)
        place.sync()
        place.sync()
        assert "within one minute" in (place.provider.last_error or "")
        assert listings(place) < 30
