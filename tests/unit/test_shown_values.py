"""The values of pages that are decided before a template shows them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.runs.state import State
from chalicelib.web.http.urls import PageUrls
from chalicelib.web.pages.contexts.layout import Permissions, draw_layout
from chalicelib.web.pages.contexts.marks import mark_health
from chalicelib.web.pages.contexts.notices import find_notice
from chalicelib.web.pages.contexts.phases import list_phase_steps
from chalicelib.web.pages.contexts.run import RunActions, draw_run_facts
from chalicelib.web.pages.contexts.runs import draw_run_row
from tests.support.sample_run import RUN

VIEWER = Permissions(read=True, run=False, write=False, admin=False)
NO_ACTIONS = RunActions(cancel=False, retry=False, resume=False)


@pytest.mark.parametrize(
    "name, text, tone",
    [
        ("saved", "Saved.", "good"),
        ("retried-3-0", "3 retried.", "good"),
        ("cancelled-1-2", "1 cancelled; 2 could not be cancelled in their current state.", "warn"),
    ],
)
def test_a_notice_counts_what_was_done(name: str, text: str, tone: str):
    notice = find_notice(name)
    assert notice is not None
    assert (notice.text, notice.tone) == (text, tone)


@pytest.mark.parametrize("name", ["", "unknown", "retried-3", "deleted-3-0", "retried-x-0"])
def test_a_name_that_no_page_wrote_has_no_notice(name: str):
    assert find_notice(name) is None


@pytest.mark.parametrize(
    "path, current",
    [
        ("/tasks", "Tasks"),
        ("/tasks/some-run", "Tasks"),
        ("/tasks/scheduled/some-id", "Scheduled"),
        ("/tasks/new", None),
        ("/repos", "Repos"),
        ("/settings/webhooks", None),
    ],
)
def test_the_menu_marks_the_page_that_is_open(path: str, current: str | None):
    layout = draw_layout(path, PageUrls.of_path(path), VIEWER, has_session=True)
    marked = [link.label for link in layout.menu if link.is_current]
    assert marked == ([current] if current else [])


def test_the_menu_has_only_what_the_reader_may_see():
    labels = {
        admin: [
            link.label
            for link in draw_layout(
                "/tasks", PageUrls.of_path("/tasks"), replace(VIEWER, admin=admin), has_session=True
            ).menu
        ]
        for admin in (False, True)
    }
    assert labels[True][-2:] == ["Activity", "Settings"]
    assert labels[False] == labels[True][:-2]


@pytest.mark.parametrize(
    "enabled, reason, failures, word",
    [
        (True, None, 0, "Healthy"),
        (True, None, 2, "Failing"),
        (False, None, 2, "Paused"),
        (False, "401", 2, "Disabled"),
    ],
)
def test_health_shows_the_worst_first(enabled: bool, reason: str | None, failures: int, word: str):
    assert mark_health(enabled=enabled, disabled_reason=reason, failures=failures).word == word


def test_an_error_takes_the_place_of_what_a_run_waits_for():
    waiting = replace(RUN, state=State.QUEUED, waiting_for="a free slot")
    assert draw_run_row(waiting, is_stalled=False).waiting_for == "a free slot"

    failed_before = draw_run_row(replace(waiting, error_message="lost"), is_stalled=False)
    assert (failed_before.error_message, failed_before.waiting_for) == ("lost", "")

    ended = replace(waiting, state=State.COMPLETED, error_message="lost")
    assert draw_run_row(ended, is_stalled=False).error_message == ""


def test_a_running_run_counts_on_from_its_start():
    begun = RUN.created_at + timedelta(seconds=5)
    running = replace(
        RUN, state=State.RUNNING, started_at=begun, updated_at=begun + timedelta(seconds=9)
    )
    facts = draw_run_facts(running, [], NO_ACTIONS, is_stalled=True)
    assert facts.running_since == begun.isoformat()
    assert (facts.waited, facts.duration) == (timedelta(seconds=5), timedelta(seconds=9))
    assert (facts.mark.word, facts.mark.tone) == ("Stalled", "warn")


def test_no_phase_of_a_waiting_run_has_begun():
    steps = list_phase_steps(replace(RUN, state=State.QUEUED))
    assert {step.word for step in steps} == {"not started"}
    done = list_phase_steps(replace(RUN, state=State.COMPLETED))
    assert {step.mark for step in done} == {"done"}
