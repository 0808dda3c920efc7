"""Protocols of the stores.

Reads by id are consistent; lists and due rows come from indexes that lag. Methods that take an id
raise `NotFound`, unless their result may be None. A page of a list is `(things, position)`, newest
first: `list_position` is the `before` of the next page, None on the last one. It may have fewer
than `limit` things, because it ends early at `limits.MAX_ANSWER_BYTES`. An invalid `before` raises
`Invalid`, and so does writing an object over `limits.MAX_ROW_BYTES`.

`add` raises `WriteConflict` if the object or its claim exists. A method that `may_lose` parts
raises `WriteConflict` with those that were not in the expected state, and writes nothing. Any other
`put(new, was)` and `remove(old)` raise `Superseded` unless the stored version is that of `was` or
`old`. Exceptions are stated at the class. `iter_due` yields rows with `due_at <= until`, the
longest overdue first, of one shard (0 to `due_shards() - 1`) or of all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from chalicelib.domain.access.audit import AuditRecord
from chalicelib.domain.access.key import ApiKey
from chalicelib.domain.access.secret import Secret
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.domain.firing.decision import Decision, FiringContext
from chalicelib.domain.firing.firing import Brief, Firing, IdempotencyClaim
from chalicelib.domain.repos.repo import Repo
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import State
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.domain.triggers.trigger import Trigger
from chalicelib.ports.conflicts import Part, may_lose
from chalicelib.ports.values import DueRow, TriggerChange, WebhookListener

TRIGGER_EDIT = (Part.TRIGGER, Part.FIRING, Part.WEBHOOK_PATH, Part.WEBHOOK_LISTENER)
"""The parts that an edit of a trigger may lose; the firing is the record of its gap."""


class Blueprints(Protocol):
    """The store of blueprints; a blueprint and its triggers change in one transaction."""

    def get(self, blueprint_id: str) -> Blueprint: ...
    @may_lose(Part.BLUEPRINT, Part.TRIGGER, Part.WEBHOOK_PATH, Part.TEMPLATE, Part.CLAIM)
    def add(
        self, new: Blueprint, triggers: Sequence[Trigger], claim: IdempotencyClaim | None
    ) -> None: ...
    @may_lose(Part.BLUEPRINT, Part.TEMPLATE, *TRIGGER_EDIT)
    def put(self, new: Blueprint, was: Blueprint, triggers: Sequence[TriggerChange]) -> None: ...
    @may_lose(Part.BLUEPRINT, Part.TRIGGER)
    def remove(self, old: Blueprint, triggers: Sequence[Trigger]) -> None: ...
    def list_newest(
        self, kind: str, before: str | None, limit: int
    ) -> tuple[list[Blueprint], str | None]: ...


class Triggers(Protocol):
    """The store of triggers.

    `list_of_blueprint`, `list_of_blueprints` and `read_contexts` are consistent.
    `list_of_blueprint` and `list_of_blueprints` return triggers oldest first. `read_contexts` takes
    (trigger id, blueprint id) pairs and omits those of which either is gone. The expected
    template's id saves a second read. In `add`, `put` and `remove`, `was` is the stored blueprint
    and `owner` its new version, or the same to check it only. `save_progress` writes the trigger
    alone, and raises `Superseded`. `list_of_source` returns the (trigger id, blueprint id) of
    ticket triggers.
    """

    def get(self, trigger_id: str) -> Trigger: ...
    def list_of_blueprint(self, blueprint: Blueprint) -> list[Trigger]: ...
    def list_of_blueprints(self, blueprints: Collection[Blueprint]) -> dict[str, list[Trigger]]: ...
    def read_contexts(
        self, pairs: Collection[tuple[str, str]], template_id: str | None = None
    ) -> dict[str, FiringContext]: ...
    def find_listener(self, path: str) -> WebhookListener | None: ...
    @may_lose(Part.BLUEPRINT, Part.TRIGGER, Part.WEBHOOK_PATH, Part.CLAIM)
    def add(
        self, new: Trigger, was: Blueprint, owner: Blueprint, claim: IdempotencyClaim | None
    ) -> None: ...
    @may_lose(Part.BLUEPRINT, *TRIGGER_EDIT)
    def put(self, change: TriggerChange, was: Blueprint, owner: Blueprint) -> None: ...
    def save_progress(self, new: Trigger, was: Trigger) -> None: ...
    @may_lose(Part.BLUEPRINT, Part.TRIGGER)
    def remove(self, old: Trigger, was: Blueprint, owner: Blueprint) -> None: ...
    def due_shards(self) -> int: ...
    def iter_due(self, until: datetime, shard: int | None = None) -> Iterator[DueRow]: ...
    def list_of_source(self, source: str) -> list[tuple[str, str]]: ...
    def oldest_due(self, until: datetime) -> DueRow | None: ...


class PromptTemplates(Protocol):
    """The library of prompt templates; a template knows the blueprints that are linked to it.

    `add` and `put` raise `Conflict` for a name in use, `remove` for a linked template.
    """

    def get(self, template_id: str) -> PromptTemplate: ...
    @may_lose(Part.TEMPLATE, Part.TEMPLATE_NAME, Part.CLAIM)
    def add(self, new: PromptTemplate, claim: IdempotencyClaim | None) -> None: ...
    def put(self, new: PromptTemplate, was: PromptTemplate) -> None: ...
    def remove(self, old: PromptTemplate) -> None: ...
    def list_newest(
        self, before: str | None, limit: int
    ) -> tuple[list[PromptTemplate], str | None]: ...


class Firings(Protocol):
    """The ledger, with briefs and claims.

    `commit_decision` writes firing, run, trigger and claim in one transaction. `extend_retention`
    extends the expiry of a record and its brief, and never shortens it. `find_claim` and
    `find_claims` are consistent and return only claims that bind at `now`; `release_claim` ends a
    claim that still has the same result.
    """

    @may_lose(Part.FIRING, Part.RUN, Part.ACTIVE_RUNS, Part.BLUEPRINT, Part.TRIGGER, Part.CLAIM)
    def commit_decision(self, decision: Decision) -> None: ...
    def get(self, firing_id: str) -> Firing: ...
    def get_brief(self, firing_id: str) -> Brief | None: ...
    def extend_retention(self, firing_id: str, until: datetime) -> None: ...
    def find_claim(self, key: str, now: datetime) -> IdempotencyClaim | None: ...
    def find_claims(self, keys: Collection[str], now: datetime) -> dict[str, IdempotencyClaim]: ...
    def release_claim(self, claim: IdempotencyClaim, now: datetime) -> None: ...
    def list_of_blueprint(
        self, blueprint_id: str, before: str | None, limit: int
    ) -> tuple[list[Firing], str | None]: ...
    def list_of_trigger(
        self, trigger_id: str, before: str | None, limit: int
    ) -> tuple[list[Firing], str | None]: ...


class Runs(Protocol):
    """The store of runs. Runs in pages and in `list_latest` may lack history and attempts.

    `iter_waiting` yields ids in the order of their rank, from an index that lags, as does
    `first_sort_key`. `get_many` is consistent, keeps the given order, and omits missing runs.
    `list_latest` returns the newest runs of each blueprint. `list_position` is the `before` of the
    page after a run.
    """

    def list_position(self, run: Run) -> str: ...
    def get(self, run_id: str) -> Run: ...
    def put(self, new: Run, was: Run) -> None: ...
    def iter_waiting(self, key: str) -> Iterator[str]: ...
    def first_sort_key(self, key: str) -> str | None: ...
    def get_many(self, run_ids: Sequence[str]) -> list[Run]: ...
    def list_newest(
        self, kinds: Collection[str], before: str | None, limit: int
    ) -> tuple[list[Run], str | None]: ...
    def list_of_blueprint(
        self, blueprint_id: str, before: str | None, limit: int
    ) -> tuple[list[Run], str | None]: ...
    def list_latest(self, blueprint_ids: Sequence[str], limit: int) -> dict[str, list[Run]]: ...
    def list_in_state(
        self, kinds: Collection[str], state: State, before: str | None, limit: int
    ) -> tuple[list[Run], str | None]: ...
    def list_of_repo(
        self, url: str, before: str | None, limit: int
    ) -> tuple[list[Run], str | None]: ...
    def due_shards(self) -> int: ...
    def iter_due(self, until: datetime, shard: int | None = None) -> Iterator[DueRow]: ...


class Slots(Protocol):
    """The counters of runs that hold slots, and other sets of runs.

    `take_slots` and `move_run` write the run and its sets in one transaction. `take_slots` loses
    the counters that are full. `hold_runs` adds to a set, which is deleted some time after `until`,
    and `held_runs` reads it consistently. `drop_runs` removes runs, at most 90, and loses those
    that are no longer at their given version (None: deleted). `await_stage` keeps the most urgent
    rank of a queue; `awaiting_stage` returns queues by rank, from an index that lags.
    """

    @may_lose(Part.RUN, Part.COUNTER)
    def take_slots(self, new: Run, was: Run, limits: dict[str, int]) -> None: ...
    @may_lose(Part.RUN)
    def move_run(
        self, new: Run, was: Run, *, leaves: Collection[str], enters: Collection[str]
    ) -> None: ...
    def hold_runs(
        self, counter: str, run_ids: Collection[str], until: datetime | None = None
    ) -> None: ...
    def held_runs(self, counter: str) -> frozenset[str]: ...
    @may_lose(Part.RUN)
    def drop_runs(self, counter: str, versions: Mapping[str, int | None]) -> None: ...
    def await_stage(self, queue_key: str, rank: str) -> None: ...
    def awaiting_stage(self, limit: int) -> list[str]: ...
    def leave_stage(self, queue_key: str) -> None: ...


class Repos(Protocol):
    """The store of repos: one row for each normalised URL.

    `add` raises `Conflict` if the repo exists. `list_all` is sorted by URL, and lags.
    """

    def get(self, repo_id: str) -> Repo: ...
    def find_by_url(self, url: str) -> Repo | None: ...
    @may_lose(Part.REPO, Part.CLAIM)
    def add(self, new: Repo, claim: IdempotencyClaim | None = None) -> None: ...
    def put(self, new: Repo, was: Repo) -> None: ...
    def remove(self, old: Repo) -> None: ...
    def list_all(self) -> list[Repo]: ...


class Providers(Protocol):
    """The store of ticket providers. `list_all` is sorted by name, and lags."""

    def get(self, provider_id: str) -> TicketProvider: ...
    @may_lose(Part.PROVIDER, Part.CLAIM)
    def add(self, new: TicketProvider, claim: IdempotencyClaim | None = None) -> None: ...
    def put(self, new: TicketProvider, was: TicketProvider) -> None: ...
    def remove(self, old: TicketProvider) -> None: ...
    def list_all(self) -> list[TicketProvider]: ...
    def due_shards(self) -> int: ...
    def iter_due(self, until: datetime, shard: int | None = None) -> Iterator[DueRow]: ...


class Secrets(Protocol):
    """The names of users' secrets.

    `vault_key` is the key of the value in the vault. `find_named` is consistent, and omits unknown
    names. `put` overwrites. `list_all` is sorted by name and scope, and lags.
    """

    def vault_key(self, name: str, scope: str) -> str: ...
    def find_named(self, names: Collection[str], scope: str) -> dict[str, Secret]: ...
    def put(self, new: Secret) -> None: ...
    def remove(self, name: str, scope: str) -> None: ...
    def list_all(self) -> list[Secret]: ...


class Keys(Protocol):
    """API keys and sessions, by the id that is derived from the hash of their token.

    `remove` loses the caller's key if the key `by` no longer exists; `note_use` ignores a key that
    is gone. `list_newest` omits sessions.
    """

    def find_by_id(self, id: str) -> ApiKey | None: ...
    @may_lose(Part.KEY, Part.CLAIM)
    def add(self, new: ApiKey, claim: IdempotencyClaim | None = None) -> None: ...
    @may_lose(Part.CALLER_KEY)
    def remove(self, id: str, by: str | None = None) -> None: ...
    def note_use(self, id: str, at: datetime) -> None: ...
    def list_newest(self, before: str | None, limit: int) -> tuple[list[ApiKey], str | None]: ...


class Activity(Protocol):
    """The audit log. `list_newest` filters by all given values; an object includes its parts."""

    def add(self, entry: AuditRecord) -> None: ...
    def list_newest(
        self,
        object_id: str | None,
        actor_id: str | None,
        action: str | None,
        before: str | None,
        limit: int,
    ) -> tuple[list[AuditRecord], str | None]: ...


class Counters(Protocol):
    """Counts of attempts within a time window, each named by its window.

    `try_increment` counts one more and returns True, or returns False if `most` are counted; the
    count is deleted some time after `until`. `give_back` counts one less, and never goes below
    zero.
    """

    def try_increment(self, name: str, most: int, until: datetime) -> bool: ...
    def give_back(self, name: str) -> None: ...


class Markers(Protocol):
    """Named times. `last_time` may be some seconds old.

    `record_once` records a name that counts once until `until`, and returns whether it was the
    first time.
    """

    def record_time(self, name: str, at: datetime) -> None: ...
    def last_time(self, name: str) -> datetime | None: ...
    def record_once(self, name: str, at: datetime, until: datetime) -> bool: ...
