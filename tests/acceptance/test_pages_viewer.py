"""Pages offer a reader no button that would be refused, and offer all others to a member."""

from __future__ import annotations

import re

import pytest

from tests.conftest import Stage
from tests.support.browser import Browser, schedule, task

HOOK = {"type": "webhook", "config": {"path": "alerts"}}
BUTTON = re.compile(r"<button(?! type=.button)[^>]*>")


@pytest.fixture
def paths(stage: Stage) -> list[str]:
    """Return each page with actions, with all of its buttons."""
    made = stage.ok("POST", "/api/tasks", task(prompt="p", triggers=[schedule(), HOOK]))["task"]
    run = stage.ok("POST", f"/api/tasks/{made['id']}/runs", {})["runId"]
    firing = stage.ok("GET", f"/api/tasks/{made['id']}/firings")["firings"][0]["id"]
    stage.ok("PUT", "/api/secrets/NPM_TOKEN", {"value": "a-value-to-hide"})
    stage.ok("POST", "/api/repos", {"repoUrl": "acme/web"})
    stage.ok("POST", "/api/prompt-templates", {"name": "Bump", "template": "Bump it"})
    here = f"/tasks/scheduled/{made['id']}"
    found = ("/tasks", f"/tasks/{run}", "/tasks/scheduled", here, f"{here}/firings/{firing}")
    return [*found, "/repos", "/templates", "/secrets", "/tickets"]


def signed_in(stage: Stage, role: str) -> Browser:
    made = stage.ok("POST", "/api/auth/api-keys", {"name": role, "role": role})
    return Browser(stage).sign_in(made["token"])


def offered(page: str) -> list[str]:
    """Return the buttons of a page that send a form, by what they send it for."""
    forms = re.findall(r'<form [^>]*method="post".*?</form>', page, re.DOTALL)
    buttons = [button for form in forms for button in BUTTON.findall(form)]
    told = [re.search(r'value="(\w+)|formaction="[^"]*/(\w+)"', one) for one in buttons]
    return [next(filter(None, one.groups())) if one else "send" for one in told]


def test_a_viewer_is_shown_no_button_that_would_be_refused(stage: Stage, paths: list[str]):
    viewer = signed_in(stage, "viewer")
    for path in paths:
        answer = viewer.get(path)
        assert answer.status == 200
        found = offered(answer.text)
        found.remove("send")  # that which signs out
        assert set(found) <= {"preview"}, path
        assert "New task</a>" not in answer.text


@pytest.mark.parametrize("role", ["member", "admin"])
def test_who_may_write_is_shown_the_buttons(stage: Stage, paths: list[str], role: str):
    browser = signed_in(stage, role)
    found = {button for path in paths for button in offered(browser.get(path).text)}
    assert {"pause", "run", "preview", "clone", "redeliver", "switch", "drop", "add"} <= found
    assert {"cancel", "delete", "send"} <= found
    keeps = "Add a secret" in browser.get("/secrets").text
    assert keeps == (role == "admin")
