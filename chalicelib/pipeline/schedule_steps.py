"""Time-based steps: the tick, and the triggers that are due."""

from __future__ import annotations

from chalice.app import CloudWatchEvent, Rate

from chalicelib import log_context, wiring
from chalicelib.actions.blueprints import time_zone_updates
from chalicelib.actions.firing import due_schedules
from chalicelib.actions.scheduler import tick as scheduler_tick
from chalicelib.domain import messages
from chalicelib.pipeline.steps import Steps
from chalicelib.settings import settings

steps = Steps(__name__)


@steps.schedule(Rate(int(settings.tick_interval.total_seconds()) // 60, unit=Rate.MINUTES))
def tick(event: CloudWatchEvent) -> None:
    """Send a message for each row that is due within the look-ahead."""
    with log_context.log_context(step="tick", correlation_id=event.event_id):
        scheduler_tick.run_tick(wiring.get_world())
        time_zone_updates.correct_next_times(wiring.get_world())


@steps.on_batch(queue=settings.queue_name("fire"))
def fire(batch: list[messages.FireTrigger]) -> None:
    """Fire the due occurrences of each named trigger. Safe to repeat."""
    due_schedules.fire_due_triggers(
        wiring.get_world(),
        [(message.trigger_id, message.blueprint_id) for message in batch],
    )
