"""Queues with two workers each, as in a new account, while every server outside hangs."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.actions.blueprints import blueprints
from chalicelib.actions.scheduler import tick
from chalicelib.domain.access.secret import GLOBAL_SCOPE, Secret
from chalicelib.domain.blueprints.blueprint import Blueprint, Kind
from chalicelib.domain.messages import StepMessage, encode_message
from chalicelib.domain.notifications import delivery as deliveries
from chalicelib.domain.notifications.notification import Event, Notification
from chalicelib.domain.pull_requests.forge import TOKEN
from chalicelib.domain.pull_requests.pull_request import Facts, PullRequest
from chalicelib.domain.runs.attempt import TicketComment
from chalicelib.domain.runs.phase import Phase
from chalicelib.domain.runs.run import Run, queue_run
from chalicelib.domain.runs.state import State
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.domain.triggers.trigger import OnSchedule, ScheduleSettings
from chalicelib.pipeline import notification_steps, outside_steps, run_steps, schedule_steps
from tests.conftest import NOON
from tests.simulation.memory import MemoryWorld
from tests.simulation.notification_storm import LISTENER, OneListener, ToldDeliveries

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
FUNCTION_LASTS = timedelta(seconds=60)
WORKERS = 2
URL = "https://github.com/acme/web"
MOMENTS: dict[str, Any] = {"created_at": NOON, "updated_at": NOON}
OPEN = Facts(number=1, url=f"{URL}/pull/1", state="open", head_sha="a")
HANDLERS: dict[str, Callable[[Any, Any], Any]] = {
    "fire_queue": schedule_steps.fire,
    "steps_queue": run_steps.advance,
    "remote_queue": outside_steps.consult,
    "notify_queue": notification_steps.notify,
}


class TimedOut(BaseException):
    """The time of a function is over, in the middle of what it did."""


class Queue:
    """A queue of the stage, and how long each of its messages waited for a worker."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._numbers = count()
        self.pending: list[tuple[datetime, int, dict[str, str]]] = []
        self.free_at = [NOON] * WORKERS
        self.waits: list[timedelta] = []

    def send_messages(self, messages: Iterable[tuple[StepMessage, timedelta]]) -> None:
        for message, delay in messages:
            entry = (self._stage.now + delay, next(self._numbers), encode_message(message))
            heapq.heappush(self.pending, entry)

    @property
    def next_at(self) -> datetime:
        return max(self.pending[0][0], min(self.free_at))


class Stage:
    """A stage in memory whose forge, tracker and receivers take what is sent, and never answer."""

    def __init__(self) -> None:
        self.now = NOON
        self.asked: set[str] = set()
        self.world: Any = MemoryWorld(lambda: self.now, self._wait)
        self.queues = {name: Queue(self) for name in HANDLERS}
        vars(self.world).update(self.queues)
        now = self.world.now()
        token = Secret(name=TOKEN, scope=GLOBAL_SCOPE, created_at=now, updated_at=now)
        self.world.secrets.put(token)
        self.world.vault.put(self.world.secrets.vault_key(TOKEN, GLOBAL_SCOPE), "t")
        self.world.forges = SimpleNamespace(open_forge=lambda *given: self._silent("forge"))
        self.world.trackers = SimpleNamespace(open_tracker=lambda *given: self._silent("tracker"))
        self.world.webhook_sender = self._silent("receiver")
        self.world.webhook_endpoints = OneListener()
        self.world.deliveries = ToldDeliveries(self.world.tables)

    def _wait(self, span: timedelta) -> None:
        self.now += span

    def _silent(self, name: str) -> Any:
        def hang(*given: Any, **named: Any) -> Any:
            self.asked.add(name)
            self.now += FUNCTION_LASTS
            raise TimedOut

        return type("Silent", (), {"__getattr__": lambda thing, call: hang})()

    def store(self, run: Run) -> None:
        self.world.tables.rows["runs"][run.id] = run

    def let_pass(self, span: timedelta) -> None:
        """Let workers take messages in the order in which both are there, and ticks come."""
        end, tick_at = NOON + span, NOON
        while True:
            waiting = [queue for queue in self.queues.values() if queue.pending]
            queue = min(waiting, key=lambda one: one.next_at, default=None)
            if queue is None or tick_at <= queue.next_at:
                if tick_at > end:
                    return
                self.now = tick_at
                tick.run_tick(self.world)
                tick_at += MINUTE
                continue
            if queue.next_at > end:
                return
            self._work(queue)

    def _work(self, queue: Queue) -> None:
        self.now = queue.next_at
        arrived, _, body = heapq.heappop(queue.pending)
        queue.waits.append(self.now - arrived)
        name = next(name for name, one in self.queues.items() if one is queue)
        record = {"messageId": "1", "body": json.dumps(body), "receiptHandle": "r"}
        with suppress(TimedOut):
            assert HANDLERS[name]({"Records": [record]}, None) == {"batchItemFailures": []}
        queue.free_at.remove(min(queue.free_at))
        queue.free_at.append(self.now)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage()
    monkeypatch.setattr(wiring, "get_world", lambda: made.world)
    return made


