"""Time-based steps: the tick, and the triggers that are due."""

from __future__ import annotations

from chalice.app import CloudWatchEvent, Rate

from chalicelib import wiring
from chalicelib.actions import schedules, ticking, zone_updates
from chalicelib.domain import trail
from chalicelib.pipeline.steps import Message, Steps
from chalicelib.settings import settings

steps = Steps(__name__)


@steps.schedule(Rate(int(settings.interval.total_seconds()) // 60, unit=Rate.MINUTES))
def tick(event: CloudWatchEvent) -> None:
    """Send a message for each row that is due within the look-ahead."""
    with trail.following(step="tick", correlation_id=event.event_id):
        ticking.tick(wiring.world())
        zone_updates.correct_next_times(wiring.world())


@steps.batch_step(queue=settings.queue("fire"))
def fire(messages: list[Message]) -> None:
    """Fire the due occurrences of each named trigger. Safe to repeat."""
    schedules.fire_due(
        wiring.world(), [(message["triggerId"], message["definitionId"]) for message in messages]
    )
