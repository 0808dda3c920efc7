"""The stores in memory, under the same contract tests as the real ones; their indexes may lag.

Every commit is kept in a log of who changed what, so that a whole history can be judged.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.access.secret import Secret
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.domain.errors import Busy, Conflict, Invalid, NotFound, Superseded
from chalicelib.domain.firing.decision import Decision, FiringContext
from chalicelib.domain.firing.firing import Brief, Firing, IdempotencyClaim
from chalicelib.domain.messages import StepMessage, encode_message
from chalicelib.domain.page import Cursor, Page, is_list_position, list_position
from chalicelib.domain.repos.repo import Repo, repo_id
from chalicelib.domain.runs.log import LogLine, LogStream
from chalicelib.domain.runs.output import RunOutput
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import State
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.domain.triggers.trigger import OnTicket, OnWebhook, Overlap, Trigger
from chalicelib.domain.versions import require_next_version
from chalicelib.integrations.aws.sns import SnsVerifier
from chalicelib.integrations.expressions.engine import ExpressionEngine
from chalicelib.integrations.failures import is_transient_failure
from chalicelib.integrations.trackers.registry import RealTrackers
from chalicelib.ports import (
    MAX_DROPPED_RUNS,
    DueRow,
    LostRow,
    Part,
    TriggerChange,
    WebhookListener,
    WriteConflict,
)
from chalicelib.storage import gates

GONE = object()
Condition = Callable[[Any], bool]


class RowHeld(ConnectionError):
    """A row that is written or checked is part of an ongoing transaction."""


@dataclass(frozen=True)
class Write:
    """One part of a commit: what it relies on, and what becomes of the row."""

    part: Part
    table: str
    key: str
    condition: Condition
    new: Callable[[Any], Any] | None = None


def never_again() -> bool:
    """Wait for no ongoing transaction."""
    return False


@dataclass
class Tables:
    """Rows by table and key. A commit happens as a whole or raises `WriteConflict`.

    As in DynamoDB, a transaction holds each of its rows from begin to end, those that it only
    checks included. A transaction that includes a held row is cancelled, and a write of one fails.
    """

    now: Callable[[], datetime]
    lag: Callable[[], timedelta] = timedelta
    is_stale: Callable[[], bool] = lambda: True
    before_commit: Callable[[], None] = lambda: None
    while_held: Callable[[], None] = lambda: None
    wait_for_rows: Callable[[], Callable[[], bool]] = lambda: never_again
    """Begins to wait for held rows; what it returns waits, or returns False once that took long."""
    held: set[tuple[str, str]] = field(default_factory=set)
    met: int = 0
    """How often a write met a held row."""
    rows: dict[str, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))
    log: list[list[tuple[str, str, Any, Any]]] = field(default_factory=list)
    recent: dict[str, list[tuple[datetime, str, Any]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def get(self, table: str, key: str) -> Any:
        return self.rows[table].get(key)

    def all(self, table: str) -> list[Any]:
        return list(self.rows[table].values())

    def indexed(self, table: str) -> list[Any]:
        """Return the rows as an index shows them: some as they were, or were not, a moment ago."""
        lag = self.lag()
        if not lag:
            return self.all(table)
        since = self.now() - lag
        shown = dict(self.rows[table])
        stale: dict[str, bool] = {}
        for at, key, was in reversed(self.recent[table]):
            if at <= since:
                break
            if key not in stale:
                stale[key] = self.is_stale()
            if not stale[key]:
                continue
            if was is None:
                shown.pop(key, None)
            else:
                shown[key] = was
        return list(shown.values())

    def commit(self, writes: Iterable[Write]) -> None:
        """Write all rows in a transaction; raise `Busy` if others held one of them for too long."""
        found = list(writes)
        assert len({(write.table, write.key) for write in found}) == len(found), "a row twice"
        waits = self.wait_for_rows()
        while True:
            self.before_commit()
            try:
                self._transact(found)
                return
            except RowHeld as error:
                if not waits():
                    raise Busy from error

    def write(self, write: Write) -> None:
        """Write one row without a transaction, which holds nothing."""
        waits = self.wait_for_rows()
        while (write.table, write.key) in self.held:
            self.met += 1
            if not waits():
                raise RowHeld("a transaction is ongoing for the row")
        self.before_commit()
        self._raise_if_lost([write])
        self._apply([write])

    def _transact(self, writes: Sequence[Write]) -> None:
        rows = {(write.table, write.key) for write in writes}
        if rows & self.held:
            self.met += 1
            raise RowHeld("a transaction is ongoing for a row")
        self.held |= rows
        try:
            self.while_held()
        finally:
            self.held -= rows
        self._raise_if_lost(writes)
        self._apply(writes)

    def _raise_if_lost(self, writes: Iterable[Write]) -> None:
        lost = [
            LostRow(write.part, write.key)
            for write in writes
            if not write.condition(self.get(write.table, write.key))
        ]
        if lost:
            raise WriteConflict(lost)

    def _apply(self, writes: Iterable[Write]) -> None:
        changed = []
        for write in writes:
            if write.new is None:
                continue
            was = self.get(write.table, write.key)
            row = write.new(was)
            if row is GONE:
                self.rows[write.table].pop(write.key, None)
            else:
                self.rows[write.table][write.key] = row
            self.recent[write.table].append((self.now(), write.key, was))
            changed.append((write.table, write.key, was, None if row is GONE else row))
        self.log.append(changed)


def absent(row: Any) -> bool:
    return row is None


def anything(row: Any) -> bool:
    return True


def at_version(version: int) -> Condition:
    return lambda row: row is not None and row.version == version


def open_to(version: int) -> Condition:
    return lambda gate: gate is None or gate <= version


def moved_gates(blueprint_id: str, version: int) -> Iterator[Write]:
    for key in gates.gate_keys(blueprint_id):
        yield Write(Part.BLUEPRINT, "gates", key, anything, put(version))


def put_next(new: Any, was: Any) -> Callable[[Any], Any]:
    require_next_version(new, was)
    return put(new)


def put(row: Any) -> Callable[[Any], Any]:
    return lambda was: row


def drop(was: Any) -> Any:
    return GONE


def with_id(key: str) -> Callable[[Any], Any]:
    return lambda row: (row or frozenset()) | {key}


def without_id(key: str) -> Callable[[Any], Any]:
    return lambda row: (row or frozenset()) - {key}


def listens(trigger_id: str) -> Condition:
    return lambda row: row is not None and row.trigger_id == trigger_id


def unbound(now: datetime) -> Condition:
    return lambda row: row is None or row.is_free_at(now)


def claimed(claim: IdempotencyClaim | None, now: datetime) -> Iterator[Write]:
    if claim:
        yield Write(Part.CLAIM, "claims", claim.key, unbound(now), put(claim))


def page_of(rows: Iterable[Any], at: str, before: Cursor | None, limit: int) -> Any:
    if before is not None and not is_list_position(before):
        raise Invalid("is not a cursor of this list", "cursor")
    ordered = sorted(rows, key=lambda row: age(row, at), reverse=True)
    kept = [row for row in ordered if before is None or age(row, at) < before]
    page = kept[:limit]
    return Page(page, age(page[-1], at) if len(kept) > limit else None)


def age(row: Any, at: str) -> str:
    return list_position(getattr(row, at), row.id)


def written_new(trigger: Trigger) -> Iterator[Write]:
    yield Write(Part.TRIGGER, "triggers", trigger.id, absent, put(trigger))
    if isinstance(trigger, OnWebhook):
        path = trigger.webhook.path
        yield Write(Part.WEBHOOK_PATH, "hooks", path, absent, put(_hook(trigger)))


def written_change(change: TriggerChange) -> Iterator[Write]:
    new, was = change.new, change.was
    yield Write(Part.TRIGGER, "triggers", new.id, at_version(was.version), put_next(new, was))
    if change.gap:
        yield Write(Part.FIRING, "firings", change.gap.id, absent, put((change.gap, None)))
    if not isinstance(new, OnWebhook) or not isinstance(was, OnWebhook):
        return
    if new.webhook.path != was.webhook.path:
        path = new.webhook.path
        yield Write(Part.WEBHOOK_PATH, "hooks", path, absent, put(_hook(new)))
        yield Write(Part.WEBHOOK_LISTENER, "hooks", was.webhook.path, anything, drop)
    elif new.template_id != was.template_id:
        path, key = new.webhook.path, new.id
        yield Write(Part.WEBHOOK_LISTENER, "hooks", path, listens(key), put(_hook(new)))


def written_away(trigger: Trigger) -> Iterator[Write]:
    yield Write(Part.TRIGGER, "triggers", trigger.id, at_version(trigger.version), drop)
    if isinstance(trigger, OnWebhook):
        yield Write(Part.WEBHOOK_LISTENER, "hooks", trigger.webhook.path, anything, drop)


def _hook(trigger: OnWebhook) -> WebhookListener:
    return WebhookListener(
        path=trigger.webhook.path,
        trigger_id=trigger.id,
        blueprint_id=trigger.blueprint_id,
        template_id=trigger.template_id,
    )


def linked(new: Blueprint | None, was: Blueprint | None) -> Iterator[Write]:
    after = new.prompt_template_id if new else None
    before = was.prompt_template_id if was else None
    if after == before:
        return
    if new and after:
        key = new.id
        yield Write(
            Part.TEMPLATE,
            "templates",
            after,
            lambda row: row is not None,
            lambda row: (row[0], row[1] | {key}),
        )
    if was and before:
        gone = was.id
        yield Write(
            Part.TEMPLATE, "templates", before, anything, lambda row: (row[0], row[1] - {gone})
        )


class MemoryBlueprints:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def get(self, blueprint_id: str) -> Blueprint:
        row = self._tables.get("blueprints", blueprint_id)
        if row is None:
            raise NotFound("task", blueprint_id)
        found: Blueprint = row
        return found

    def add(
        self, new: Blueprint, triggers: Sequence[Trigger], claim: IdempotencyClaim | None
    ) -> None:
        writes = [Write(Part.BLUEPRINT, "blueprints", new.id, absent, put(new)), *linked(new, None)]
        for trigger in triggers:
            writes += written_new(trigger)
        writes += claimed(claim, new.created_at)
        self._tables.commit(writes)

    def put(self, new: Blueprint, was: Blueprint, triggers: Sequence[TriggerChange]) -> None:
        same = at_version(was.version)
        writes = [
            Write(Part.BLUEPRINT, "blueprints", new.id, same, put_next(new, was)),
            *moved_gates(new.id, new.version),
            *linked(new, was),
        ]
        for change in triggers:
            writes += written_change(change)
        self._tables.commit(writes)

    def remove(self, old: Blueprint, triggers: Sequence[Trigger]) -> None:
        same = at_version(old.version)
        writes = [
            Write(Part.BLUEPRINT, "blueprints", old.id, same, drop),
            *moved_gates(old.id, old.version + 1),
            *linked(None, old),
        ]
        for trigger in triggers:
            writes += written_away(trigger)
        self._tables.commit(writes)

    def list_newest(self, kind: str, before: Cursor | None, limit: int) -> Any:
        rows = [row for row in self._tables.indexed("blueprints") if row.kind.value == kind]
        return page_of(rows, "created_at", before, limit)


class MemoryTriggers:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def get(self, trigger_id: str) -> Trigger:
        row = self._tables.get("triggers", trigger_id)
        if row is None:
            raise NotFound("trigger", trigger_id)
        found: Trigger = row
        return found

    def list_of_blueprint(self, blueprint: Blueprint) -> list[Trigger]:
        ids = blueprint.trigger_ids
        found = [row for key in ids if (row := self._tables.get("triggers", key))]
        return sorted(found, key=lambda row: (row.created_at, row.id))

    def read_contexts(
        self, pairs: Collection[tuple[str, str]], template_id: str | None = None
    ) -> dict[str, FiringContext]:
        found, owners = {}, {blueprint_id for _, blueprint_id in pairs}
        for trigger_id, _ in pairs:
            trigger = self._tables.get("triggers", trigger_id)
            owner = trigger and self._tables.get("blueprints", trigger.blueprint_id)
            if trigger is None or owner is None or owner.id not in owners:
                continue
            kept = self._tables.get("templates", owner.prompt_template_id or "")
            minds = trigger.overlap_policy is not Overlap.ALLOW
            held = self._tables.get("slots", owner.active_key) if minds else None
            found[trigger_id] = FiringContext(
                blueprint=owner,
                trigger=trigger,
                template=kept[0] if kept else None,
                active=held or frozenset(),
            )
        return found

    def find_listener(self, path: str) -> WebhookListener | None:
        found: WebhookListener | None = self._tables.get("hooks", path)
        return found

    def add(
        self, new: Trigger, was: Blueprint, owner: Blueprint, claim: IdempotencyClaim | None
    ) -> None:
        writes = [*self._owner(was, owner), *written_new(new)]
        writes += claimed(claim, new.created_at)
        self._tables.commit(writes)

    def put(self, change: TriggerChange, was: Blueprint, owner: Blueprint) -> None:
        self._tables.commit([*self._owner(was, owner), *written_change(change)])

    def _owner(self, was: Blueprint, owner: Blueprint) -> Iterator[Write]:
        new = None if owner == was else put_next(owner, was)
        yield Write(Part.BLUEPRINT, "blueprints", was.id, at_version(was.version), new)
        if new:
            yield from moved_gates(owner.id, owner.version)

    def save_progress(self, new: Trigger, was: Trigger) -> None:
        same = at_version(was.version)
        try:
            self._tables.write(Write(Part.TRIGGER, "triggers", new.id, same, put_next(new, was)))
        except WriteConflict as taken:
            raise Superseded(f"trigger {new.id!r} was modified concurrently") from taken

    def remove(self, old: Trigger, was: Blueprint, owner: Blueprint) -> None:
        self._tables.commit([*self._owner(was, owner), *written_away(old)])

    def due_shards(self) -> int:
        return 1

    def iter_due(self, until: datetime, shard: int | None = None) -> Iterator[DueRow]:
        rows = [
            row for row in self._tables.indexed("triggers") if row.due_at and row.due_at <= until
        ]
        for row in sorted(rows, key=lambda row: row.due_at):
            yield DueRow("trigger", row.id, row.due_at, row.blueprint_id)

    def list_of_source(self, source: str) -> list[tuple[str, str]]:
        rows = [row for row in self._tables.indexed("triggers") if isinstance(row, OnTicket)]
        found = [(row.id, row.blueprint_id) for row in rows if row.ticket.source == source]
        return sorted(found)

    def oldest_due(self, until: datetime) -> DueRow | None:
        return next(self.iter_due(until), None)


class MemoryTemplates:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def get(self, template_id: str) -> PromptTemplate:
        row = self._tables.get("templates", template_id)
        if row is None:
            raise NotFound("prompt template", template_id)
        found: PromptTemplate = row[0]
        return found

    def add(self, new: PromptTemplate, claim: IdempotencyClaim | None) -> None:
        writes = [
            Write(Part.TEMPLATE, "templates", new.id, absent, put((new, frozenset()))),
            Write(Part.TEMPLATE_NAME, "names", new.name.casefold(), absent, put(new.id)),
        ]
        writes += claimed(claim, new.created_at)
        try:
            self._tables.commit(writes)
        except WriteConflict as taken:
            if Part.CLAIM in taken.parts:
                raise
            raise Conflict(f"the name {new.name!r} is already used") from taken

    def put(self, new: PromptTemplate, was: PromptTemplate) -> None:
        def same(row: Any) -> bool:
            return row is not None and row[0].version == was.version

        require_next_version(new, was)
        writes = [Write(Part.TEMPLATE, "templates", new.id, same, lambda row: (new, row[1]))]
        if new.name.casefold() != was.name.casefold():
            writes.append(
                Write(Part.TEMPLATE_NAME, "names", new.name.casefold(), absent, put(new.id))
            )
            writes.append(Write(Part.TEMPLATE_NAME, "names", was.name.casefold(), anything, drop))
        try:
            self._tables.commit(writes)
        except WriteConflict as taken:
            if Part.TEMPLATE_NAME in taken.parts:
                raise Conflict(f"the name {new.name!r} is already used") from taken
            raise Superseded(f"prompt template {new.id!r} was modified concurrently") from taken

    def remove(self, old: PromptTemplate) -> None:
        def unlinked(row: Any) -> bool:
            return row is None or not row[1]

        writes = [
            Write(Part.TEMPLATE, "templates", old.id, unlinked, drop),
            Write(Part.TEMPLATE_NAME, "names", old.name.casefold(), anything, drop),
        ]
        try:
            self._tables.commit(writes)
        except WriteConflict as taken:
            raise Conflict(f"prompt template {old.name!r} is used by blueprints") from taken

    def list_newest(self, before: Cursor | None, limit: int) -> Any:
        rows = [row[0] for row in self._tables.indexed("templates")]
        return page_of(rows, "created_at", before, limit)


class MemoryFirings:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def commit_decision(self, decision: Decision) -> None:
        self._tables.commit(self.writes(decision))

    def writes(self, decision: Decision) -> list[Write]:
        firing = decision.firing
        row = (firing, decision.brief)
        writes = [Write(Part.FIRING, "firings", firing.id, absent, put(row))]
        if run := decision.run:
            writes.append(Write(Part.RUN, "runs", run.id, absent, put(run)))
            if run.overlap_key:
                writes.append(_entered(run, decision.active))
        if owner := decision.blueprint:
            key = gates.gate_key(owner.id, firing.id)
            writes.append(Write(Part.BLUEPRINT, "gates", key, open_to(owner.version)))
        if decision.trigger:
            before, after = decision.trigger
            new = None if after is before else put_next(after, before)
            same = at_version(before.version)
            writes.append(Write(Part.TRIGGER, "triggers", before.id, same, new))
        return [*writes, *claimed(decision.claim, firing.fired_at)]

    def get(self, firing_id: str) -> Firing:
        return self._row(firing_id)[0]

    def get_brief(self, firing_id: str) -> Brief | None:
        return self._row(firing_id)[1]

    def extend_retention(self, firing_id: str, until: datetime) -> None: ...

    def _row(self, firing_id: str) -> tuple[Firing, Brief | None]:
        row = self._tables.get("firings", firing_id)
        if row is None:
            raise NotFound("firing", firing_id)
        found: tuple[Firing, Brief | None] = row
        return found

    def find_claim(self, key: str, now: datetime) -> IdempotencyClaim | None:
        row = self._tables.get("claims", key)
        return None if row is None or row.is_free_at(now) else row

    def find_claims(self, keys: Collection[str], now: datetime) -> dict[str, IdempotencyClaim]:
        found = {key: self.find_claim(key, now) for key in keys}
        return {key: claim for key, claim in found.items() if claim}

    def release_claim(self, claim: IdempotencyClaim, now: datetime) -> None:
        def same_result(row: Any) -> bool:
            return row is not None and row.result == claim.result

        def ended(row: Any) -> Any:
            return replace(row, expires_at=now)

        same = Write(Part.CLAIM, "claims", claim.key, same_result, ended)
        with suppress(WriteConflict):
            self._tables.write(same)

    def list_of_blueprint(self, blueprint_id: str, before: Cursor | None, limit: int) -> Any:
        rows = [row[0] for row in self._tables.indexed("firings")]
        found = [row for row in rows if row.blueprint_id == blueprint_id]
        return page_of(found, "fired_at", before, limit)

    def list_of_trigger(self, trigger_id: str, before: Cursor | None, limit: int) -> Any:
        rows = [row[0] for row in self._tables.indexed("firings")]
        found = [row for row in rows if row.trigger_id == trigger_id]
        return page_of(found, "fired_at", before, limit)


def _entered(run: Run, relied_on: frozenset[str] | None) -> Write:
    assert run.overlap_key is not None

    def same(row: Any) -> bool:
        return relied_on is None or (row or frozenset()) == relied_on

    return Write(
        Part.ACTIVE_RUNS,
        "slots",
        run.overlap_key,
        same,
        lambda row: (row or frozenset()) | {run.id},
    )


class MemoryRuns:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def get(self, run_id: str) -> Run:
        row = self._tables.get("runs", run_id)
        if row is None:
            raise NotFound("task", run_id)
        found: Run = row
        return found

    def put(self, new: Run, was: Run) -> None:
        try:
            self._tables.write(
                Write(Part.RUN, "runs", new.id, at_version(was.version), put_next(new, was))
            )
        except WriteConflict as taken:
            raise Superseded(f"task {new.id!r} was modified concurrently") from taken

    def iter_waiting(self, key: str) -> Iterator[str]:
        for row in self._waiting(key):
            yield row.id

    def first_sort_key(self, key: str) -> str | None:
        return next((row.queue_sort_key for row in self._waiting(key)), None)

    def _waiting(self, key: str) -> list[Run]:
        rows = [row for row in self._tables.indexed("runs") if row.waits_in == key]
        return sorted(rows, key=lambda row: row.queue_sort_key)

    def get_many(self, run_ids: Sequence[str]) -> list[Run]:
        rows = (self._tables.get("runs", run_id) for run_id in run_ids)
        return [row for row in rows if row is not None]

    def list_newest(self, kinds: Collection[str], before: Cursor | None, limit: int) -> Any:
        rows = [row for row in self._tables.indexed("runs") if row.type in kinds]
        return page_of(rows, "created_at", before, limit)

    def list_of_blueprint(self, blueprint_id: str, before: Cursor | None, limit: int) -> Any:
        rows = [r for r in self._tables.indexed("runs") if r.blueprint_id == blueprint_id]
        return page_of(rows, "created_at", before, limit)

    def list_in_state(
        self, kinds: Collection[str], state: State, before: Cursor | None, limit: int
    ) -> Any:
        rows = [r for r in self._tables.indexed("runs") if r.type in kinds and r.state is state]
        return page_of(rows, "created_at", before, limit)

    def list_of_repo(self, url: str, before: Cursor | None, limit: int) -> Any:
        rows = [r for r in self._tables.indexed("runs") if r.repo_url == url]
        return page_of(rows, "created_at", before, limit)

    def due_shards(self) -> int:
        return 1

    def iter_due(self, until: datetime, shard: int | None = None) -> Iterator[DueRow]:
        rows = [r for r in self._tables.indexed("runs") if r.next_due_at and r.next_due_at <= until]
        for row in sorted(rows, key=lambda row: row.next_due_at):
            yield DueRow("run", row.id, row.next_due_at)


class MemorySlots:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def take_slots(self, new: Run, was: Run, limits: dict[str, int]) -> None:
        writes = [Write(Part.RUN, "runs", new.id, at_version(was.version), put_next(new, was))]
        for counter, limit in limits.items():
            writes.append(
                Write(
                    Part.COUNTER,
                    "slots",
                    counter,
                    lambda row, limit=limit: len(row or ()) < limit,
                    lambda row: (row or frozenset()) | {new.id},
                )
            )
        self._tables.commit(writes)


class MemoryRunSets:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def move_run(
        self, new: Run, was: Run, *, leaves: Collection[str], enters: Collection[str]
    ) -> None:
        writes = [Write(Part.RUN, "runs", new.id, at_version(was.version), put_next(new, was))]
        writes += [
            Write(Part.COUNTER, "slots", key, anything, without_id(new.id)) for key in leaves
        ]
        writes += [Write(Part.COUNTER, "slots", key, anything, with_id(new.id)) for key in enters]
        self._tables.commit(writes)

    def hold_runs(
        self, counter: str, run_ids: Collection[str], until: datetime | None = None
    ) -> None:
        self._set(counter, lambda row: row | set(run_ids))

    def held_runs(self, counter: str) -> frozenset[str]:
        found: frozenset[str] = self._tables.get("slots", counter) or frozenset()
        return found

    def drop_runs(self, counter: str, versions: Mapping[str, int | None]) -> None:
        first = dict(list(versions.items())[:MAX_DROPPED_RUNS])
        writes = [
            Write(Part.RUN, "runs", key, at_version(version) if version else absent)
            for key, version in first.items()
        ]
        gone = frozenset(first)
        let_go = Write(
            Part.COUNTER, "slots", counter, anything, lambda row: (row or frozenset()) - gone
        )
        self._tables.commit([*writes, let_go])

    def _set(self, counter: str, change: Callable[[frozenset[str]], frozenset[str]]) -> None:
        def changed(row: Any) -> frozenset[str]:
            return change(row or frozenset())

        self._tables.write(Write(Part.COUNTER, "slots", counter, anything, changed))


class MemoryWaitingQueues:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def await_stage(self, queue_key: str, rank: str) -> None:
        row = self._tables.get("waiting_queues", queue_key)
        if row is None or row > rank:
            write = Write(Part.COUNTER, "waiting_queues", queue_key, anything, put(rank))
            self._tables.write(write)

    def awaiting_stage(self, limit: int) -> list[str]:
        ranks = self._tables.rows["waiting_queues"]
        return sorted(ranks, key=lambda key: (ranks[key], key))[:limit]

    def leave_stage(self, queue_key: str) -> None:
        self._tables.write(Write(Part.COUNTER, "waiting_queues", queue_key, anything, drop))


class MemoryRepos:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def get(self, repo_id: str) -> Repo:
        row = self._tables.get("repos", repo_id)
        if row is None:
            raise NotFound("repo", repo_id)
        found: Repo = row
        return found

    def find_by_url(self, url: str) -> Repo | None:
        found: Repo | None = self._tables.get("repos", repo_id(url))
        return found

    def add(self, new: Repo, claim: IdempotencyClaim | None = None) -> None:
        write = Write(Part.REPO, "repos", new.id, absent, put(new))
        try:
            self._tables.commit([write, *claimed(claim, new.created_at)])
        except WriteConflict as taken:
            if Part.CLAIM in taken.parts:
                raise
            raise Conflict(f"the repo {new.url} exists already") from taken

    def put(self, new: Repo, was: Repo) -> None:
        self._change(Write(Part.REPO, "repos", new.id, at_version(was.version), put_next(new, was)))

    def remove(self, old: Repo) -> None:
        self._change(Write(Part.REPO, "repos", old.id, at_version(old.version), drop))

    def _change(self, write: Write) -> None:
        try:
            self._tables.write(write)
        except WriteConflict as taken:
            raise Superseded("the repo was modified concurrently") from taken

    def list_all(self) -> list[Repo]:
        return sorted(self._tables.all("repos"), key=lambda repo: str(repo.url))


class MemorySecrets:
    def __init__(self) -> None:
        self._names: dict[str, Secret] = {}

    def vault_key(self, name: str, scope: str) -> str:
        return f"{scope}/{name}"

    def put(self, new: Secret) -> None:
        self._names[self.vault_key(new.name, new.scope)] = new

    def find_named(self, names: Collection[str], scope: str) -> dict[str, Secret]:
        keys = {name: self.vault_key(name, scope) for name in names}
        return {name: self._names[key] for name, key in keys.items() if key in self._names}


class MemoryVault:
    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def put(self, key: str, value: str) -> None:
        self._values[key] = value

    def get(self, key: str, changed_at: datetime | None = None) -> str | None:
        return self._values.get(key)

    def remove(self, key: str) -> None:
        self._values.pop(key, None)


class MemoryProviders:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def get(self, provider_id: str) -> TicketProvider:
        found: TicketProvider | None = self._tables.get("providers", provider_id)
        if found is None:
            raise NotFound("provider", provider_id)
        return found

    def add(self, new: TicketProvider, claim: IdempotencyClaim | None = None) -> None:
        write = Write(Part.PROVIDER, "providers", new.id, absent, put(new))
        self._tables.commit([write, *claimed(claim, new.created_at)])

    def put(self, new: TicketProvider, was: TicketProvider) -> None:
        same = at_version(was.version)
        try:
            self._tables.write(Write(Part.PROVIDER, "providers", new.id, same, put_next(new, was)))
        except WriteConflict as taken:
            raise Superseded(f"provider {new.id!r} was modified concurrently") from taken

    def list_all(self) -> list[TicketProvider]:
        return sorted(self._tables.all("providers"), key=lambda row: (row.name, row.id))

    def due_shards(self) -> int:
        return 1

    def iter_due(self, until: datetime, shard: int | None = None) -> Iterator[DueRow]:
        rows = [r for r in self._tables.all("providers") if r.due_at and r.due_at <= until]
        for row in sorted(rows, key=lambda row: row.due_at):
            yield DueRow("provider", row.id, row.due_at)


class MemoryWebhooks:
    """No endpoint subscribes to a storm's notifications."""

    def list_cached(self) -> list[Any]:
        return []


