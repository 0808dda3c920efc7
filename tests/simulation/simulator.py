"""A stage under a seeded storm: the real tick, `fire` and steps, and only the clock is ours.

One thread. A process is one invocation. Between any two of its calls another may run,
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
from functools import partial
from typing import Any

from chalicelib import wiring
from chalicelib.actions.blueprints import blueprints
from chalicelib.actions.firing import inbound_webhooks, redelivery
from chalicelib.actions.jobs import jobs, reports
from chalicelib.actions.runs import runs
from chalicelib.actions.scheduler.tick import IncompleteTick
from chalicelib.domain.blueprints.blueprint import Blueprint, Kind
from chalicelib.domain.errors import Busy, DomainError
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.messages import encode_message
from chalicelib.domain.pull_requests.forge import ForgeError
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import State
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.domain.triggers.trigger import (
    CatchUp,
    OnSchedule,
    OnTicket,
    OnWebhook,
    Overlap,
    ScheduleSettings,
    TicketSettings,
    Trigger,
    WebhookSettings,
)
from chalicelib.domain.triggers.webhook_signatures import InboundDelivery
from chalicelib.pipeline import notification_steps, outside_steps, run_steps, schedule_steps
from chalicelib.ports import TrackerRateLimited, TrackerUnreachable, WriteConflict
from tests.simulation.memory import MemoryWorld
from tests.simulation.outside import HEAD, LABEL, Outside
from tests.simulation.weather import CALM, MOST_LAG, MOST_SKEW, OUTAGES, throttling, weather
from tests.support.declared_conflicts import only_declared

TRIGGERS = {kind.type: kind for kind in (OnSchedule, OnWebhook, OnTicket)}
START = datetime(2026, 5, 4, 12, tzinfo=UTC)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
MOST_EVENTS = 100_000
"""Ten times what a storm and the hours after it bring."""
VISIBILITY = timedelta(seconds=60)
THREE_TICKS = 3 * MINUTE + timedelta(seconds=15)
"""Three ticks and what they may come late."""
HANDLED_WITHIN = 10 * MINUTE
"""The longest distance of two sends of an overdue row, and two ticks."""
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


HANDLERS = {
    "fire": schedule_steps.fire,
    "steps": run_steps.advance,
    "remote": outside_steps.consult,
    "notify": notification_steps.notify,
}


class Refused(ConnectionError):
    """AWS did not do it, or did it and could not report it."""


@dataclass(order=True)
class Event:
    """Something that will happen."""

    at: datetime
    number: int
    what: Callable[[], None] = field(compare=False)
    telling: int = field(default=0, compare=False)
    message: Message | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Message:
    """The content of a queue, and how often each message was received."""

    kind: str
    body: dict[str, str]
    receives: int


OF_SLOTS = ("slots", "run_sets", "waiting_queues")
"""Stores whose rows are in one table, so that they are throttled together."""


class Faulty:
    """A store behind a network: each call may fail, last, or be the last of its process."""

    def __init__(self, thing: Any, simulator: Simulator, name: str = "") -> None:
        self._thing, self._simulator, self._name = thing, simulator, name

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._thing, name)
        if name == "due_shards":
            return method  # a setting: nobody is asked for it

        def call(*given: Any, **named: Any) -> Any:
            self._simulator.before_call(self._name, name)
            written = len(self._simulator.world.tables.log)
            with only_declared(self._name, name):
                answer = method(*given, **named)
            if inspect.isgenerator(answer):
                answer = iter(list(answer))
            self._simulator.after_call(wrote=len(self._simulator.world.tables.log) > written)
            return answer

        return call


class LossyQueue:
    """SQS at its worst: late, twice, out of order, or never."""

    def __init__(self, simulator: Simulator, kind: str) -> None:
        self._simulator, self._kind = simulator, kind

    def send_messages(self, messages: Any) -> None:
        for message, delay in messages:
            body = encode_message(message)
            assert timedelta(0) <= delay <= timedelta(seconds=900)
            self._simulator.count_sent(self._kind, body)
            self._simulator.post(self._kind, body, delay)


class Simulator:
    """One stage, its users, its runners and its weather."""

    reaches_out = True
    """Whether there are a forge, a tracker and builds, in most of the storms."""

    def __init__(self, seed: int, *, world: Any = None, hours: float = 2.0, size: int = 6) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.weather = weather(self.rng)
        self.clock = START
        self.events: list[Event] = []
        self.handled = 0
        self.numbers = itertools.count()
        self.processes: list[dict[str, Any]] = []
        self.in_flight: list[tuple[datetime, Message]] = []
        self.people_act = True
        self.accepted: dict[str, set[str]] = {}
        self.sent: Counter[str] = Counter()
        self.over = START + timedelta(hours=hours)
        self.size = size
        self.ids = random.Random(f"ids {seed}")
        self.outages = random.Random(f"outage {seed}")
        self.holds = random.Random(f"hold {seed}")
        self.outage = self._an_outage(hours)
        self.throttling = throttling(self.outages, self.weather, START)
        self.calm_since: datetime | None = None
        self.overdue: set[str] = set()
        self.sent_twice = ""
        self.heard: dict[tuple[str, int], list[datetime]] = {}
        self.outside: Outside | None = None
        if world is None and self.reaches_out and self.outages.random() < 0.7:
            self.outside = Outside(self)
        self.branches: dict[tuple[str, int], str | None] = {}
        self.ends_of_builds: dict[str, Callable[[], None]] = {}
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
        made.tables.lag, made.tables.is_stale = self._lag, self._is_stale
        made.tables.before_commit = self._conflict
        made.tables.while_held = self.hold
        for name in (*OF_SLOTS, "blueprints", "triggers", "firings", "runs", "repos", "markers"):
            setattr(made, name, Faulty(getattr(made, name), self, name))
        made.fire_queue = Faulty(LossyQueue(self, "fire"), self, "fire queue")
        made.steps_queue = Faulty(LossyQueue(self, "steps"), self, "steps queue")
        made.remote_queue = Faulty(LossyQueue(self, "remote"), self, "remote queue")
        made.providers = Faulty(made.providers, self, "providers")
        if self.outside:
            self.outside.enter(made)
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
        return self.rng.uniform(0, 1) * MOST_LAG

    def _is_stale(self) -> bool:
        return self.rng.random() < 0.5

    def _conflict(self) -> None:
        if self.processes and self.rng.random() < self.weather.conflicts:
            raise Refused("TransactionConflict")

    def hold(self) -> None:
        """Let a transaction last: others that come in that time find its rows held."""
        if not self.processes:
            return
        self.clock += timedelta(milliseconds=self.holds.uniform(1, 20))
        if len(self.processes) < 3 and self.holds.random() < 2 * self.weather.interleaves:
            self.another()
            self._mind()

    def before_call(self, name: str = "", method: str = "") -> None:
        self._mind()
        self.clock += timedelta(milliseconds=self.rng.uniform(1, 20))
        if self.rng.random() < self.weather.stalls:
            self.clock += timedelta(seconds=self.rng.uniform(1, 150))
        room = 0 < len(self.processes) < 3
        soon = self.clock + 2 * SECOND
        often = 5 if any(event.telling and event.at <= soon for event in self.events) else 1
        if room and self.rng.random() < often * self.weather.interleaves:
            self.another()
            self._mind()
        if self._is_throttled(name, method):
            raise Refused("throttled")
        self._trouble()

    def after_call(self, *, wrote: bool = False) -> None:
        if wrote and self.processes:
            chance = self.rng.random()
            if chance < self.weather.dies_unsent:
                self.processes[-1]["dead"] = True
                raise Died
            if chance < self.weather.dies_unsent + self.weather.unheard:
                raise Refused
        self._trouble()

    def _is_throttled(self, name: str, method: str) -> bool:
        now = self.throttling
        if not now or not self.processes or not self.weather.throttles:
            return False
        target = "slots" if name in OF_SLOTS else name
        return now.meets(target, method, self.clock) and self.outages.random() < now.share

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
        """Run everything within the block in a process of its own."""
        skew = self.rng.uniform(-1, 1) * min(1.0, self.weather.skews) * MOST_SKEW
        self.processes.append({"skew": skew, "dead": False, "tick": tick, "sent": Counter()})
        try:
            yield
        finally:
            self.processes.pop()

    @contextmanager
    def one_process(self) -> Iterator[None]:
        """Do something in a process of its own, whose failures others have to bear."""
        passing = (
            ConnectionError,
            DomainError,
            ForgeError,
            TrackerRateLimited,
            WriteConflict,
            TrackerUnreachable,
        )
        with suppress(Died, *passing), self.process():
            yield

    # What happens

    def count_sent(self, kind: str, body: dict[str, str]) -> None:
        """Count a message: those of a tick by what they are about, all others by their step.

        One that is handed on to another queue, once for each message received, is none of its own.
        """
        process = self.processes[-1] if self.processes else {}
        about = body.get("runId") or body.get("triggerId")
        if process.get("tick"):
            process["sent"][json.dumps(body, sort_keys=True)] += 1
            most = process["sent"].most_common(1)[0][1]
            self.sent_twice = self.sent_twice or (json.dumps(body) if most > 1 else "")
        elif kind == "remote" and about in process.get("to_hand_on", ()):
            process["to_hand_on"].remove(about)
        else:
            self.sent[body.get("step", kind)] += 1

    def at(
        self,
        moment: datetime,
        what: Callable[[], None],
        *,
        telling: int = 0,
        message: Message | None = None,
    ) -> None:
        heapq.heappush(self.events, Event(moment, next(self.numbers), what, telling, message))

    def later(self, least: float, most: float, what: Callable[[], None]) -> None:
        self.at(self.clock + timedelta(seconds=self.rng.uniform(least, most)), what)

    def post(self, kind: str, body: dict[str, str], delay: timedelta, receives: int = 0) -> None:
        if receives == 0 and self.rng.random() < self.weather.loses:
            return
        message = Message(kind, body, receives)
        for _ in range(2 if self.rng.random() < self.weather.repeats else 1):
            spread = timedelta(seconds=self.rng.uniform(0, 1.5))
            if self.rng.random() < self.weather.repeats / 4:
                spread += timedelta(seconds=self.rng.uniform(0, 300))
            self.arrive(self.clock + delay + spread, message)
        if self.rng.random() < self.weather.dawdles:
            minutes = timedelta(minutes=self.rng.uniform(1, 15))
            self.arrive(self.clock + delay + minutes, message)

    def arrive(self, moment: datetime, message: Message) -> None:
        def come() -> None:
            self.deliver(message.kind, message.body, message.receives)

        self.at(moment, come, telling=int(message.kind == "fire"), message=message)

    def deliver(self, kind: str, body: dict[str, str], receives: int) -> None:
        batch = [Message(kind, body, receives), *self._with_it(kind)]
        in_flight = [
            (self.clock + VISIBILITY, replace(one, receives=one.receives + 1)) for one in batch
        ]
        self.in_flight += in_flight
        record = [
            {"messageId": str(number), "body": json.dumps(one.body), "receiptHandle": "r"}
            for number, one in enumerate(batch)
        ]
        try:
            with self.process():
                self._note_received(kind, batch)
                answer = HANDLERS[kind]({"Records": record}, None)["batchItemFailures"]
                self._mind_end()
            failed = [batch[int(one["itemIdentifier"])] for one in answer]
        except Died:
            failed = batch
        finally:
            for message in in_flight:
                self.in_flight.remove(message)
        for one in failed:
            if one.receives + 1 < MOST_RECEIVES:
                self.post(kind, one.body, VISIBILITY, one.receives + 1)

    def _note_received(self, kind: str, batch: list[Message]) -> None:
        if kind in ("fire", "steps"):
            about = [one.body.get("runId") or one.body.get("triggerId") for one in batch]
            self.processes[-1]["to_hand_on"] = [one for one in about if one]

    def _with_it(self, kind: str) -> list[Message]:
        """Return what comes in the same batch: on a quiet queue of AWS, nothing."""
        if kind != "fire" or self.rng.random() >= self.weather.batches:
            return []
        near = [
            event
            for event in self.events
            if event.message and event.message.kind == kind and event.at <= self.clock + SECOND
        ][:9]
        for event in near:
            self.events.remove(event)
        heapq.heapify(self.events)
        return [event.message for event in near if event.message]

    def _mind_end(self) -> None:
        # Died after its last call: the answer is lost, the message comes back.
        self._mind()
        if self.rng.random() < self.weather.dies:
            raise Died

    def tick(self) -> None:
        following = self.clock.replace(second=0, microsecond=0) + MINUTE
        if self.rng.random() < self.weather.outages:
            longest = self.over - following  # it ends with the storm
            following += max(timedelta(0), min(longest, self.rng.choice(OUTAGES)))
        spread = timedelta(seconds=self.rng.uniform(0, 12))
        self.at(following + spread, self.tick)
        if self.rng.random() < self.weather.repeats:
            self.at(self.clock, self.tick_once)
        self.tick_once()
        self.look_for_overdue()

    def look_for_overdue(self) -> None:
        """Note rows that are due for too long although the weather is calm."""
        if self.calm_since is None:
            return
        for key, due in self.due_moments():
            if due < self.calm_since and self.clock - self.calm_since > HANDLED_WITHIN:
                self.overdue.add(f"{key} is due since {due}, in the storm")
            if due >= self.calm_since and self.clock - due > THREE_TICKS:
                self.overdue.add(f"{key} is due since {due}, in calm weather")

    def due_moments(self) -> Iterator[tuple[str, datetime]]:
        for trigger in self.all("triggers"):
            if trigger.due_at:
                yield f"trigger {trigger.id}", trigger.due_at
        for run in self.all("runs"):
            if run.next_due_at:
                yield f"run {run.id} ({run.state})", run.next_due_at
            if run.consults_at and run.state is not State.QUEUED:
                yield f"reply or look of run {run.id} ({run.state})", run.consults_at
        for provider in self.all("providers") if self.outside else ():
            if provider.due_at:
                yield f"provider {provider.id}", provider.due_at

    def tick_once(self) -> None:
        with self.process(tick=True), suppress(Died, Refused, IncompleteTick):
            schedule_steps.tick(TICK, None)

    # Runners

    def runner(self, name: str) -> None:
        """Ask for work; do it well, badly, or vanish."""
        job = None
        with suppress(Died, Refused, DomainError), self.process():
            job = jobs.claim_job(self.world, name)
        if job is None:
            self.later(5, 20, lambda: self.runner(name))
            return
        self.take_up(name, job.run)

    def take_up(self, name: str, run: Run, ended: Callable[[], None] | None = None) -> None:
        """Begin with a job; `ended` is called instead of asking for the next one."""
        at_forge = self.outside and run.repo_url
        self.branches[run.id, run.attempt] = run.push_branch if at_forge else None
        if ended:
            self.ends_of_builds[name] = ended
        ends = self.clock + timedelta(seconds=self.rng.choice((5, 20, 60, 200)))
        vanishes = self.weather.dies > 0 and self.rng.random() < 0.1
        self.later(1, 10, lambda: self.work(name, run.id, run.attempt, ends, vanishes))

    def go_on(self, name: str) -> None:
        """Ask for the next job, or come to the end of a build."""
        ended = self.ends_of_builds.pop(name, None)
        if ended:
            ended()
        else:
            self.runner(name)

    def work(self, name: str, run: str, attempt: int, ends: datetime, vanishes: bool) -> None:
        if vanishes:
            # Back after a while, with a report that nobody waits for any more.
            self.later(100, 400, lambda: self.finish(name, run, attempt))
            return
        if self.clock >= ends:
            self.finish(name, run, attempt)
            return
        stop: str | None = None
        began = self.clock  # a stall is part of the call: the runner was alive when it began
        try:
            with self.process():
                stop = jobs.record_heartbeat(self.world, run, attempt, "agent", ())
                self.heard.setdefault((run, attempt), []).append(began)
        except (Died, Refused):
            pass
        except DomainError:
            stop = "superseded"
        if stop:
            self.go_on(name)
            return
        self.later(10, 20, lambda: self.work(name, run, attempt, ends, vanishes))

    def finish(self, name: str, run: str, attempt: int, tries: int = 0) -> None:
        outcome = self.ids.choice(("succeeded", "no_changes", "failed", "failed"))
        pushed = self.branches.get((run, attempt)) if outcome == "succeeded" else None
        end = reports.AttemptReport(
            outcome=outcome,
            transient=self.ids.random() < 0.7,
            error_message="no",
            branch=pushed,
            head_sha=f"{run[:8]}{attempt}" if pushed else None,
            base_sha=HEAD if outcome == "no_changes" else None,
        )
        if self.outside and end.branch and end.head_sha:
            self.outside.push(end.branch, end.head_sha, attempt)
        try:
            with self.process():
                reports.report_attempt(self.world, run, attempt, end)
        except (Died, Refused):
            if tries < 5:
                self.later(1, 10, lambda: self.finish(name, run, attempt, tries + 1))
                return
        except DomainError:
            pass
        self.later(1, 5, lambda: self.go_on(name))

    # Users and senders

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.ids.getrandbits(128), version=4))

    def settle_in(self) -> None:
        """Make blueprints, each with triggers, as users do before the weather turns."""
        storm, self.weather = self.weather, CALM
        for number in range(self.size):
            self.make(number)
        if self.outside:
            self.outside.settle_in()
        self.weather = storm

    def make(self, number: int) -> None:
        host = "github.com" if self.outside else "git.example.com"
        owner = Blueprint(
            id=self.new_id(),
            kind=Kind.REPO_BLUEPRINT if number % 2 else Kind.STANDALONE,
            name=f"d{number}",
            title=f"d{number}",
            prompt="Do {{n}}.",
            repo_url=f"https://{host}/acme/r{number % 4}" if number % 2 else None,
            agent_type="command",
            max_retries=2,
            skip_if_unchanged=self.outside is not None and number == 3,
            max_concurrent=self.rng.choice((1, 2, 3)),
            created_at=self.now(),
            updated_at=self.now(),
        )
        schedule = ScheduleSettings(
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
            hook = WebhookSettings(path=f"p{number}")
            triggers.append(self.trigger(owner, TriggerType.WEBHOOK, webhook=hook))
        if self.outside and number < 2:
            config = TicketSettings(source="github", labels=(LABEL,), include_backlog=number == 0)
            triggers.append(self.trigger(owner, TriggerType.TICKET, ticket=config))
        blueprints.create_blueprint(self.world, owner, triggers)

    def trigger(self, owner: Blueprint, kind: TriggerType, **more: Any) -> Trigger:
        return TRIGGERS[kind](
            id=self.new_id(),
            blueprint_id=owner.id,
            blueprint_kind=owner.kind.value,
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
        if not owners:
            return
        owner = self.rng.choice(owners)
        due = [one for one in self.all("triggers") if one.due_at]
        if due and self.rng.random() < 0.5:
            near = min(due, key=lambda one: (abs(one.due_at - self.clock), one.id))
            owner = next(one for one in owners if one.id == near.blueprint_id)
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
        deeds = (
            *(self.pause, self.pause_trigger, self.edit, self.by_hand, self.by_hand, self.cancel),
            *(self.redeliver, self.remove),
        )
        weights = (2, 2, 2, 2, 2, 2, 1, 0.5)
        does = self.rng.choices(deeds, weights)[0]
        with self.one_process():
            does(owner)

    def redeliver(self, owner: Blueprint) -> None:
        page, _ = self.world.firings.list_of_blueprint(owner.id, None, 20)
        if page:
            redelivery.redeliver_firing(self.world, self.rng.choice(page).id)

    def remove(self, owner: Blueprint) -> None:
        """Remove a trigger, or the whole blueprint, which is made again after a while."""
        found = self.world.triggers.list_of_blueprint(self.world.blueprints.get(owner.id))
        if len(found) > 1 and self.rng.random() < 0.7:
            blueprints.remove_trigger(self.world, self.rng.choice(found))
            return
        number = int(str(owner.name).removeprefix("d"))
        self.later(10, 600, lambda: self.make_again(number))
        blueprints.remove_blueprint(self.world, owner.id)

    def make_again(self, number: int) -> None:
        there = any(one.name == f"d{number}" for one in self.all("blueprints"))
        if self.people_act and not there:
            with self.one_process():
                self.make(number)

    def pause(self, owner: Blueprint) -> None:
        was = self.world.blueprints.get(owner.id)
        blueprints.change_blueprint(self.world, was, replace(was, enabled=not was.enabled))

    def pause_trigger(self, owner: Blueprint) -> None:
        found = self.world.triggers.list_of_blueprint(self.world.blueprints.get(owner.id))
        if not found:
            return
        was = self.rng.choice([one for one in found if isinstance(one, OnSchedule)] or found)
        blueprints.change_trigger(self.world, was, replace(was, enabled=not was.enabled))

    def edit(self, owner: Blueprint) -> None:
        found = [
            one
            for one in self.world.triggers.list_of_blueprint(self.world.blueprints.get(owner.id))
            if isinstance(one, OnSchedule)
        ]
        if not found:
            return
        was = self.rng.choice(found)
        cron = CRONS[self.rng.randrange(len(CRONS))]
        schedule = replace(was.schedule, cron=cron, catch_up=self.rng.choice(list(CatchUp)))
        blueprints.change_trigger(self.world, was, replace(was, schedule=schedule))

    def by_hand(self, owner: Blueprint) -> None:
        was = self.world.blueprints.get(owner.id)
        key = f"key#{owner.id}#{self.rng.randrange(10)}"
        claim = IdempotencyClaim(
            key=key, digest="d", result="", expires_at=self.now() + 24 * 60 * MINUTE
        )
        run = runs.start_run(self.world, was, {"n": 1}, claim=claim)
        self.accepted.setdefault(key, set()).add(run.id)

    def cancel(self, owner: Blueprint) -> None:
        page, _ = self.world.runs.list_of_blueprint(owner.id, None, 20)
        if page:
            run = self.rng.choice(page)
            does = self.rng.choice((runs.cancel_run, runs.retry_run))
            does(self.world, run.id)

    def sender(self) -> None:
        """Deliver a message repeatedly until it is accepted, perhaps twice at once."""
        if not self.people_act:
            return
        self.later(20, 200, self.sender)
        path, name = f"p{2 * self.rng.randrange(3)}", f"delivery-{self.rng.randrange(40)}"
        for _ in range(self.rng.choice((1, 1, 2))):
            self.at(self.clock, lambda: self.send(path, name, 0))

    def send(self, path: str, name: str, tries: int) -> None:
        delivery = InboundDelivery(headers={"x-optio-delivery": name}, body=b'{"n": 1}')
        try:
            with self.process():
                received = inbound_webhooks.receive_delivery(self.world, path, delivery)
            if received.firing:
                asked = f"{path} of {received.firing.trigger_id} {name}"
                self.accepted.setdefault(asked, set()).add(received.firing.id)
        except (Died, Refused, Busy):
            if tries < 4:
                self.later(1, 30, lambda: self.send(path, name, tries + 1))
        except DomainError:
            pass

    # A restart of the local stack

    def plan_restart(self) -> None:
        """Let the stack be killed once, and start with parts that were saved seconds apart."""
        if self.rng.random() >= self.weather.restarts:
            return
        killed = self.clock + self.rng.uniform(0.1, 0.9) * (self.over - self.clock)
        saved: dict[str, Any] = {}
        self.plan_saves(killed, saved)
        self.at(killed, lambda: self.restart(saved))

    def plan_saves(self, killed: datetime, saved: dict[str, Any]) -> None:
        """Save the tables and the queues for the last time before the kill, seconds apart."""
        for save in (self.save_tables, self.save_queues):
            before = killed - timedelta(seconds=self.rng.uniform(0, 5))
            self.at(before, partial(save, saved))

    def save_tables(self, saved: dict[str, Any]) -> None:
        saved.setdefault("tables", self._saved_tables())

    def save_queues(self, saved: dict[str, Any]) -> None:
        saved.setdefault("queues", self._saved_queues())

    def _saved_tables(self) -> dict[str, Any]:
        tables = self.world.tables
        return {
            "rows": {name: dict(rows) for name, rows in tables.rows.items()},
            "at": self.clock,
            "commits": len(tables.log),
            "sent": Counter(self.sent),
            "accepted": {asked: set(answers) for asked, answers in self.accepted.items()},
        }

    def _saved_queues(self) -> list[tuple[datetime, Message]]:
        waiting = [(event.at, event.message) for event in self.events if event.message]
        return waiting + self.in_flight

    def restart(self, saved: dict[str, Any]) -> None:
        """Kill every process, and go back to what was saved; users and runners do not go back."""
        self.save_tables(saved)
        self.save_queues(saved)
        tables, queues = saved["tables"], saved["queues"]
        for process in self.processes:
            process["dead"] = True
        kept = self.world.tables
        kept.rows.clear()
        kept.rows.update(tables["rows"])
        del kept.log[tables["commits"] :]
        kept.recent.clear()
        self.sent, self.accepted = tables["sent"], tables["accepted"]
        for heard in self.heard.values():
            heard[:] = [at for at in heard if at <= tables["at"]]
        self.events = [event for event in self.events if event.message is None]
        heapq.heapify(self.events)
        for at, message in queues:
            self.arrive(max(at, self.clock), message)

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
            self.plan_restart()
            self.until(self.over)
            self.weather, self.calm_since = CALM, self.clock
            self.settle_down()
        return self

    def set_enabled(self, owners: list[Blueprint], enabled: bool) -> None:
        for owner in owners:
            was = self.world.blueprints.get(owner.id)
            if was.enabled is not enabled:
                blueprints.change_blueprint(self.world, was, replace(was, enabled=enabled))

    def until(self, moment: datetime) -> None:
        while self.events and self.events[0].at <= moment:
            event = heapq.heappop(self.events)
            self.clock = max(self.clock, event.at)
            event.what()
            self.handled += 1
            assert self.handled < MOST_EVENTS, "the stage goes round and round, and never rests"
        self.clock = max(self.clock, moment)

    def attend(self) -> None:
        """Let people merge what is open, and cancel what waits for them."""
        if self.outside:
            self.outside.merge_all()
        for run in self.all("runs"):
            if run.state is State.NEEDS_ATTENTION and not run.has_open_pr:
                runs.cancel_run(self.world, run.id)

    def settle_down(self) -> None:
        """Stop users, pause everything, let what runs end, and resume at last."""
        self.people_act = False
        self.until(self.clock + HANDLED_WITHIN + 3 * MINUTE)
        owners = self.all("blueprints")
        self.set_enabled(owners, False)
        for _ in range(144):  # a whole day: what was queued in the storm waits for its slot
            self.attend()
            self.until(self.clock + 10 * MINUTE)
            if all(run.is_final for run in self.all("runs")):
                break
        self.set_enabled(owners, True)
        for trigger in self.all("triggers"):
            if not trigger.enabled:
                blueprints.change_trigger(self.world, trigger, replace(trigger, enabled=True))


@contextmanager
def patched(simulator: Simulator) -> Iterator[None]:
    """Let the handlers find the simulated stage where they look for the real one."""
    real = wiring.get_world
    wiring.get_world = lambda: simulator.world  # type: ignore[assignment]
    disabled, random_id = logging.root.manager.disable, uuid.uuid4
    chosen = random.Random(f"uuid4 {simulator.seed}")
    uuid.uuid4 = lambda: uuid.UUID(int=chosen.getrandbits(128), version=4)
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        wiring.get_world, uuid.uuid4 = real, random_id
        logging.disable(disabled)
