"""Forms with all of their parts open, in a browser: what is picked, previewed, cloned, rotated."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import accessible, signed_in
from tests.e2e.conftest import System

pytestmark = pytest.mark.slow
HOOK = {"type": "webhook", "config": {"path": "rotated", "secret": "the first of the secrets"}}


def opened(page: Any) -> None:
    """Open whatever is folded, and have axe look at all of it."""
    page.evaluate("() => document.querySelectorAll('main details').forEach(one => one.open = true)")
    accessible(page)
    ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids)), sorted(one for one in ids if ids.count(one) > 1)


@pytest.mark.parametrize("size", ["wide", "phone"])
def test_a_zone_is_picked_and_a_task_is_previewed_and_cloned(
    chromium: Any, system: System, size: str
):
    with signed_in(chromium, system, size, timezone_id="Europe/Berlin") as page:
        page.goto("/tasks/new")
        opened(page)
        page.get_by_role("button", name="Use mine: Europe/Berlin").click()
        page.locator("[data-cron-said] th", has_text="Europe/Berlin").wait_for()
        assert not page.get_by_role("button", name="Use mine").is_visible()
        assert page.locator("#zones option[value='Asia/Tokyo']").count() == 1
        page.get_by_label("Name", exact=True).fill("To be previewed")
        page.get_by_label("Prompt", exact=True).fill("Say {{what}} to {{whom}}")
        page.get_by_label("Params", exact=True).fill('{"what": "moin"}')
        page.locator("[data-save]").click()
        page.get_by_role("heading", name="To be previewed").wait_for()
        page.get_by_role("button", name="Preview", exact=True).click()
        page.get_by_text("Say moin to").wait_for()
        page.locator("mark", has_text="whom").wait_for()
        page.get_by_text("it is not paused").wait_for()
        opened(page)
        page.get_by_role("button", name="Clone", exact=True).click()
        page.get_by_role("heading", name="To be previewed (copy)").wait_for()
        page.get_by_text("This is the clone. It is paused").wait_for()


def test_a_second_secret_is_added_while_one_rotates(page: Any, system: System):
    body = {"type": "standalone", "name": "Rotated", "prompt": "p", "triggers": [HOOK]}
    made = system.ok("POST", "/api/tasks", body)
    page.goto(f"/tasks/scheduled/{made['task']['id']}")
    page.get_by_role("link", name="Edit webhook trigger").click()
    opened(page)
    page.get_by_label("Secret", exact=True).fill("the second of the secrets")
    page.get_by_label("Previous secrets").select_option(
        label="still accepted until you change this"
    )
    page.get_by_role("button", name="Save").click()
    page.get_by_text("any of 2 secrets").wait_for()
    page.goto("/repos")
    opened(page)
