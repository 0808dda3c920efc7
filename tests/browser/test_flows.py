"""Flows of people on the pages, in a real browser."""

from __future__ import annotations

import re
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import SIZES, accessible, signed_in
from tests.e2e.conftest import System, until

pytestmark = pytest.mark.slow
TALKS = "for i in $(seq 1 3000); do echo said $i; done"


def saved(page: Any, name: str, **fields: str) -> str:
    """Save a task without a repo by the form of new tasks; return the address of its page."""
    page.goto("/tasks/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Prompt", exact=True).fill(fields.get("prompt", "Say {{what}}"))
    page.get_by_label("Agent", exact=True).select_option("command")
    page.get_by_label("Script", exact=True).fill(fields.get("script", "cat"))
    page.locator("aside .seg").get_by_label(fields.get("trigger", "Manual"), exact=True).check()
    if "cron" in fields:
        page.get_by_label("Cron expression").fill(fields["cron"])
    if "path" in fields:
        page.get_by_label("Path", exact=True).fill(fields["path"])
    page.locator("[data-save]").click()
    page.get_by_role("heading", name=name).wait_for()
    return str(page.url.split("?")[0])


def made(system: System, **more: Any) -> str:
    body = {
        "type": "standalone",
        "name": "Made by the API",
        "prompt": "p",
        "agentType": "command",
        "agentCommand": "true",
        **more,
    }
    return str(system.ok("POST", "/api/tasks", body)["task"]["id"])


def ran(system: System, task: str, state: str) -> str:
    run = str(system.ok("POST", f"/api/tasks/{task}/runs", {})["runId"])
    ended = lambda: system.ok("GET", f"/api/tasks/{run}")["task"]["state"] == state  # noqa: E731
    until(ended, 90, system.story)
    return run


def test_a_pause_is_explained_and_a_run_by_hand_takes_params(page: Any):
    where = saved(page, "Explained", trigger="Schedule", cron="* * * * *")
    page.locator(".ledger a").first.wait_for(timeout=90_000)
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_text("Paused. No trigger fires until you resume").first.wait_for()
    time.sleep(61 - datetime.now().second)  # noqa: DTZ005 - seconds are the same everywhere
    page.get_by_role("button", name="Resume", exact=True).first.click()
    page.locator(".ledger", has_text="was paused").wait_for()
    page.locator("details.sure summary", has_text="Delete").first.wait_for()
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_role("button", name="Resume", exact=True).first.click()
    page.get_by_label("Params", exact=True).first.fill('{"what": "moin"}')
    page.get_by_role("button", name="Run now").click()
    page.locator(".log .text", has_text="Say moin").wait_for(timeout=60_000)
    page.goto(where)
    page.get_by_role("button", name="Pause", exact=True).click()


def test_a_log_is_followed_past_a_line_of_any_length_until_somebody_scrolls_up(
    page: Any, system: System
):
    steps = "for i in $(seq 30); do echo; echo -n step $i; sleep 0.3; done"
    script = f"printf 'x%.0s' $(seq 10000); {steps}"
    task = made(system, agentCommand=script)
    run = system.ok("POST", f"/api/tasks/{task}/runs", {})["runId"]
    page.goto(f"/tasks/{run}")
    page.locator("#log .text", has_text="step 30").wait_for()
    page.wait_for_function("log.scrollHeight - log.scrollTop - log.clientHeight < 60")
    assert page.locator("[data-log-follow]").is_checked()
    page.locator("#history", has_text="Completed").wait_for()
    page.evaluate("log.scrollTop = 0")
    page.wait_for_function("!document.querySelector('[data-log-follow]').checked")


