"""A stage under a seeded storm: the real tick, `fire` and steps, and only the clock is ours.

One thread. A process is what one invocation does; between any two of its calls another may run,
time may pass, the call may fail before or after it took effect, and the process may die. A seed
decides everything, so a seed that fails replays exactly.
"""

from __future__ import annotations

import heapq
import inspect
import itertools
import json
import logging
import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib import wiring
from chalicelib.actions import definitions, hooks, jobs, reporting, runs
from chalicelib.actions.ticking import Incomplete
from chalicelib.domain.blueprint import Blueprint, Kind
from chalicelib.domain.errors import DomainError
from chalicelib.domain.firing import Claim
from chalicelib.domain.trigger import (
    CatchUp,
    HookConfig,
    Overlap,
    ScheduleConfig,
    Trigger,
    TriggerType,
)
from chalicelib.domain.webhook_signatures import Delivery
from chalicelib.pipeline import firing, notifying, running
from tests.simulation.memory import MemoryWorld

START = datetime(2026, 5, 4, 12, tzinfo=UTC)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
MOST_EVENTS = 30_000
"""Ten times what a storm of some hours brings."""
VISIBILITY = timedelta(seconds=60)
MOST_RECEIVES = 10
TICK = {
    "version": "0",
    "account": "0",
    "region": "r",
    "detail": {},
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "time": "",
    "id": "",
    "resources": [],
}
CRONS = ("* * * * *", "*/2 * * * *", "*/5 * * * *", "3-59/7 * * * *", "15 13 * * *", "0 * * * *")


class Died(BaseException):
    """The process is gone, in the middle of whatever it did."""


HANDLERS = {"fire": firing.fire, "steps": running.advance, "notify": notifying.notify}


class Refused(ConnectionError):
    """AWS did not do it, or did it and could not say so."""


@dataclass(frozen=True)
class Weather:
    """How bad it is."""

    fails: float = 0.0
    dies: float = 0.0
    interleaves: float = 0.0
    stalls: float = 0.0
    loses: float = 0.0
    repeats: float = 0.0
    skews: float = 0.0
    lags: float = 0.0


CALM = Weather()


def weather(rng: random.Random) -> Weather:
    """Return some weather; a part of the seeds has one kind of fault alone, so that it shows."""
    storm = Weather(
        fails=0.01,
        dies=0.01,
        interleaves=0.08,
        stalls=0.002,
        loses=0.1,
        repeats=0.1,
        skews=1,
        lags=1,
    )
    if rng.random() < 0.6:
        return storm
    kind = rng.choice(list(Weather.__dataclass_fields__))
    return replace(CALM, **{kind: min(1.0, 3 * getattr(storm, kind))})


@dataclass(order=True)
class Event:
    """Something that will happen."""

    at: datetime
    number: int
    what: Callable[[], None] = field(compare=False)
    telling: int = field(default=0, compare=False)


class Faulty:
    """A store behind a network: each call may fail, last, or be the last of its process."""

    def __init__(self, thing: Any, simulator: Simulator) -> None:
        self._thing, self._simulator = thing, simulator

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._thing, name)
        if name == "due_shards":
            return method  # a setting: nobody is asked for it

        def call(*given: Any, **named: Any) -> Any:
            self._simulator.before_call()
            answer = method(*given, **named)
            if inspect.isgenerator(answer):
                answer = iter(list(answer))
            self._simulator.after_call()
            return answer

        return call


class LossyQueue:
    """SQS at its worst: late, twice, out of order, or never."""

    def __init__(self, simulator: Simulator, kind: str) -> None:
        self._simulator, self._kind = simulator, kind

    def send(self, messages: Any) -> None:
        for body, delay in messages:
            assert timedelta(0) <= delay <= timedelta(seconds=900)
            self._simulator.count_sent(self._kind, body)
            self._simulator.post(self._kind, body, delay)


