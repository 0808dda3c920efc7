"""A form whose session has ended: what was typed is kept, and sent on by a press of a button."""

from __future__ import annotations

import html
import re
from datetime import timedelta

from tests.conftest import TOKEN
from tests.support.browser import Browser, browser

__all__ = ["browser"]

HOSTILE = "<script>alert(1)</script>\"'></textarea><img src=x onerror=alert(1)>"


def resent(page: str, **more: str) -> dict[str, str | list[str]]:
    """Return what the button of a page that kept a form sends."""
    hidden = re.findall(r'<textarea name="([^"]+)" hidden>\n(.*?)</textarea>', page, re.DOTALL)
    return {name: html.unescape(text) for name, text in hidden} | more


def test_a_form_from_before_the_session_is_sent_again_with_all_that_was_typed(browser: Browser):
    typed = {"name": "Kept", "prompt": f"\ntwo\nlines {HOSTILE}", "trigger": "none"}
    stale = browser.post("/tasks/new", csrf="of another session", **typed)
    assert stale.status == 403
    assert "Send it again" in stale.text
    assert HOSTILE not in stale.text
    found = re.search(r'name="csrf" value="([^"]+)"', stale.text)
    assert found
    browser.csrf = found[1]
    made = browser.post("/tasks/new", **resent(stale.text))
    assert made.status == 303
    key = made.headers["Location"].split("/")[-1].split("?")[0]
    assert browser.stage.ok("GET", f"/api/tasks/{key}")["task"]["prompt"] == typed["prompt"]


def test_who_was_signed_out_while_typing_signs_in_and_sends_it_on(browser: Browser):
    browser.stage.now += timedelta(hours=13)
    out = browser.post("/tasks/new", name="Kept", prompt="p", trigger="none")
    assert out.status == 401
    kept = re.search(r'name="kept" value="([^"]+)"', out.text)
    assert kept
    again = browser.post("/login", key=TOKEN, next="/tasks/new", kept=kept[1])
    assert (again.status, 'action="./tasks/new"' in again.text) == (200, True)
    assert resent(again.text) == {"name": "Kept", "prompt": "p", "trigger": "none"}
    forged = browser.post("/login", key=TOKEN, next="/tasks", kept="made up")
    assert forged.status == 303


def test_a_secret_that_was_typed_is_in_no_page_again(browser: Browser):
    stale = browser.post("/secrets", csrf="old", name="A", value="hunter2-hunter2")
    assert (stale.status, "hunter2" in stale.text) == (403, False)
