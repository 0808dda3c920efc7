"""Protocol of the ledger."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from chalicelib.domain.firing.decision import Decision
from chalicelib.domain.firing.firing import Brief, Firing, IdempotencyClaim
from chalicelib.domain.ids import BlueprintId, FiringId, TriggerId
from chalicelib.domain.page import Cursor, Page
from chalicelib.ports.conflicts import Part, may_lose


class Firings(Protocol):
    """The ledger, with briefs and claims."""

    @may_lose(Part.FIRING, Part.RUN, Part.ACTIVE_RUNS, Part.BLUEPRINT, Part.TRIGGER, Part.CLAIM)
    def commit_decision(self, decision: Decision) -> None:
        """Write firing, brief, run, trigger and claim in one transaction.

        Loses a firing or run whose id exists, and active runs other than `decision.active`. Loses
        also a blueprint or trigger that is no longer at its version, and a claim that binds at the
        time of the firing.
        """

    def get(self, firing_id: FiringId) -> Firing:
        """Return a firing, in a consistent read; raise `NotFound` if there is none."""

    def get_brief(self, firing_id: FiringId) -> Brief | None:
        """Return the brief of a firing, in a consistent read; None if it was stored without one.

        Raises `NotFound` if the firing does not exist.
        """

    def extend_retention(self, firing_id: FiringId, until: datetime) -> None:
        """Keep a firing and its brief at least until a time; do nothing if the firing is gone."""

    def find_claim(self, key: str, now: datetime) -> IdempotencyClaim | None:
        """Return the claim with a key that binds at `now`, in a consistent read, or None."""

    def find_claims(self, keys: Collection[str], now: datetime) -> dict[str, IdempotencyClaim]:
        """Return by key those of the claims that bind at `now`, in consistent reads."""

    def release_claim(self, claim: IdempotencyClaim, now: datetime) -> None:
        """End a claim at `now`; do nothing if it is gone or has another result by now."""

    def list_of_blueprint(
        self, blueprint_id: BlueprintId, before: Cursor | None, limit: int
    ) -> Page[Firing]:
        """Return a page of the firings of a blueprint, by the time at which they were decided."""

    def list_of_trigger(
        self, trigger_id: TriggerId, before: Cursor | None, limit: int
    ) -> Page[Firing]:
        """Return a page of the firings of a trigger, by the time at which they were decided."""
