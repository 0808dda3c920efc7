"""Queries of tasks: blueprints and runs. Each page of a list is read from an index, by no scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.domain.blueprints.blueprint import BLUEPRINT_KINDS, RUN_KINDS, Blueprint
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.firing.firing import Brief
from chalicelib.domain.ids import BlueprintId, RunId
from chalicelib.domain.page import Cursor, Page
from chalicelib.domain.repos.repo import normal_url
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import State
from chalicelib.domain.triggers.trigger import Trigger
from chalicelib.ports import World

ALL_KINDS = "all"
MAX_ROWS = 1000
"""The maximum number of rows that one request reads to find matching ones."""


@dataclass(frozen=True, kw_only=True)
class RunPage:
    """One page of runs, the position of the next page, and the number of rows that were read."""

    runs: list[Run]
    position: Cursor | None
    rows_read: int


@dataclass(frozen=True, kw_only=True)
class RunFilter:
    """A filter of runs: the most selective criterion is queried, the others filter its rows."""

    blueprint_id: BlueprintId | None = None
    repo_url: str | None = None
    state: State | None = None
    text: str = ""

    @property
    def is_narrow(self) -> bool:
        """Return whether no single query answers the filter."""
        parts = (self.blueprint_id, self.repo_url, self.state)
        return bool(self.text) or sum(part is not None for part in parts) > 1

    def matches_run(self, run: Run) -> bool:
        """Return whether a run matches the filter."""
        searched_text = (
            f"{run.title} {run.repo_url or ''} {run.blueprint_name or ''} {run.id}".lower()
        )
        return (
            (self.state is None or run.state is self.state)
            and (self.repo_url is None or run.repo_url == self.repo_url)
            and self.text.lower() in searched_text
        )


def _page(world: World, run_filter: RunFilter, before: Cursor | None, limit: int) -> Page[Run]:
    if run_filter.blueprint_id:
        return world.runs.list_of_blueprint(run_filter.blueprint_id, before, limit)
    if run_filter.repo_url:
        return world.runs.list_of_repo(run_filter.repo_url, before, limit)
    if run_filter.state:
        return world.runs.list_in_state(RUN_KINDS, run_filter.state, before, limit)
    return world.runs.list_newest(RUN_KINDS, before, limit)


def list_runs(
    world: World,
    run_filter: RunFilter = RunFilter(),
    *,
    before: Cursor | None = None,
    limit: int = 50,
) -> RunPage:
    """Return a page of matching runs, newest first, after reading at most a thousand rows."""
    matching: list[Run] = []
    position, looked = before, 0
    while True:
        page, following = _page(world, run_filter, position, 100 if run_filter.is_narrow else limit)
        for run in page:
            looked += 1
            if run_filter.matches_run(run):
                matching.append(run)
            if len(matching) == limit and (run is not page[-1] or following):
                return RunPage(
                    runs=matching, position=world.runs.list_position(run), rows_read=looked
                )
        position = following
        if position is None or looked >= MAX_ROWS:
            return RunPage(runs=matching, position=position, rows_read=looked)


@dataclass(frozen=True, kw_only=True)
class BlueprintOverview:
    """A blueprint with its triggers and its newest runs."""

    blueprint: Blueprint
    triggers: list[Trigger]
    recent: list[Run]

    @property
    def success_percent(self) -> int | None:
        """The percentage of the newest completed or failed runs that completed, or None."""
        ended = [run for run in self.recent if run.is_final and run.state != "cancelled"]
        good = [run for run in ended if run.state == "completed"]
        return round(100 * len(good) / len(ended)) if ended else None

    @property
    def mean_cost(self) -> float | None:
        costs = [run.cost_usd for run in self.recent if run.cost_usd is not None]
        return sum(costs) if costs else None


def list_blueprints(
    world: World, before: Cursor | None, limit: int, text: str = ""
) -> Page[BlueprintOverview]:
    """Return blueprints of both kinds, newest first, each with its triggers and newest runs.

    With `text`, only those are returned whose name, repo or id contains it, out of at most a
    thousand that are read; the page may exceed `limit` slightly.
    """
    blueprints, position = _list_blueprints(world, before, limit)
    matching, looked = (
        [candidate for candidate in blueprints if _has_name(candidate, text)],
        len(blueprints),
    )
    while position and len(matching) < limit and looked < MAX_ROWS:
        blueprints, position = _list_blueprints(world, position, limit)
        matching += [candidate for candidate in blueprints if _has_name(candidate, text)]
        looked += len(blueprints)
    return Page(read_overviews(world, matching), position)


def _has_name(candidate: Blueprint, text: str) -> bool:
    return text.lower() in f"{candidate.name} {candidate.repo_url or ''} {candidate.id}".lower()


def _list_blueprints(world: World, before: Cursor | None, limit: int) -> Page[Blueprint]:
    kinds = [kind_value.value for kind_value in BLUEPRINT_KINDS]
    kind, position = _split_cursor(before, kinds)
    if kind not in kinds:
        return Page([], None)
    blueprints, following = world.blueprints.list_newest(kind, position, limit)
    rest = kinds[kinds.index(kind) + 1 :]
    if following or not rest:
        return Page(blueprints, _join_cursor(kind, following))
    more, following = world.blueprints.list_newest(rest[0], None, max(1, limit - len(blueprints)))
    return Page([*blueprints, *more], _join_cursor(rest[0], following))


def _split_cursor(before: Cursor | None, kinds: Sequence[str]) -> tuple[str, Cursor | None]:
    """Return the kind and the position in its list at which a list of several kinds continues."""
    kind, _, position = (before or kinds[0]).partition("|")
    return kind, Cursor(position) if position else None


def _join_cursor(kind: str, following: Cursor | None) -> Cursor | None:
    """Return the cursor of a position in the list of a kind; None at its end."""
    return Cursor(f"{kind}|{following}") if following else None


def read_overviews(
    world: World, blueprints: Sequence[Blueprint], recent: int = 10
) -> list[BlueprintOverview]:
    """Return blueprints with their triggers and `recent` newest runs, each read in one batch."""
    triggers = world.triggers.list_of_blueprints(blueprints)
    runs = world.runs.list_latest([owner.id for owner in blueprints], recent)
    return [
        BlueprintOverview(blueprint=owner, triggers=triggers[owner.id], recent=runs[owner.id])
        for owner in blueprints
    ]


def get_task(world: World, task_id: str) -> Blueprint | Run:
    """Return the blueprint or the run with this id; raise `NotFound` if there is neither."""
    try:
        return world.blueprints.get(BlueprintId(task_id))
    except NotFound:
        return world.runs.get(RunId(task_id))


def get_blueprint(world: World, blueprint_id: BlueprintId) -> Blueprint:
    """Return a blueprint; raise `NotFound` if there is none."""
    return world.blueprints.get(blueprint_id)


def get_run(world: World, run_id: RunId) -> Run:
    """Return a run; raise `NotFound` if there is none."""
    return world.runs.get(run_id)


def get_brief(world: World, run: Run) -> Brief:
    """Return the prompt and params of a run; empty ones after the ledger's retention."""
    return world.firings.get_brief(run.firing_id) or Brief()


