"""The variables of the list of blueprints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from chalicelib.domain.page import Cursor
from chalicelib.domain.runs.run import Run
from chalicelib.web.http.cursors import encode_cursor
from chalicelib.web.http.urls import PageUrls
from chalicelib.web.pages.contexts.base import PageContext
from chalicelib.web.pages.contexts.labels import agent_label, repo_label
from chalicelib.web.pages.contexts.marks import StateMark, mark_state
from chalicelib.web.pages.contexts.notices import Notice
from chalicelib.web.pages.contexts.triggers import TriggerLine, draw_trigger_line
from chalicelib.web.queries.tasks import BlueprintOverview


@dataclass(frozen=True, kw_only=True)
class RunTick:
    """A run among the marks of the newest runs."""

    id: str
    title: str
    mark: StateMark


def draw_ticks(runs: Iterable[Run]) -> list[RunTick]:
    """Return the marks of runs, oldest first; `runs` begin with the newest."""
    ticks = [RunTick(id=run.id, title=run.title, mark=mark_state(run.state)) for run in runs]
    return ticks[::-1]


@dataclass(frozen=True, kw_only=True)
class BlueprintCard:
    """A blueprint in the list."""

    id: str
    name: str
    enabled: bool
    switch_button: str
    switch_label: str
    repo: str
    agent: str
    pause_note: str
    triggers: list[TriggerLine]
    ticks: list[RunTick]
    last_run_at: datetime | None
    success_percent: int | None
    mean_cost: float | None


def draw_blueprint_card(overview: BlueprintOverview) -> BlueprintCard:
    """Return the card of a blueprint."""
    blueprint = overview.blueprint
    reason = f": {blueprint.paused_reason}" if blueprint.paused_reason else ""
    return BlueprintCard(
        id=blueprint.id,
        name=blueprint.name,
        enabled=blueprint.enabled,
        switch_button="pause" if blueprint.enabled else "resume",
        switch_label="Pause" if blueprint.enabled else "Resume",
        repo=repo_label(blueprint.repo_url),
        agent=agent_label(blueprint.agent_type),
        pause_note="" if blueprint.enabled else reason,
        triggers=[
            draw_trigger_line(trigger, is_paused=not blueprint.enabled)
            for trigger in overview.triggers
        ],
        ticks=draw_ticks(overview.recent),
        last_run_at=overview.recent[0].created_at if overview.recent else None,
        success_percent=overview.success_percent,
        mean_cost=overview.mean_cost,
    )


@dataclass(frozen=True, kw_only=True)
class BlueprintListing:
    """The blueprints of the list, and its links to itself and to older blueprints."""

    cards: list[BlueprintCard]
    search: str
    poll_query: str
    older_url: str
    empty_text: str


def draw_blueprint_listing(
    overviews: Iterable[BlueprintOverview],
    position: Cursor | None,
    search: str,
    before: str,
    urls: PageUrls,
) -> BlueprintListing:
    """Return the list; `search` and `before` are those of its own query."""
    own_query = {name: text for name, text in (("before", before), ("q", search)) if text}
    where = "None of the newest blueprints" if position else "No blueprint"
    older = urls.link_to("tasks", "scheduled", before=encode_cursor(position), q=search)
    return BlueprintListing(
        cards=[draw_blueprint_card(overview) for overview in overviews],
        search=search,
        poll_query=f"&{urlencode(own_query)}" if own_query else "",
        older_url=older if position else "",
        empty_text=f"{where} has “{search}” in its name, repo or id.",
    )


@dataclass(frozen=True, kw_only=True)
class BlueprintListPart(PageContext):
    """The variables of the live part of the list."""

    template = "_definitions.html"

    listing: BlueprintListing


@dataclass(frozen=True, kw_only=True)
class BlueprintListPage(PageContext):
    """The variables of the list of blueprints."""

    template = "definitions.html"

    listing: BlueprintListing
    notice: Notice | None
