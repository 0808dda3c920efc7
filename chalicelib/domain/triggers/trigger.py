"""Triggers: schedules, webhooks, tickets and manual requests that fire a blueprint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from chalicelib.domain.errors import Invalid
from chalicelib.domain.ids import BlueprintId, TriggerId
from chalicelib.domain.limits import MAX_WEBHOOK_SECRETS
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.domain.triggers import schedule as schedules
from chalicelib.domain.triggers.gap import MissedGap


class CatchUp(StrEnum):
    """The handling of occurrences that were missed during an outage."""

    ONE = "one"
    SKIP = "skip"
    ALL = "all"


class Overlap(StrEnum):
    """The handling of an occurrence while earlier runs of its blueprint are active."""

    ALLOW = "allow"
    SKIP = "skip"
    BUFFER_ONE = "buffer_one"
    CANCEL_OTHER = "cancel_other"


@dataclass(frozen=True, kw_only=True)
class ScheduleSettings:
    """The times of a schedule trigger, and its handling of overlaps and missed occurrences."""

    cron: str
    timezone: str = "UTC"
    overlap: Overlap = Overlap.ALLOW
    catch_up: CatchUp = CatchUp.ONE
    jitter_seconds: int = 0
    start_at: datetime | None = None
    end_at: datetime | None = None

    @property
    def timing_fields(self) -> tuple[object, ...]:
        """The fields that determine the schedule. Other edits keep the next fire time."""
        return self.cron, self.timezone, self.start_at, self.end_at


@dataclass(frozen=True, kw_only=True)
class WebhookSettings:
    """The path of a webhook, its sender, and the events that it accepts.

    `topics` are the Amazon SNS topics that may deliver to it. `offered` is the encrypted token that
    was posted before a secret was set.
    """

    path: str
    preset: str = "optio"
    sealed: tuple[str, ...] = ()
    offered: str | None = None
    filter: str | None = None
    events: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()

    def keep_rotated_secrets(self, was: WebhookSettings, *, rotating: bool) -> WebhookSettings:
        """Return this config as the successor of `was`; during a rotation the earlier secrets stay.

        The newest secret comes first; once the rotation is over, it is the only one.
        """
        new = self.sealed if self.sealed != was.sealed else ()
        kept_secrets = (*new, *was.sealed)[: MAX_WEBHOOK_SECRETS if rotating else 1]
        return replace(self, sealed=kept_secrets)


@dataclass(frozen=True, kw_only=True)
class TicketSettings:
    """The tickets that fire. `looked` names the providers whose backlog was already listed."""

    source: str
    labels: tuple[str, ...] = ()
    provider_id: str | None = None
    include_backlog: bool = False
    refire: bool = False
    looked: tuple[str, ...] = ()

    @property
    def matching_fields(self) -> tuple[object, ...]:
        """The fields that select tickets; editing them causes a new first listing."""
        return self.source, self.labels, self.provider_id


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """One way in which a blueprint fires; each kind of trigger is a class of its own.

    `next_fire_at` is the oldest cron instant without a decision, and is kept during a pause.
    `due_at` is the time at which it fires, and is None during a pause. `decided_until` is the
    newest instant with a decision: no edit goes back before it. Only schedules have these times.
    """

    type: ClassVar[TriggerType]

    id: TriggerId
    blueprint_id: BlueprintId
    blueprint_kind: str
    created_at: datetime
    updated_at: datetime
    version: int = 1
    enabled: bool = True
    template_id: str | None = None
    param_mapping: dict[str, object] | None = None
    next_fire_at: datetime | None = None
    due_at: datetime | None = None
    decided_until: datetime | None = None
    last_fired_at: datetime | None = None
    failures: int = 0
    disabled_reason: str | None = None

    @property
    def own_params(self) -> dict[str, object]:
        """The params that it fires with, unless a payload provides them."""
        return {}

    @property
    def overlap_policy(self) -> Overlap:
        return Overlap.ALLOW

    @property
    def catch_up_policy(self) -> CatchUp:
        return CatchUp.SKIP

    @property
    def own_jitter(self) -> timedelta:
        """The time by which it fires after each of its cron instants."""
        return timedelta(0)

    def next_times(self, after: datetime) -> tuple[datetime | None, datetime | None]:
        """Return the next cron instant after `after`, and the time at which it fires."""
        return None, None

    def preview_fires(self, now: datetime) -> list[datetime]:
        """Return the next fire times, none if the stored schedule cannot be computed."""
        return []

    def find_undecided(self, until: datetime, *, kept_count: int = 0) -> MissedGap | None:
        """Return the cron instants up to `until` that have no decision yet, or None.

        The newest `kept_count` of them are left out.
        """
        return None

    def with_corrected_time(self) -> Trigger:
        """Return the trigger with its next fire time corrected to today's zone data."""
        return self


