"""Briefs of runs: reads them, and extends their expiry for runs that live longer."""

from __future__ import annotations

from chalicelib.actions.runs import transitions
from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing.firing import Brief
from chalicelib.domain.runs.run import Run
from chalicelib.ports import World


def brief_of(world: World, run: Run) -> Brief | None:
    """Return the brief of a run, None if it is no longer stored."""
    try:
        return world.firings.get_brief(run.firing_id)
    except NotFound:
        return None


def keep_brief(world: World, run: Run) -> Run:
    """Extend the expiry of a run's brief if it would expire before the run; return the run.

    A brief expires with its ledger record, but a pull request may stay open longer. One write lasts
    for at least a third of the retention, so most runs never need one.
    """
    if not transitions.needs_brief_kept(world, run):
        return run
    until = world.now() + world.policy.retention + transitions.LEDGER_SLACK
    world.firings.extend_retention(run.firing_id, until)
    return transitions.update_run(world, run, brief_kept_until=until)
