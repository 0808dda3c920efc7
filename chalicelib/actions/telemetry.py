"""Telemetry: a log line and a metric for each event, for the operators of a stage.

They contain ids, states and error classes only. Prompts, payloads, titles and program output may
contain anything, so they are not logged.
"""

from __future__ import annotations

import logging

from chalicelib.domain.firing.firing import Firing, Outcome
from chalicelib.domain.runs.attempt import AttemptOutcome
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import State
from chalicelib.ports import World

log = logging.getLogger(__name__)


def log_firing(world: World, firing: Firing) -> None:
    """Log and count the outcome of an occurrence."""
    _log_event(
        "occurrence decided",
        firing=firing.id,
        trigger=firing.trigger_id,
        trigger_type=firing.trigger_type,
        occurrence=firing.occurrence,
        outcome=firing.outcome.value,
        reason=firing.reason if firing.outcome is Outcome.SKIPPED else None,
        blueprint=firing.blueprint_id,
        run=firing.run_id,
    )
    world.metrics.count_firing(firing)


def log_move(world: World, run: Run, was: State, by: str) -> None:
    """Log and count a state change of a run."""
    _log_event(
        "run moved",
        run=run.id,
        firing=run.firing_id,
        from_state=was.value,
        to_state=run.state.value,
        by=by,
        run_stage=run.stage,
        attempt=run.attempt,
        error_class=run.error_class,
        pull_request=run.pr_url,
    )
    world.metrics.count_move(run.state)


def log_attempt_end(
    world: World, run: Run, outcome: AttemptOutcome, error_class: str | None, cost_usd: float | None
) -> None:
    """Log and count the end of an attempt, and its cost."""
    _log_event(
        "attempt ended",
        run=run.id,
        firing=run.firing_id,
        attempt=run.attempt,
        agent=run.agent_type,
        outcome=outcome,
        error_class=error_class,
        cost_usd=cost_usd,
    )
    if error_class:
        world.metrics.count_agent_failure(error_class)
    if cost_usd:
        world.metrics.add_cost(cost_usd)


def _log_event(event: str, **facts: object) -> None:
    log.info(event, extra={name: fact for name, fact in facts.items() if fact is not None})