def a_run(name: str, **more: Any) -> Run:
    run = Run(id=name, type="repo-task", title="T", firing_id="f", repo_url=URL, **MOMENTS)
    ids = {"id": f"00000000-0000-4000-8000-{int(name):012d}"}
    return replace(queue_run(replace(run, **ids), by="ticket", message="x"), **more)


def fill(stage: Stage, each: int) -> None:
    """Make every call to an outside server due at once, `each` of them."""
    pull = PullRequest(facts=OPEN, opened_at=NOON, changed_at=NOON, head_seen_at=NOON)
    kinds: tuple[dict[str, Any], ...] = (
        {"state": State.PR_OPENED, "pull": pull, "due_at": NOON},
        {"state": State.RUNNING, "stage": Phase.PUBLISH, "due_at": NOON},
        {"state": State.CANCELLED, "due_at": NOON},
    )
    for number, kind in enumerate(kinds):
        for one in range(each):
            stage.store(a_run(f"{number}{one:03d}1", **kind))
    for one in range(each):
        provider = TicketProvider(id=f"p{one}", name="P", source="github", due_at=NOON, **MOMENTS)
        stage.world.providers.add(provider)
        stage.world.vault.put(provider.secret_key, "t")
        notice = Notification(id=f"n{one}", event=Event.FAILED, at=NOON, data={})
        stage.world.deliveries.add(deliveries.delivery_for(LISTENER.id, notice, NOON))


def schedule(stage: Stage, number: int, **more: Any) -> None:
    """Make a blueprint that fires every minute."""
    named: dict[str, Any] = {"name": f"D{number}", "title": "D", "kind": Kind.STANDALONE}
    does: dict[str, Any] = {"prompt": "Go.", "agent_type": "command", "max_concurrent": 1}
    owner = Blueprint(id=f"d{number}", **{**named, **does, **MOMENTS, **more})
    trigger = OnSchedule(
        id=f"t{number}",
        blueprint_id=owner.id,
        blueprint_kind=owner.kind.value,
        schedule=ScheduleSettings(cron="* * * * *"),
        **MOMENTS,
    )
    blueprints.create_blueprint(stage.world, owner, [trigger])


def of_blueprint(stage: Stage, number: int) -> list[Run]:
    found = [run for run in stage.world.tables.all("runs") if run.blueprint_id == f"d{number}"]
    return sorted(found, key=lambda run: run.created_at)


def test_forge_tracker_and_receiver_that_hang_delay_no_firing_and_no_admission(stage: Stage):
    fill(stage, each=10)
    schedule(stage, 1)
    stage.let_pass(5 * MINUTE)

    assert stage.asked == {"forge", "tracker", "receiver"}
    runs = of_blueprint(stage, 1)
    assert [run.created_at for run in runs] == [NOON + n * MINUTE for n in range(1, 6)]
    admitted = [event.created_at for event in runs[0].history if event.to_state == "provisioning"]
    assert admitted[0] - runs[0].created_at <= SECOND
    for name in ("fire_queue", "steps_queue"):
        assert max(stage.queues[name].waits) <= SECOND
    assert max(stage.queues["remote_queue"].waits) >= MINUTE, "nobody hung"


@pytest.mark.parametrize("silent_for", [20 * SECOND, 330 * SECOND])
def test_a_tracker_that_hangs_delays_no_watchdog_of_the_run_that_it_hears_of(
    stage: Stage, silent_for: timedelta
):
    fill(stage, each=10)
    due = NOON + silent_for
    brief = SimpleNamespace(params='{"ticketSource": "github", "ticketExternalId": "acme/web#7"}')
    stage.world.firings.brief = lambda firing_id: brief
    works: dict[str, Any] = {"state": State.RUNNING, "beat_at": NOON, "attempt": 1}
    run = a_run("77", due_at=due, reply=TicketComment(at=NOON), **works)
    stage.store(run)
    stage.let_pass(7 * MINUTE)
    lost = [one for one in stage.world.runs.get(run.id).history if one.to_state is State.QUEUED]
    assert (lost[1].from_state, lost[1].created_at) == (State.RUNNING, due)


def test_a_forge_that_is_asked_whether_a_branch_has_moved_delays_no_other_firing(stage: Stage):
    for number in range(4):
        repo: dict[str, Any] = {"kind": Kind.REPO_BLUEPRINT, "repo_url": URL}
        schedule(stage, number, skip_if_unchanged=True, **repo)
        done = a_run(str(number + 1), blueprint_id=f"d{number}", state=State.COMPLETED)
        stage.store(replace(done, head_sha="a"))
    schedule(stage, 9)
    stage.let_pass(5 * MINUTE)
    assert "forge" in stage.asked
    assert len(of_blueprint(stage, 9)) == 5
    assert max(stage.queues["fire_queue"].waits) <= SECOND
