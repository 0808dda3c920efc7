"""The pages of the ledger, and the search for a blueprint."""

from __future__ import annotations

from tests.support.browser import Browser, browser, shown, task

__all__ = ["browser"]

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def test_a_firing_shows_what_came_and_why_nothing_fired(browser: Browser):
    stage = browser.stage
    hook = {
        "type": "webhook",
        "config": {"path": "alerts", "filter": "level == 'error'", "events": ["alert.*"]},
        "paramMapping": {"what": "$.title"},
    }
    made = stage.ok("POST", "/api/tasks", task(triggers=[hook]))["task"]["id"]
    delivery = {"level": "info", "title": HOSTILE, "type": "alert.new"}
    told = stage.ok("POST", "/api/hooks/alerts", delivery)
    page = browser.get(f"/tasks/scheduled/{made}").text
    assert f"/tasks/scheduled/{made}/firings/{told['firingId']}" in page
    page = browser.get(f"/tasks/scheduled/{made}/firings/{told['firingId']}").text
    assert "The events or the filter of the trigger did not match." in page
    assert shown("level == 'error'") in page
    assert shown('"level": "info"') in page
    assert HOSTILE not in page
    other = stage.ok("POST", "/api/tasks", task())["task"]["id"]
    assert browser.get(f"/tasks/scheduled/{other}/firings/{told['firingId']}").status == 404
    again = browser.post(f"/tasks/scheduled/{made}", do=f"redeliver:{told['firingId']}")
    assert again.status == 303


def test_a_run_by_hand_has_details_of_its_own(browser: Browser):
    made = browser.stage.ok("POST", "/api/tasks", task())["task"]["id"]
    browser.stage.ok("POST", f"/api/tasks/{made}/runs", {"params": {"what": "requests"}})
    (firing,) = browser.stage.ok("GET", f"/api/tasks/{made}/firings")["firings"]
    page = browser.get(f"/tasks/scheduled/{made}/firings/{firing['id']}")
    assert page.status == 200
    assert "Manual firing" in page.text
    assert "requests" in page.text


def test_what_is_scheduled_is_found_by_its_name_or_repo(browser: Browser):
    for number in range(30):
        browser.stage.ok("POST", "/api/tasks", task(name=f"Bump {number:02d}"))
    browser.stage.ok("POST", "/api/tasks", task(name="Odd", repoUrl="https://example.com/a/b"))
    for words in ("bump 03", "ODD", "a/b"):
        text = browser.get(f"/tasks/scheduled?q={words.replace(' ', '+')}").text
        assert text.count('class="card def') == 1, words
    assert "No matching blueprints" in browser.get("/tasks/scheduled?q=nobody").text
    assert browser.get("/tasks/scheduled?q=bump").text.count('class="card def') >= 25