@dataclass(frozen=True, kw_only=True)
class OnSchedule(Trigger):
    """A trigger that fires at the times of a schedule."""

    type = TriggerType.SCHEDULE
    schedule: ScheduleSettings

    @property
    def own_params(self) -> dict[str, object]:
        return self.param_mapping or {}

    @property
    def overlap_policy(self) -> Overlap:
        return self.schedule.overlap

    @property
    def catch_up_policy(self) -> CatchUp:
        return self.schedule.catch_up

    @property
    def own_jitter(self) -> timedelta:
        return schedules.jitter_of(self.id, self.schedule.jitter_seconds)

    @property
    def cron_schedule(self) -> schedules.CronSchedule:
        """The schedule in the form that `schedule` computes with."""
        return schedules.CronSchedule(
            cron=self.schedule.cron,
            timezone=self.schedule.timezone,
            jitter=self.own_jitter,
            start_at=self.schedule.start_at,
            end_at=self.schedule.end_at,
        )

    def next_times(self, after: datetime) -> tuple[datetime | None, datetime | None]:
        moment = schedules.next_after(self.cron_schedule, after)
        return moment, moment + self.own_jitter if moment else None

    def preview_fires(self, now: datetime) -> list[datetime]:
        try:
            return schedules.preview_fires(self.cron_schedule, now)
        except Invalid:
            return []

    def find_undecided(self, until: datetime, *, kept_count: int = 0) -> MissedGap | None:
        since = self.next_fire_at
        if since is None or since > until:
            return None
        count = (
            1
            + schedules.count_occurrences(self.cron_schedule, after=since, until=until)
            - kept_count
        )
        if count <= 0:
            return None
        last = since
        if count > 1:
            newest = schedules.nth_newest(
                self.cron_schedule, after=since, until=until, number=kept_count + 1
            )
            last = newest or since
        return MissedGap(first=since, last=last, count=count)

    def with_corrected_time(self) -> OnSchedule:
        if self.next_fire_at is None:
            return self
        at = schedules.correct_instant(self.cron_schedule, self.next_fire_at, self.decided_until)
        if at == self.next_fire_at:
            return self
        return replace(self, next_fire_at=at, due_at=at + self.own_jitter if self.due_at else None)


@dataclass(frozen=True, kw_only=True)
class OnWebhook(Trigger):
    """A trigger that fires for each delivery to its path."""

    type = TriggerType.WEBHOOK
    webhook: WebhookSettings


@dataclass(frozen=True, kw_only=True)
class OnTicket(Trigger):
    """A trigger that fires for each matching ticket."""

    type = TriggerType.TICKET
    ticket: TicketSettings


@dataclass(frozen=True, kw_only=True)
class OnDemand(Trigger):
    """A trigger that holds the params of manual runs; it never fires by itself."""

    type = TriggerType.MANUAL

    @property
    def own_params(self) -> dict[str, object]:
        return self.param_mapping or {}
