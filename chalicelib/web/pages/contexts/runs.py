"""The variables of the list of runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import State
from chalicelib.web.http.cursors import encode_cursor
from chalicelib.web.http.urls import PageUrls
from chalicelib.web.pages.contexts.base import PageContext
from chalicelib.web.pages.contexts.labels import agent_label
from chalicelib.web.pages.contexts.marks import StateMark, mark_state
from chalicelib.web.pages.contexts.notices import Notice
from chalicelib.web.pages.filters import repo_name, state_label, web_link
from chalicelib.web.queries.tasks import RunPage

LINK_QUERY = ("state", "q", "repo", "definition")
"""The filters that a link to the list keeps, in the order of its query."""
STATES_WITH_ERROR = (State.FAILED, State.QUEUED, State.NEEDS_ATTENTION)
"""States in which the list shows the error of a run."""


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """One run in the list."""

    id: str
    title: str
    mark: StateMark
    repo_url: str | None
    blueprint_id: str | None
    blueprint_name: str
    error_message: str
    waiting_for: str
    agent: str
    pr_url: str
    pr_label: str
    pr_checks: str
    branch: str | None
    cost_usd: float | None
    duration: timedelta | None
    created_at: datetime


def draw_run_row(run: Run, *, is_stalled: bool) -> RunRow:
    """Return the row of a run; its error takes the place of what it waits for."""
    error = run.error_message if run.state in STATES_WITH_ERROR else None
    waits = run.state is State.QUEUED and not error
    return RunRow(
        id=run.id,
        title=run.title,
        mark=mark_state(run.state, is_stalled=is_stalled),
        repo_url=run.repo_url,
        blueprint_id=run.blueprint_id,
        blueprint_name=run.blueprint_name or "blueprint",
        error_message=error or "",
        waiting_for=(run.waiting_for or "") if waits else "",
        agent=agent_label(run.agent_type),
        pr_url=web_link(run.pr_url),
        pr_label=f"#{run.pr_number or 'PR'}",
        pr_checks=run.pr_checks_status or "",
        branch=run.branch,
        cost_usd=run.cost_usd,
        duration=time_spent(run),
        created_at=run.created_at,
    )


def time_spent(run: Run) -> timedelta | None:
    """Return how long a run has worked so far, None before its start."""
    return (run.completed_at or run.updated_at) - run.started_at if run.started_at else None


@dataclass(frozen=True, kw_only=True)
class RunListing:
    """The rows of the list, and its links to itself and to older runs.

    `empty_list` is the reason why there is no row: `new` if no run exists, `filter` if none
    matches, and `search` if none of the newest runs matches.
    """

    rows: list[RunRow]
    rows_read: int
    count_text: str
    empty_list: str
    poll_query: str
    older_url: str
    older_label: str


def draw_run_listing(
    rows: Iterable[RunRow], page: RunPage, filters: Mapping[str, str], before: str, urls: PageUrls
) -> RunListing:
    """Return the list; `filters` and `before` are those of its own query."""
    chosen = {name: text for name, text in filters.items() if text}
    own_query = chosen | ({"before": before} if before else {})
    older_url = urls.link_to("tasks", **chosen, before=encode_cursor(page.position))
    shown, is_search = len(page.runs), page.rows_read > len(page.runs)
    return RunListing(
        rows=list(rows),
        rows_read=page.rows_read,
        count_text=f"{shown} matches among the newest {page.rows_read:,}."
        if is_search
        else f"{shown} shown.",
        empty_list="new" if not own_query else "search" if page.rows_read else "filter",
        poll_query=f"&{urlencode(own_query)}" if own_query else "",
        older_url=older_url if page.position else "",
        older_label="Search older tasks" if is_search else "Older",
    )


@dataclass(frozen=True, kw_only=True)
class RunListPart(PageContext):
    """The variables of the live part of the list."""

    template = "_runs.html"

    listing: RunListing


@dataclass(frozen=True, kw_only=True)
class FilterLink:
    """A link that sets or removes a filter of the list."""

    url: str
    label: str
    is_current: bool = False


@dataclass(frozen=True, kw_only=True)
class RunListPage(PageContext):
    """The variables of the list of runs."""

    template = "runs.html"

    listing: RunListing
    filters: Mapping[str, str]
    tabs: list[FilterLink]
    repo_filter: FilterLink | None
    blueprint_filter: FilterLink | None
    notice: Notice | None


def draw_run_page(
    listing: RunListing, filters: Mapping[str, str], urls: PageUrls, notice: Notice | None
) -> RunListPage:
    """Return the variables of the page around the list."""

    def link_with(name: str, text: str) -> str:
        query = {**filters, name: text}
        return urls.link_to("tasks", **{name: query[name] for name in LINK_QUERY})

    repo = filters["repo"]
    tabs = [FilterLink(url=link_with("state", ""), label="All", is_current=not filters["state"])]
    tabs += [
        FilterLink(
            url=link_with("state", state.value),
            label=state_label(state),
            is_current=filters["state"] == state.value,
        )
        for state in State
    ]
    return RunListPage(
        listing=listing,
        filters=filters,
        tabs=tabs,
        repo_filter=FilterLink(url=link_with("repo", ""), label=repo_name(repo) or repo)
        if repo
        else None,
        blueprint_filter=FilterLink(url=link_with("definition", ""), label="one blueprint")
        if filters["definition"]
        else None,
        notice=notice,
    )
