"""Protocols of the stores of blueprints, triggers and prompt templates."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.domain.firing.decision import FiringContext
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.ids import BlueprintId, TriggerId
from chalicelib.domain.page import Cursor, Page
from chalicelib.domain.triggers.trigger import Trigger
from chalicelib.ports.conflicts import Part, may_lose
from chalicelib.ports.values import DueRow, TriggerChange, WebhookListener

TRIGGER_EDIT = (Part.TRIGGER, Part.FIRING, Part.WEBHOOK_PATH, Part.WEBHOOK_LISTENER)
"""The parts that an edit of a trigger may lose; the firing is the record of its gap."""


class Blueprints(Protocol):
    """The store of blueprints; a blueprint and its triggers change in one transaction.

    It also keeps the links of blueprints in their prompt template. A transaction has at most 100
    rows; more of them raise `ValueError`.
    """

    def get(self, blueprint_id: BlueprintId) -> Blueprint:
        """Return a blueprint, in a consistent read; raise `NotFound` if there is none."""

    @may_lose(Part.BLUEPRINT, Part.TRIGGER, Part.WEBHOOK_PATH, Part.TEMPLATE, Part.CLAIM)
    def add(
        self, new: Blueprint, triggers: Sequence[Trigger], claim: IdempotencyClaim | None
    ) -> None:
        """Store a new blueprint with its triggers.

        Loses the blueprint or a trigger whose id exists, a webhook path of another trigger, a
        linked template that does not exist, and a claim that binds at `new.created_at`.
        """

    @may_lose(Part.BLUEPRINT, Part.TEMPLATE, *TRIGGER_EDIT)
    def put(self, new: Blueprint, was: Blueprint, triggers: Sequence[TriggerChange]) -> None:
        """Replace a blueprint and some of its triggers, and store the records of their gaps.

        Loses the blueprint or a trigger that is no longer at its version, a newly linked template
        that does not exist, and what else `Triggers.put` loses.
        """

    @may_lose(Part.BLUEPRINT, Part.TRIGGER)
    def remove(self, old: Blueprint, triggers: Sequence[Trigger]) -> None:
        """Remove a blueprint with its triggers and their webhook paths.

        Loses the blueprint or a trigger that is no longer at its version.
        """

    def list_newest(self, kind: str, before: Cursor | None, limit: int) -> Page[Blueprint]:
        """Return a page of the blueprints of a kind, by creation time."""


class Triggers(Protocol):
    """The store of triggers. A change also writes their blueprint, or checks its version.

    In `add`, `put` and `remove`, `was` is the stored blueprint and `owner` its next version; an
    `owner` equal to `was` is only checked.
    """

    def get(self, trigger_id: TriggerId) -> Trigger:
        """Return a trigger, in a consistent read; raise `NotFound` if there is none."""

    def list_of_blueprint(self, blueprint: Blueprint) -> list[Trigger]:
        """Return the triggers that a blueprint lists, oldest first, in a consistent read."""

    def list_of_blueprints(
        self, blueprints: Collection[Blueprint]
    ) -> dict[BlueprintId, list[Trigger]]:
        """Return the triggers of each blueprint by its id, oldest first, in consistent reads."""

    def read_contexts(
        self, pairs: Collection[tuple[TriggerId, BlueprintId]], template_id: str | None = None
    ) -> dict[TriggerId, FiringContext]:
        """Return by trigger id what the decision about each trigger is based on.

        `pairs` are (trigger id, blueprint id); a pair is left out if its trigger does not exist,
        or is not one of an existing blueprint of `pairs`. Active runs are read only for triggers
        that limit overlaps. All reads are consistent, but at slightly different times. A template
        whose id is given as `template_id` costs no further read.
        """

    def find_listener(self, path: str) -> WebhookListener | None:
        """Return the trigger at a webhook's path, in a consistent read; None for a free path."""

    @may_lose(Part.BLUEPRINT, Part.TRIGGER, Part.WEBHOOK_PATH, Part.CLAIM)
    def add(
        self, new: Trigger, was: Blueprint, owner: Blueprint, claim: IdempotencyClaim | None
    ) -> None:
        """Store a new trigger.

        Loses a blueprint that is no longer at its version, a trigger whose id exists, a webhook
        path of another trigger, and a claim that binds at `new.created_at`.
        """

    @may_lose(Part.BLUEPRINT, *TRIGGER_EDIT)
    def put(self, change: TriggerChange, was: Blueprint, owner: Blueprint) -> None:
        """Replace a trigger, and store the record of its gap.

        Loses a blueprint or trigger that is no longer at its version, and a gap whose id exists.
        Loses also a new webhook path of another trigger, and its own if another trigger has it.
        """

    def save_progress(self, new: Trigger, was: Trigger) -> None:
        """Replace a trigger alone, as the service itself changed it.

        The change must not concern its webhook. Raises `Superseded` if the trigger is gone, or no
        longer at the version of `was`.
        """

    @may_lose(Part.BLUEPRINT, Part.TRIGGER)
    def remove(self, old: Trigger, was: Blueprint, owner: Blueprint) -> None:
        """Remove a trigger and its webhook path.

        Loses a blueprint or trigger that is no longer at its version.
        """

    def due_shards(self) -> int:
        """Return how many shards the index of due triggers has."""

    def iter_due(self, until: datetime, shard: int | None = None) -> Iterator[DueRow]:
        """Yield the triggers with `due_at <= until`, the longest overdue first, from an index.

        They are those of one shard (0 to `due_shards() - 1`), or all.
        """

    def list_of_source(self, source: str) -> list[tuple[TriggerId, BlueprintId]]:
        """Return (trigger id, blueprint id) of the ticket triggers of a source, from an index.

        They are sorted by trigger id.
        """

    def oldest_due(self, until: datetime) -> DueRow | None:
        """Return the longest overdue trigger with `due_at <= until`, from an index, or None."""


class PromptTemplates(Protocol):
    """The library of prompt templates; a template knows the blueprints that are linked to it.

    Names are unique without regard to case.
    """

    def get(self, template_id: str) -> PromptTemplate:
        """Return a template, in a consistent read; raise `NotFound` if there is none."""

    @may_lose(Part.TEMPLATE, Part.TEMPLATE_NAME, Part.CLAIM)
    def add(self, new: PromptTemplate, claim: IdempotencyClaim | None) -> None:
        """Store a new template.

        Loses a claim that binds at `new.created_at`. Raises `Conflict` if only the name, or the
        id, is in use.
        """

    def put(self, new: PromptTemplate, was: PromptTemplate) -> None:
        """Replace a template and its name; its links stay.

        Raises `Conflict` if the name is in use, otherwise `Superseded` if the template is gone, or
        no longer at the version of `was`.
        """

    def remove(self, old: PromptTemplate) -> None:
        """Remove a template, at whatever version, and its name.

        Raises `Conflict` while a blueprint is linked to it; does nothing if it is gone.
        """

    def list_newest(self, before: Cursor | None, limit: int) -> Page[PromptTemplate]:
        """Return a page of all templates, by creation time."""