def list_triggers(world: World, owner: Blueprint) -> list[Trigger]:
    """Return the triggers of a blueprint."""
    return world.triggers.list_of_blueprint(owner)


def list_runs_of_blueprint(
    world: World, blueprint_id: BlueprintId, before: Cursor | None, limit: int
) -> Page[Run]:
    """Return a page of the runs of a blueprint, newest first."""
    return world.runs.list_of_blueprint(blueprint_id, before, limit)


def list_runs_of_repo(
    world: World, url: str, state: str, before: Cursor | None, limit: int
) -> Page[Run]:
    """Return a page of the runs of a repo; of those, only the ones in `state` if it is given."""
    runs, position = world.runs.list_of_repo(normal_url(url), before, limit)
    return Page([run for run in runs if not state or run.state == state], position)


def list_tasks(
    world: World, kind: str, state: str, before: Cursor | None, limit: int
) -> Page[Blueprint | Run]:
    """Return a page of the tasks of one kind, or of runs in one state; `all` lists every kind."""
    if kind == ALL_KINDS:
        return _list_all(world, state, before, limit)
    if kind in BLUEPRINT_KINDS:
        return world.blueprints.list_newest(kind, before, limit)
    if state:
        return world.runs.list_in_state((kind,), State(state), before, limit)
    return world.runs.list_newest((kind,), before, limit)


def _list_all(world: World, state: str, before: Cursor | None, limit: int) -> Page[Blueprint | Run]:
    """Return a page of one kind after another; the position names the kind."""
    kinds: list[str] = [*RUN_KINDS] if state else [*BLUEPRINT_KINDS, *RUN_KINDS]
    kind, position = _split_cursor(before, kinds)
    if kind not in kinds:
        raise Invalid("is not a cursor of this list: use the nextCursor of a response", "cursor")
    tasks, following = list_tasks(world, kind, state, position, limit)
    rest = kinds[kinds.index(kind) + 1 :]
    return Page(tasks, _join_cursor(kind, following) or (Cursor(rest[0]) if rest else None))
