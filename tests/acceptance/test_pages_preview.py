"""The preview of a blueprint on its page: the prompt of a run, and the policies that hold it."""

from __future__ import annotations

import re

from tests.support.browser import Browser, browser, schedule, shown, task

__all__ = ["browser"]
SCHEMA = {"type": "object", "properties": {"what": {"type": "string"}, "deep": {"type": "boolean"}}}


def made(browser: Browser, **fields: object) -> str:
    kept = browser.stage.ok("POST", "/api/tasks", task(**fields))["task"]["id"]
    return f"/tasks/scheduled/{kept}"


def offered(page: str, name: str) -> str:
    """Return what a field of "Run now" holds already."""
    (found,) = re.findall(rf'name="{name}"[^>]*?(?: value="([^"]*)"|>\n([^<]*)<)', page)
    return found[0] or found[1]


def test_a_preview_shows_the_prompt_and_what_would_hold_a_firing_and_starts_nothing(
    browser: Browser,
):
    where = made(browser, onOpenPr="skip", prompt="Bump {{what}} in {{where}}")
    browser.stage.ok("PATCH", f"/api{where.replace('/scheduled', '')}", {"enabled": False})
    answer = browser.post(f"{where}/preview", params='{"what": "<b>"}')
    assert answer.status == 200, answer.text
    assert "Bump &lt;b&gt; in " in answer.text
    assert "<mark>where</mark>" in answer.text
    assert "it is paused" in answer.text
    assert "skip: 0 open now" in answer.text
    assert shown('{"what": "<b>"}') in answer.text, "what was typed is there still"
    assert browser.stage.ok("GET", f"/api{where.replace('/scheduled', '')}/runs")["runs"] == []
    assert "previewed" not in browser.get("/activity").text


def test_a_preview_of_what_cannot_be_read_says_so_beside_the_field(browser: Browser):
    where = made(browser)
    answer = browser.post(f"{where}/preview", params="{")
    assert answer.status == 400
    assert "this is not valid JSON" in answer.text
    assert "no run was started" not in answer.text
    assert browser.post("/tasks/scheduled/none/preview").status == 404


def test_run_now_offers_the_params_that_a_schedule_fires_with(browser: Browser):
    nightly = {**schedule(), "paramMapping": {"what": "requests", "deep": True, "more": [1]}}
    hook = {"type": "webhook", "config": {"path": "p"}, "paramMapping": {"what": "$.x"}}
    page = browser.get(made(browser, triggers=[hook, nightly])).text
    assert '"what": &#34;requests&#34;'.replace('"what"', "&#34;what&#34;") in page

    page = browser.get(made(browser, triggers=[nightly], paramsSchema=SCHEMA)).text
    assert offered(page, "param.what") == "requests"
    assert '<option value="true" selected>true</option>' in page
    assert "&#34;more&#34;" in page
    hook["config"] = {"path": "another"}
    assert "$.x" not in browser.get(made(browser, triggers=[hook])).text