def test_a_webhook_shows_its_secret_once_and_its_curl_line_works(page: Any):
    page.goto("/tasks/new")
    secret = page.get_by_label("Secret", exact=True).input_value()
    assert len(secret) > 24
    path = f"flow-{time.time_ns()}"
    page.evaluate("() => 0")
    where = saved(page, "Hooked", trigger="Webhook", path=path)
    typed = page.evaluate("() => document.body.innerText")
    assert "whk_" not in typed
    page.get_by_text("Try it with curl").click()
    command = page.locator("details[open] pre").inner_text()
    assert page.url.split("/tasks")[0] in command
    refused = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert "error" in refused.stdout
    page.goto(where)
    page.get_by_role("link", name="Edit webhook trigger").click()
    page.get_by_label("Secret", exact=True).fill("a-secret-of-24-characters")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Try it with curl").click()
    command = page.locator("details[open] pre").inner_text()
    command = command.replace("the secret you saved", "a-secret-of-24-characters")
    taken = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert "firingId" in taken.stdout
    page.locator(".ledger a", has_text="webhook").wait_for(timeout=20_000)
    page.get_by_role("button", name="Redeliver").first.click()
    page.get_by_role("heading", name="Hooked").wait_for()
    page.goto(where)
    page.locator(".ledger", has_text="redelivered").wait_for()


def test_a_task_gets_a_ticket_trigger_is_edited_and_deleted(page: Any):
    saved(page, "To edit")
    page.get_by_text("Add a ticket trigger").click()
    page.get_by_label("Labels").last.fill("agent, bug")
    page.get_by_role("button", name="Add the trigger").click()
    page.get_by_text("GitHub ticket labelled agent or bug").wait_for()
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Name", exact=True).fill("Edited")
    page.get_by_text("Limits, secrets").click()
    page.get_by_label("Time limit (minutes)").fill("601")
    page.locator("main form").evaluate("form => { form.noValidate = true; }")
    page.get_by_role("button", name="Save").click()
    page.locator("#h-timeoutMinutes.bad").wait_for()
    assert page.get_by_label("Name", exact=True).input_value() == "Edited"
    page.get_by_label("Time limit (minutes)").fill("30")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="Edited").wait_for()
    page.locator(".head details.sure summary").click()
    page.get_by_role("button", name="Delete blueprint").first.click()
    page.get_by_text("Deleted.").wait_for()


def test_runs_are_retried_and_cancelled_many_at_once_and_one_by_one(page: Any, system: System):
    failing = made(system, name="Fails", agentCommand="exit 3", maxRetries=0)
    for _ in range(2):
        ran(system, failing, "failed")
    page.goto(f"/tasks?definition={failing}&state=failed")
    page.get_by_role("checkbox").first.wait_for()
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Retry", exact=True).click()
    page.get_by_text("2 retried.").wait_for()
    endless = made(system, name="Endless", agentCommand="echo begun; sleep 600")
    run = ran(system, endless, "running")
    page.goto(f"/tasks/{run}")
    page.locator(".log .text", has_text="begun").wait_for(timeout=30_000)
    page.locator(".side-actions details.sure summary").click()
    page.get_by_role("button", name="Cancel run").click()
    page.locator(".lead .state", has_text="Cancelled").wait_for()
    page.get_by_role("button", name="Retry", exact=True).click()
    page.get_by_text("Queued again.").wait_for()
    page.goto(f"/tasks?definition={endless}")
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_text("1 cancelled.").wait_for()


def test_a_long_log_is_followed_searched_paused_downloaded_and_pointed_into(
    page: Any, system: System
):
    run = ran(system, made(system, name="Talks", agentCommand=TALKS), "completed")
    page.goto(f"/tasks/{run}")
    page.locator(".log .text", has_text="said 3000").wait_for()
    log, rows = page.locator("#log"), page.locator("#log .line")
    for _ in range(30):
        log.evaluate("log => { log.scrollTop = 0; }")
        if page.locator("#log .text", has_text=re.compile(r"^said 1$")).count():
            break
        page.wait_for_timeout(300)
    assert page.locator("#log .text", has_text=re.compile(r"^said 1$")).count() == 1
    assert rows.count() <= 2000
    assert not page.get_by_label("Follow").is_checked()
    page.get_by_role("button", name="Go to end").click()
    page.locator("#log .text", has_text="said 3000").wait_for()
    page.get_by_label("Search the whole log").fill("said 150")
    page.get_by_text("11 found").wait_for()
    page.locator("#log-hits .line a").first.click()
    page.locator("#log .line.here", has_text="said 150").wait_for()
    pointed = page.url
    assert "?at=1." in pointed
    page.goto("/tasks")
    page.goto(pointed)
    page.locator("#log .line.here", has_text="said 150").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    text = Path(download.value.path()).read_text()
    assert text.index("said 1\n") < text.index("said 2999\n")


