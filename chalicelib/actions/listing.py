"""Lists for people. Each page is read by queries on indexes, never by a scan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chalicelib.domain.blueprint import DEFINITION_KINDS, RUN_KINDS, Blueprint
from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing import Firing
from chalicelib.domain.run import Run, State
from chalicelib.domain.trigger import Trigger
from chalicelib.ports import World

MOST_ROWS = 1000
"""The maximum number of rows that one request reads to find matching ones."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One page of runs, the position of the next page, and the number of rows that were read."""

    runs: list[Run]
    position: str | None
    looked: int


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A filter of runs: the most selective criterion is queried, the others filter its rows."""

    definition_id: str | None = None
    repo_url: str | None = None
    state: State | None = None
    text: str = ""

    @property
    def narrow(self) -> bool:
        """Return whether no single query answers the filter."""
        parts = (self.definition_id, self.repo_url, self.state)
        return bool(self.text) or sum(part is not None for part in parts) > 1

    def wants(self, run: Run) -> bool:
        """Return whether a run matches the filter."""
        told = f"{run.title} {run.repo_url or ''} {run.definition_name or ''} {run.id}".lower()
        return (
            (self.state is None or run.state is self.state)
            and (self.repo_url is None or run.repo_url == self.repo_url)
            and self.text.lower() in told
        )


def _page(
    world: World, asked: Asked, before: str | None, limit: int
) -> tuple[list[Run], str | None]:
    if asked.definition_id:
        return world.runs.of_definition(asked.definition_id, before, limit)
    if asked.repo_url:
        return world.runs.of_repo(asked.repo_url, before, limit)
    if asked.state:
        return world.runs.in_state(RUN_KINDS, asked.state, before, limit)
    return world.runs.newest(RUN_KINDS, before, limit)


def runs(
    world: World, asked: Asked = Asked(), *, before: str | None = None, limit: int = 50
) -> Listed:
    """Return a page of matching runs, newest first, after reading at most a thousand rows."""
    kept: list[Run] = []
    position, looked = before, 0
    while True:
        page, following = _page(world, asked, position, 100 if asked.narrow else limit)
        for run in page:
            looked += 1
            if asked.wants(run):
                kept.append(run)
            if len(kept) == limit and (run is not page[-1] or following):
                return Listed(runs=kept, position=world.runs.position(run), looked=looked)
        position = following
        if position is None or looked >= MOST_ROWS:
            return Listed(runs=kept, position=position, looked=looked)


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A blueprint with its triggers and its newest runs."""

    definition: Blueprint
    triggers: list[Trigger]
    recent: list[Run]

    @property
    def success(self) -> int | None:
        """The percentage of the newest completed or failed runs that completed, or None."""
        ended = [run for run in self.recent if run.final and run.state != "cancelled"]
        good = [run for run in ended if run.state == "completed"]
        return round(100 * len(good) / len(ended)) if ended else None

    @property
    def cost(self) -> float | None:
        known = [run.cost_usd for run in self.recent if run.cost_usd is not None]
        return sum(known) if known else None


Page = tuple[list[Blueprint], str | None]


def definitions(
    world: World, before: str | None, limit: int, text: str = ""
) -> tuple[list[Watched], str | None]:
    """Return blueprints of both kinds, newest first, each with its triggers and newest runs.

    With `text`, only those are returned whose name, repo or id contains it, out of at most a
    thousand that are read; the page may exceed `limit` slightly.
    """
    found, position = _definitions(world, before, limit)
    kept, looked = [one for one in found if _called(one, text)], len(found)
    while position and len(kept) < limit and looked < MOST_ROWS:
        found, position = _definitions(world, position, limit)
        kept += [one for one in found if _called(one, text)]
        looked += len(found)
    return watched(world, kept), position


def _called(one: Blueprint, text: str) -> bool:
    return text.lower() in f"{one.name} {one.repo_url or ''} {one.id}".lower()


def _definitions(world: World, before: str | None, limit: int) -> Page:
    kind, _, position = (before or DEFINITION_KINDS[0].value).partition("|")
    kinds = [one.value for one in DEFINITION_KINDS]
    if kind not in kinds:
        return [], None
    found, following = world.blueprints.newest(kind, position or None, limit)
    cursor = f"{kind}|{following}" if following else None
    rest = kinds[kinds.index(kind) + 1 :]
    if not following and rest:
        more, after = world.blueprints.newest(rest[0], None, max(1, limit - len(found)))
        found, cursor = [*found, *more], f"{rest[0]}|{after}" if after else None
    return found, cursor


def watched(world: World, found: Sequence[Blueprint], recent: int = 10) -> list[Watched]:
    """Return blueprints with their triggers and `recent` newest runs, each read in one batch."""
    triggers = world.triggers.of_all(found)
    runs = world.runs.latest([one.id for one in found], recent)
    return [
        Watched(definition=one, triggers=triggers[one.id], recent=runs[one.id]) for one in found
    ]


def find_run_states(world: World, firings: Iterable[Firing]) -> dict[str, State]:
    """Return the state of each run that these firings created, by its id, in one read."""
    run_ids = list(dict.fromkeys(firing.run_id for firing in firings if firing.run_id))
    return {run.id: run.state for run in world.runs.several(run_ids)} if run_ids else {}


def thing(world: World, task_id: str) -> Blueprint | Run:
    """Return the blueprint or the run with this id; raise `NotFound` if there is neither."""
    try:
        return world.blueprints.get(task_id)
    except NotFound:
        return world.runs.get(task_id)
