"""A newcomer with a browser: a schedule, its run live, a pause, a run by hand, and why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.dev.demo import example
from tests.browser.conftest import accessible
from tests.e2e.conftest import System

pytestmark = pytest.mark.slow

SCRIPT = 'cat "$OPTIO_PROMPT_FILE"; for i in 1 2 3; do echo "line $i"; sleep 1; done; echo x >> new'


def test_a_newcomer_gets_from_nothing_to_a_run_and_its_reasons(
    page: Any, system: System, tmp_path: Path
):
    page.goto("/welcome")
    accessible(page)
    page.get_by_role("link", name="New task").first.click()
    page.get_by_label("Name", exact=True).fill("Greet the world")
    page.get_by_label("Repo", exact=True).fill(example(tmp_path))
    page.get_by_label("Prompt", exact=True).fill("Say {{greeting}} and {{more}}")
    page.get_by_label("Params", exact=True).fill('{"greeting": "hello"}')
    page.locator("[data-preview] mark", has_text="more").wait_for()
    page.get_by_label("Agent", exact=True).select_option("command")
    page.get_by_label("Script", exact=True).fill(SCRIPT)
    page.get_by_label("Cron expression").fill("99 * * * *")
    page.get_by_text("'99' is not a minute").wait_for()
    page.get_by_label("Cron expression").fill("* * * * *")
    page.get_by_text("Every minute", exact=True).wait_for()
    accessible(page)
    page.get_by_role("button", name="Create Schedule").click()
    page.get_by_role("heading", name="Greet the world").wait_for()
    accessible(page)
    blueprint = page.url

    page.locator(".ledger a").first.wait_for(timeout=90_000)
    page.locator(".ledger a").first.click()
    page.locator(".log .text", has_text="line 3").wait_for(timeout=60_000)
    page.locator(".lead .state", has_text="Completed").wait_for(timeout=60_000)
    accessible(page)

    page.goto(blueprint)
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_text("Paused. No trigger fires until you resume").first.wait_for()
    page.get_by_role("button", name="Resume", exact=True).click()
    page.get_by_label("Params", exact=True).first.fill('{"greeting": "moin"}')
    page.get_by_role("button", name="Run now").click()
    page.get_by_text("Say moin and").first.wait_for()

    for path in ("/tasks", "/tasks/scheduled", "/templates", "/repos", "/secrets"):
        page.goto(path)
        accessible(page)
    task = blueprint.split("?")[0].rsplit("/", 1)[1]
    system.ok("PATCH", f"/api/tasks/{task}", {"enabled": False})