def test_a_keyboard_is_enough(page: Any):
    page.goto("/tasks/scheduled")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "main"
    page.goto("/tasks/new")
    page.get_by_label("Name", exact=True).focus()
    page.keyboard.type("By keys")
    _tab_to(page, "prompt")
    page.keyboard.type("Do it")
    _tab_to(page, "trigger")
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.get_by_label("Manual").focus()
    page.keyboard.press("Space")
    _tab_to(page, None)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="By keys").wait_for()
    page.locator(".head details.sure summary").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Delete blueprint").first.wait_for()
    page.keyboard.press("Escape")
    assert not page.get_by_role("button", name="Delete blueprint").first.is_visible()


def _tab_to(page: Any, name: str | None) -> None:
    """Press Tab until the field of this name, or the button that saves, has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        here = page.evaluate(
            "() => [document.activeElement.name, 'save' in document.activeElement.dataset]"
        )
        if here[0] == name or (name is None and here[1]):
            return
    raise AssertionError(f"no Tab leads to {name}")


def test_without_javascript_the_forms_and_the_log_still_work(chromium: Any, system: System):
    run = ran(system, made(system, name="Talks too", agentCommand=TALKS), "completed")
    with signed_in(chromium, system, java_script_enabled=False) as page:
        page.goto("/tasks/new")
        page.get_by_label("Name", exact=True).fill("Plain")
        page.get_by_label("Prompt", exact=True).fill("Do it")
        page.get_by_label("Cron expression").fill("0 3 * * *")
        page.locator("[data-save]").click()
        page.get_by_role("heading", name="Plain").wait_for()
        page.get_by_text("At 03:00").first.wait_for()
        page.get_by_role("button", name="Pause", exact=True).first.click()
        page.get_by_text("Paused. No trigger fires until you resume").first.wait_for()
        page.goto(f"/tasks/{run}")
        page.get_by_text("said 3000", exact=True).wait_for()
        page.get_by_role("link", name="Earlier lines").click()
        page.get_by_text("said 2700", exact=True).wait_for()
        page.locator(".log .line a").first.click()
        assert "?at=1." in page.url


def test_times_are_the_readers_with_utc_on_hover(chromium: Any, system: System):
    made(system, name="In a zone")
    zone = {"timezone_id": "Asia/Kolkata", "locale": "en-GB"}
    ran(system, made(system, name="Timed"), "completed")
    with signed_in(chromium, system, **zone) as page:
        page.goto("/tasks")
        at = page.locator("tbody time").first
        at.wait_for()
        utc = datetime.fromisoformat(at.get_attribute("datetime"))
        told = at.get_attribute("title")
        local = page.evaluate(
            "text => new Date(text).toLocaleString()", at.get_attribute("datetime")
        )
        assert told == f"{local} · {utc:%Y-%m-%d %H:%M:%S} UTC"
        assert local.split(", ")[1][:2] != f"{utc:%H}"
        run = page.locator(".row-link").first
        run.click()
        clock = page.locator(".history time").first
        assert clock.inner_text() == page.evaluate(
            "text => new Date(text).toLocaleTimeString(undefined,"
            " {hour: '2-digit', minute: '2-digit', second: '2-digit'})",
            clock.get_attribute("datetime"),
        )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", sorted(SIZES))
def test_axe_finds_nothing_serious_on_any_page(
    chromium: Any, system: System, size: str, scheme: str
):
    hook = {"type": "webhook", "config": {"path": f"axe-{size}-{scheme}"}}
    clock = {"type": "schedule", "config": {"cronExpression": "0 3 1 1 *"}}
    task = made(system, name="Of axe", agentCommand="exit 1", maxRetries=0, triggers=[hook, clock])
    run = ran(system, task, "failed")
    trigger = system.ok("GET", f"/api/tasks/{task}/triggers")["triggers"][0]["id"]
    system.ok("PUT", "/api/secrets/AXE", {"value": "a-value-to-hide"})
    provider = {"source": "github", "config": {"repo": "acme/web"}, "credential": "x"}
    system.send("POST", "/api/tickets/providers", {**provider, "enabled": False})
    told = system.ok("POST", "/api/webhooks", {"url": "https://example.com/hook"})["webhook"]["id"]
    blueprint = f"/tasks/scheduled/{task}"
    paths = (
        *("/welcome", "/tasks", "/tasks?state=failed", "/tasks?q=nothing-like-it", "/tasks/new"),
        *("/tasks/scheduled", blueprint, f"{blueprint}/edit", f"{blueprint}/triggers/{trigger}"),
        *(f"/tasks/{run}", "/templates", "/repos", "/secrets", "/tickets", "/activity"),
        *("/settings", "/settings/webhooks", f"/settings/webhooks/{told}", "/tasks/nothing"),
    )
    with signed_in(chromium, system, size, color_scheme=scheme) as page:
        for path in paths:
            page.goto(path)
            accessible(page)
            wider = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
            assert wider <= 0, f"{path} is {wider} pixels wider than the screen"
        page.context.clear_cookies()
        page.goto("/login")
        accessible(page)
    system.ok("DELETE", f"/api/webhooks/{told}")


def test_a_first_page_is_small_and_a_second_one_brings_no_file_again(chromium: Any, system: System):
    with signed_in(chromium, system) as page:
        page.context.clear_cookies()
        sizes: dict[str, int] = {}
        page.on("requestfinished", lambda one: sizes.update({one.url: _size(one)}))
        page.goto("/login")
        page.wait_for_load_state("networkidle")
        page.fill("#key", system.card["token"])
        page.click("button.primary")
        page.wait_for_load_state("networkidle")
        assert sum(sizes.values()) < 60_000, sizes
        sizes.clear()
        page.goto("/tasks/scheduled")
        page.wait_for_load_state("networkidle")
        assert not [url for url, size in sizes.items() if "/static/" in url and size > 0], sizes


def _size(request: Any) -> int:
    sizes: dict[str, int] = request.sizes()
    return sizes["responseBodySize"]


def test_the_pages_hold_behind_the_prefix_of_a_stage(chromium: Any, system: System):
    """At the very address of the API on the emulator: the stage comes before each path."""
    port, api, headers = system.gateway()
    root = f"http://{api}.execute-api.localhost:{port}/api"
    context = chromium.new_context(extra_http_headers=headers)
    page = context.new_page()
    broken: list[str] = []
    page.on("response", lambda one: broken.append(one.url) if one.status >= 400 else None)
    page.goto(f"{root}/login")
    page.fill("#key", system.card["token"])
    page.click("button.primary")
    page.wait_for_url(f"{root}/tasks")
    for name in ("Scheduled", "Templates", "Repos", "Secrets", "Tickets", "Activity", "Settings"):
        page.get_by_role("navigation", name="Main").get_by_role("link", name=name).click()
        page.get_by_role("heading", level=1).wait_for()
        assert page.url.startswith(f"{root}/")
    page.goto(f"{root}/tasks/new")
    page.get_by_label("Cron expression").fill("0 4 * * *")
    page.get_by_text("At 04:00").wait_for()
    page.get_by_label("Name", exact=True).fill("Behind a prefix")
    page.get_by_label("Prompt", exact=True).fill("Do it")
    page.locator("[data-save]").click()
    page.get_by_role("heading", name="Behind a prefix").wait_for()
    assert page.url.startswith(f"{root}/tasks/scheduled/")
    page.wait_for_timeout(5000)
    assert broken == []
    context.close()