class Simulator:
    """One stage, its users, its runners and its weather."""

    def __init__(self, seed: int, *, world: Any = None, hours: float = 2.0, size: int = 6) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.weather = weather(self.rng)
        self.clock = START
        self.events: list[Event] = []
        self.handled = 0
        self.numbers = itertools.count()
        self.processes: list[dict[str, Any]] = []
        self.people_act = True
        self.accepted: dict[str, set[str]] = {}
        self.sent: Counter[str] = Counter()
        self.over = START + timedelta(hours=hours)
        self.size = size
        self.ids = random.Random(f"ids {seed}")
        self.outages = random.Random(f"outage {seed}")
        self.outage = self._an_outage(hours)
        self.world = world or self._memory()

    def _an_outage(self, hours: float) -> tuple[datetime, datetime] | None:
        """Return when half of all calls fail, in some of the storms in which calls fail at all."""
        if not self.weather.fails or self.outages.random() > 0.2:
            return None
        begins = START + self.outages.uniform(0.1, 0.4) * timedelta(hours=hours)
        return begins, begins + self.outages.uniform(0.3, 0.5) * timedelta(hours=hours)

    def all(self, table: str) -> list[Any]:
        """Return every row of a table, as it is."""
        found: list[Any] = self.world.tables.all(table)
        return found

    def _memory(self) -> MemoryWorld:
        made = MemoryWorld(self.now, self.wait)
        made.tables.now = lambda: self.clock
        made.tables.lag = self._lag
        for name in ("blueprints", "triggers", "firings", "runs", "slots", "repos", "pulses"):
            setattr(made, name, Faulty(getattr(made, name), self))
        made.fire_queue = Faulty(LossyQueue(self, "fire"), self)
        made.steps_queue = Faulty(LossyQueue(self, "steps"), self)
        return made

    # Time and faults

    def now(self) -> datetime:
        skew = self.processes[-1]["skew"] if self.processes else timedelta(0)
        return self.clock + skew

    def wait(self, span: timedelta) -> None:
        self.clock += span

    def _lag(self) -> timedelta:
        if self.rng.random() >= self.weather.lags / 2:
            return timedelta(0)
        return timedelta(seconds=self.rng.uniform(0, 5))

    def before_call(self) -> None:
        self._mind()
        self.clock += timedelta(milliseconds=self.rng.uniform(1, 20))
        if self.rng.random() < self.weather.stalls:
            self.clock += timedelta(seconds=self.rng.uniform(1, 150))
        room = 0 < len(self.processes) < 3
        soon = self.clock + 2 * SECOND
        often = 5 if any(event.telling and event.at <= soon for event in self.events) else 1
        if room and self.rng.random() < often * self.weather.interleaves:
            self.another()
        self._trouble()

    def after_call(self) -> None:
        self._trouble()

    def _mind(self) -> None:
        if self.processes and self.processes[-1]["dead"]:
            raise Died

    def _trouble(self) -> None:
        if not self.processes:
            return
        throttled = self.outage and self.outage[0] <= self.clock < self.outage[1]
        if throttled and self.weather.fails and self.outages.random() < 0.5:
            raise Refused
        chance = self.rng.random()
        if chance < self.weather.dies:
            self.processes[-1]["dead"] = True
            raise Died
        if chance < self.weather.dies + self.weather.fails:
            raise Refused

    def another(self) -> None:
        """Let something else that is near happen in the middle of what happens now."""
        near = [event for event in self.events if event.at <= self.clock + 5 * SECOND]
        most = max((event.telling for event in near), default=0)
        deeds = [event for event in near if event.telling == most] if most else []
        if near:
            # What people do, and another firing, tell the most in the middle of something.
            event = self.rng.choice(deeds if deeds and self.rng.random() < 0.5 else near)
            self.events.remove(event)
            heapq.heapify(self.events)
            event.what()

    @contextmanager
    def process(self, *, tick: bool = False) -> Iterator[None]:
        """Whatever happens within, happens in a process of its own."""
        skew = timedelta(seconds=self.rng.uniform(-2, 2)) if self.weather.skews else timedelta(0)
        self.processes.append({"skew": skew, "dead": False, "tick": tick})
        try:
            yield
        finally:
            self.processes.pop()

    # What happens

    def count_sent(self, kind: str, body: dict[str, str]) -> None:
        """Count a message, apart from those of ticks: these are bounded by the due rows."""
        if not self.processes or not self.processes[-1].get("tick"):
            self.sent[body.get("step", kind)] += 1

    def at(self, moment: datetime, what: Callable[[], None], *, telling: int = 0) -> None:
        heapq.heappush(self.events, Event(moment, next(self.numbers), what, telling))

    def later(self, least: float, most: float, what: Callable[[], None]) -> None:
        self.at(self.clock + timedelta(seconds=self.rng.uniform(least, most)), what)

    def post(self, kind: str, body: dict[str, str], delay: timedelta, receives: int = 0) -> None:
        if receives == 0 and self.rng.random() < self.weather.loses:
            return
        for _ in range(2 if self.rng.random() < self.weather.repeats else 1):
            spread = timedelta(seconds=self.rng.uniform(0, 1.5))
            if self.rng.random() < self.weather.repeats / 4:
                spread += timedelta(seconds=self.rng.uniform(0, 300))
            moment, telling = self.clock + delay + spread, int(kind == "fire")
            self.at(moment, lambda: self.deliver(kind, body, receives), telling=telling)

    def deliver(self, kind: str, body: dict[str, str], receives: int) -> None:
        batch = [body]
        record = [
            {"messageId": str(number), "body": json.dumps(one), "receiptHandle": "r"}
            for number, one in enumerate(batch)
        ]
        handler = HANDLERS[kind]
        try:
            with self.process():
                failed = handler({"Records": record}, None)["batchItemFailures"]
                self._mind_end()
        except Died:
            failed = record
        if failed and receives + 1 < MOST_RECEIVES:
            self.post(kind, body, VISIBILITY, receives + 1)

    def _mind_end(self) -> None:
        # Died after its last call: the answer is lost, the message comes back.
        if self.rng.random() < self.weather.dies:
            raise Died

    def tick(self) -> None:
        following = self.clock.replace(second=0, microsecond=0) + MINUTE
        if self.weather.loses and self.rng.random() < 0.01:
            following += timedelta(minutes=self.rng.choice((3, 20, 90)))  # an outage
        spread = timedelta(seconds=self.rng.uniform(0, 12))
        self.at(following + spread, self.tick)
        if self.rng.random() < self.weather.repeats:
            self.at(self.clock, self.tick_once)
        self.tick_once()

    def tick_once(self) -> None:
        with self.process(tick=True), suppress(Died, Refused, Incomplete):
            firing.tick(TICK, None)

    # Runners

    def runner(self, name: str) -> None:
        """Ask for work; do it well, badly, or vanish."""
        job = None
        with suppress(Died, Refused, DomainError), self.process():
            job = jobs.claim(self.world, name)
        if job is None:
            self.later(5, 20, lambda: self.runner(name))
            return
        ends = self.clock + timedelta(seconds=self.rng.choice((5, 20, 60, 200)))
        vanishes = self.weather.dies > 0 and self.rng.random() < 0.1
        self.later(1, 10, lambda: self.work(name, job.run.id, job.run.attempt, ends, vanishes))

    def work(self, name: str, run: str, attempt: int, ends: datetime, vanishes: bool) -> None:
        if vanishes:
            # Back after a while, with a report that nobody waits for any more.
            self.later(100, 400, lambda: self.finish(name, run, attempt))
            return
        if self.clock >= ends:
            self.finish(name, run, attempt)
            return
        stop: str | None = None
        try:
            with self.process():
                stop = jobs.beat(self.world, run, attempt, "agent", ())
        except (Died, Refused):
            pass
        except DomainError:
            stop = "superseded"
        if stop:
            self.runner(name)
            return
        self.later(10, 20, lambda: self.work(name, run, attempt, ends, vanishes))

    def finish(self, name: str, run: str, attempt: int, tries: int = 0) -> None:
        outcome = self.ids.choice(("succeeded", "no_changes", "failed", "failed"))
        end = reporting.Report(
            outcome=outcome, transient=self.ids.random() < 0.7, error_message="no"
        )
        try:
            with self.process():
                reporting.report(self.world, run, attempt, end)
        except (Died, Refused):
            if tries < 5:
                self.later(1, 10, lambda: self.finish(name, run, attempt, tries + 1))
                return
        except DomainError:
            pass
        self.later(1, 5, lambda: self.runner(name))

    # Users and senders

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.ids.getrandbits(128), version=4))

    def settle_in(self) -> None:
        """Make definitions, each with triggers, as users do before the weather turns."""
        storm, self.weather = self.weather, CALM
        for number in range(self.size):
            self.make(number)
        self.weather = storm

    def make(self, number: int) -> None:
        owner = Blueprint(
            id=self.new_id(),
            kind=Kind.REPO_BLUEPRINT if number % 2 else Kind.STANDALONE,
            name=f"d{number}",
            title=f"d{number}",
            prompt="Do {{n}}.",
            repo_url=f"https://git.example.com/acme/r{number % 4}" if number % 2 else None,
            agent_type="command",
            max_retries=2,
            max_concurrent=self.rng.choice((1, 2, 3)),
            created_at=self.now(),
            updated_at=self.now(),
        )
        schedule = ScheduleConfig(
            cron=CRONS[self.rng.randrange(len(CRONS))],
            overlap=self.rng.choice(list(Overlap)) if number % 3 else Overlap.ALLOW,
            catch_up=self.rng.choice(list(CatchUp)),
            jitter_seconds=self.rng.choice((0, 0, 30)),
        )
        triggers = [self.trigger(owner, TriggerType.SCHEDULE, schedule=schedule)]
        if number % 3 == 1:
            # A twin that fires at the same moments: what both rely on, only one may find so.
            triggers.append(self.trigger(owner, TriggerType.SCHEDULE, schedule=schedule))
        if number % 2 == 0:
            hook = HookConfig(path=f"p{number}")
            triggers.append(self.trigger(owner, TriggerType.WEBHOOK, hook=hook))
        definitions.create(self.world, owner, triggers)

    def trigger(self, owner: Blueprint, kind: TriggerType, **more: Any) -> Trigger:
        return Trigger(
            id=self.new_id(),
            definition_id=owner.id,
            definition_kind=owner.kind.value,
            type=kind,
            created_at=self.now(),
            updated_at=self.now(),
            **more,
        )

    def user(self) -> None:
        """Do something that users do, and come back later."""
        if not self.people_act:
            return
        self.at(self.when_people_act(), self.user)
        owners = sorted(self.all("blueprints"), key=lambda one: str(one.name))
        owner = self.rng.choice(owners)
        due = [one for one in self.all("triggers") if one.due_at]
        if due and self.rng.random() < 0.5:
            near = min(due, key=lambda one: (abs(one.due_at - self.clock), one.id))
            owner = next(one for one in owners if one.id == near.definition_id)
        for _ in range(self.rng.choice((1, 1, 2, 3))):  # several people, at once
            soon = timedelta(seconds=self.rng.uniform(0, 2))
            self.at(self.clock + soon, lambda: self.deed(owner), telling=2)

    def when_people_act(self) -> datetime:
        """Return some time later, half of the times just when schedules fire, where it hurts."""
        some = self.clock + timedelta(seconds=self.rng.uniform(30, 300))
        if self.rng.random() < 0.5:
            return some
        minute = some.replace(second=0, microsecond=0) + MINUTE
        return minute + timedelta(seconds=self.rng.uniform(-0.5, 1.5))

    def deed(self, owner: Blueprint) -> None:
        deeds = (self.pause, self.pause_trigger, self.edit, self.by_hand, self.by_hand, self.cancel)
        does = self.rng.choice(deeds)
        with suppress(Died, Refused, DomainError), self.process():
            does(owner)

    def pause(self, owner: Blueprint) -> None:
        was = self.world.blueprints.get(owner.id)
        definitions.change(self.world, was, replace(was, enabled=not was.enabled))

    def pause_trigger(self, owner: Blueprint) -> None:
        found = self.world.triggers.of(self.world.blueprints.get(owner.id))
        was = self.rng.choice([one for one in found if one.schedule] or found)
        definitions.change_trigger(self.world, was, replace(was, enabled=not was.enabled))

    def edit(self, owner: Blueprint) -> None:
        found = [
            one
            for one in self.world.triggers.of(self.world.blueprints.get(owner.id))
            if one.schedule
        ]
        was = self.rng.choice(found)
        cron = CRONS[self.rng.randrange(len(CRONS))]
        schedule = replace(was.schedule, cron=cron, catch_up=self.rng.choice(list(CatchUp)))
        definitions.change_trigger(self.world, was, replace(was, schedule=schedule))

    def by_hand(self, owner: Blueprint) -> None:
        was = self.world.blueprints.get(owner.id)
        key = f"key#{owner.id}#{self.rng.randrange(10)}"
        claim = Claim(key=key, digest="d", result="", expires_at=self.now() + 24 * 60 * MINUTE)
        run = runs.start(self.world, was, {"n": 1}, claim=claim)
        self.accepted.setdefault(key, set()).add(run.id)

    def cancel(self, owner: Blueprint) -> None:
        page, _ = self.world.runs.of_definition(owner.id, None, 20)
        if page:
            run = self.rng.choice(page)
            does = self.rng.choice((runs.cancel, runs.retry))
            does(self.world, run.id)

    def sender(self) -> None:
        """Deliver something, again and again until it is taken, perhaps twice at once."""
        if not self.people_act:
            return
        self.later(20, 200, self.sender)
        path, name = f"p{2 * self.rng.randrange(3)}", f"delivery-{self.rng.randrange(40)}"
        for _ in range(self.rng.choice((1, 1, 2))):
            self.at(self.clock, lambda: self.send(path, name, 0))

    def send(self, path: str, name: str, tries: int) -> None:
        delivery = Delivery(headers={"x-optio-delivery": name}, body=b'{"n": 1}')
        try:
            with self.process():
                received = hooks.receive(self.world, path, delivery)
            if received.firing:
                self.accepted.setdefault(f"{path} {name}", set()).add(received.firing.id)
        except (Died, Refused):
            if tries < 4:
                self.later(1, 30, lambda: self.send(path, name, tries + 1))
        except DomainError:
            pass

    # The whole of it

    def run(self) -> Simulator:
        """Let the storm pass, then let all that is left settle."""
        with patched(self):
            self.settle_in()
            self.at(self.clock + SECOND, self.tick)
            for number in range(3):
                self.later(1, 20, lambda number=number: self.runner(f"r{number}"))
            self.later(30, 200, self.user)
            self.later(30, 200, self.sender)
            self.until(self.over)
            self.weather = CALM
            self.settle_down()
        return self

    def set_enabled(self, owners: list[Blueprint], enabled: bool) -> None:
        for owner in owners:
            was = self.world.blueprints.get(owner.id)
            if was.enabled is not enabled:
                definitions.change(self.world, was, replace(was, enabled=enabled))

    def until(self, moment: datetime) -> None:
        while self.events and self.events[0].at <= moment:
            event = heapq.heappop(self.events)
            self.clock = max(self.clock, event.at)
            event.what()
            self.handled += 1
            assert self.handled < MOST_EVENTS, "the stage goes round and round, and never rests"
        self.clock = max(self.clock, moment)

    def settle_down(self) -> None:
        """Stop users, pause everything, let what runs end, and resume at last."""
        self.people_act = False
        self.until(self.clock + 5 * MINUTE)
        owners = self.all("blueprints")
        self.set_enabled(owners, False)
        for _ in range(36):
            self.until(self.clock + 10 * MINUTE)
            if all(run.final for run in self.all("runs")):
                break
        self.set_enabled(owners, True)
        for trigger in self.all("triggers"):
            if not trigger.enabled:
                definitions.change_trigger(self.world, trigger, replace(trigger, enabled=True))


@contextmanager
def patched(simulator: Simulator) -> Iterator[None]:
    """Let the handlers find the simulated stage where they look for the real one."""
    real = wiring.world
    wiring.world = lambda: simulator.world  # type: ignore[assignment]
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        wiring.world = real
        logging.disable(disabled)