class MemoryDeliveries:
    def due_shards(self) -> int:
        return 1

    def iter_due(self, until: datetime, shard: int | None = None) -> Iterator[DueRow]:
        yield from ()


class MemoryPulses:
    def __init__(self) -> None:
        self._last: dict[str, datetime] = {}

    def record_time(self, name: str, at: datetime) -> None:
        self._last[name] = at

    def last_time(self, name: str) -> datetime | None:
        return self._last.get(name)


class OpenSeals:
    """Seals that keep nothing secret."""

    def encrypt_secret(self, secret: str, about: str) -> str:
        return f"{about}|{secret}"

    def decrypt_secret(self, sealed: str, about: str) -> str:
        return sealed.removeprefix(f"{about}|")

    def sign_text(self, text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()


class NoMetrics:
    def count_firing(self, firing: Firing) -> None: ...
    def record_commit_time(self, milliseconds: int) -> None: ...
    def count_rejection(self, reason: str) -> None: ...
    def record_tick(self, sent: int, overdue: timedelta) -> None: ...
    def count_missing_runner(self) -> None: ...
    def count_move(self, state: State) -> None: ...
    def record_wait(self, span: timedelta) -> None: ...
    def record_step_time(self, step: str, span: timedelta) -> None: ...
    def count_agent_failure(self, error_class: str) -> None: ...
    def add_cost(self, dollars: float) -> None: ...
    def count_lost_activity(self) -> None: ...


class MemoryLogs:
    def write_lines(self, stream: LogStream, lines: Sequence[LogLine]) -> None: ...

    def read_after(self, stream: LogStream, seq: int, limit: int) -> list[LogLine]:
        return []

    def read_before(self, stream: LogStream, seq: int | None, limit: int) -> list[LogLine]:
        return []


class MemoryOutputs:
    def upload_url(self, run_id: str, attempt: int, output: RunOutput) -> str:
        return f"memory:{run_id}/{attempt}/{output.name}"

    download_url = upload_url


class MemoryReader:
    def resume(self) -> None: ...


@dataclass
class MemoryQueue:
    sent: list[tuple[dict[str, str], timedelta]] = field(default_factory=list)

    def send_messages(self, messages: Iterable[tuple[StepMessage, timedelta]]) -> None:
        self.sent += [(encode_message(message), delay) for message, delay in messages]


@dataclass(frozen=True)
class FixedPolicy:
    tick_interval: timedelta = timedelta(minutes=1)
    missed_after: timedelta = timedelta(minutes=10)
    max_concurrent: int = 4
    runner: str = "self-hosted"
    pause_after_failures: int = 5
    retention: timedelta = timedelta(days=90)
    public_url: str | None = None
    allowed_private: tuple[str, ...] = ("127.0.0.1",)


class MemoryWorld:
    """A stage in memory."""

    def __init__(self, now: Callable[[], datetime], wait: Callable[[timedelta], None]) -> None:
        self.tables = Tables(now)
        self._now, self._wait = now, wait
        self.policy = FixedPolicy()
        self.expressions = ExpressionEngine()
        self.sns = SnsVerifier()
        self.encryption = OpenSeals()
        self.metrics = NoMetrics()
        self.markers: Any = MemoryPulses()
        self.prompt_templates: Any = MemoryTemplates(self.tables)
        self.blueprints: Any = MemoryBlueprints(self.tables)
        self.triggers: Any = MemoryTriggers(self.tables)
        self.firings: Any = MemoryFirings(self.tables)
        self.runs: Any = MemoryRuns(self.tables)
        self.slots: Any = MemorySlots(self.tables)
        self.run_sets: Any = MemoryRunSets(self.tables)
        self.waiting_queues: Any = MemoryWaitingQueues(self.tables)
        self.repos: Any = MemoryRepos(self.tables)
        self.providers: Any = MemoryProviders(self.tables)
        self.trackers: Any = RealTrackers()
        self.webhook_endpoints: Any = MemoryWebhooks()
        self.deliveries: Any = MemoryDeliveries()
        self.notify_queue: Any = MemoryQueue()
        self.notify_reader: Any = MemoryReader()
        self.fire_queue: Any = MemoryQueue()
        self.steps_queue: Any = MemoryQueue()
        self.remote_queue: Any = MemoryQueue()
        self.logs: Any = MemoryLogs()
        self.outputs: Any = MemoryOutputs()
        self.secrets: Any = MemorySecrets()
        self.vault: Any = MemoryVault()
        self.forges: Any = None  # no repo of a storm lives at a forge

    def now(self) -> datetime:
        return self._now()

    def wait(self, span: timedelta) -> None:
        self._wait(span)

    def is_transient(self, error: Exception) -> bool:
        return is_transient_failure(error)
