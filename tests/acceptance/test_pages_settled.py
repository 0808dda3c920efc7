"""Tickets, API keys and webhooks in the dashboard: what is set up once, by forms alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from chalicelib import wiring
from chalicelib.actions.tickets import sync
from tests.conftest import TOKEN, Stage
from tests.fakes.receiver import Receiver, receiving
from tests.fakes.trackers import CREDENTIAL, FAKES, FakeTracker, serving
from tests.support.browser import Browser, browser, schedule, task
from tests.support.call_counts import counted, requests

__all__ = ["browser"]


@pytest.fixture
def github(stage: Stage, loopback: None) -> Iterator[FakeTracker]:
    with serving(FAKES["github"](lambda: stage.now)) as fake:
        yield fake


@pytest.fixture
def receiver(loopback: None) -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def test_a_provider_is_added_read_renamed_paused_and_removed(browser: Browser, github: FakeTracker):
    form = {"source": "github", "credential": CREDENTIAL, **github.config}
    added = browser.post("/tickets", **form, teamKey="of another kind", name="")
    assert added.status == 303, added.text
    browser.stage.settle()
    page = browser.get("/tickets").text
    assert "Healthy" in page
    assert "synced <time" in page
    assert CREDENTIAL not in page
    (one,) = wiring.get_world().providers.list_all()
    renamed = browser.post("/tickets", id=one.id, name="Our tickets", credential="")
    assert renamed.status == 303, renamed.text
    assert "Our tickets" in browser.get("/tickets").text
    assert wiring.get_world().vault.get(one.secret_key) == CREDENTIAL
    assert wiring.get_world().providers.get(one.id).config.items() >= github.config.items()
    answering = {"comments": "off", "doneState": "closed"}
    assert browser.post("/tickets", id=one.id, name="Our tickets", **answering).status == 303
    config = wiring.get_world().providers.get(one.id).config
    assert config == {**github.config, **answering}
    assert "no comments · closed when done" in browser.get("/tickets").text
    browser.post("/tickets", id=one.id, do="pause")
    assert "Paused" in browser.get("/tickets").text
    assert browser.post("/tickets/sync").headers["Location"].endswith("done=synced-none")
    browser.post("/tickets", id=one.id, do="resume")
    assert browser.post("/tickets/sync").headers["Location"].endswith("done=synced")
    assert browser.post("/tickets", id=one.id, do="delete").status == 303
    assert "No ticket providers yet" in browser.get("/tickets").text


def test_a_provider_that_fails_says_why_and_is_brought_back(browser: Browser, github: FakeTracker):
    form = {"source": "github", "credential": "wrong", **github.config}
    assert browser.post("/tickets", **form).status == 303
    browser.stage.settle()
    assert "Failing" in browser.get("/tickets").text
    browser.stage.pass_time(timedelta(minutes=6))
    page = browser.get("/tickets").text
    assert "syncs in a row failed" in page
    (one,) = wiring.get_world().providers.list_all()
    assert f"tickets/{one.id}/re-enable" in page
    browser.post("/tickets", id=one.id, name=one.name, credential=CREDENTIAL)
    assert browser.post(f"/tickets/{one.id}/re-enable").status == 303
    browser.stage.settle()
    assert "Healthy" in browser.get("/tickets").text


@pytest.mark.parametrize(
    "form, field, said",
    [
        pytest.param(
            {"source": "github"}, "repo", "a github provider requires this field", id="needed"
        ),
        pytest.param(
            {"source": "jira", "email": "a@b.c"}, "baseUrl", "requires this field", id="address"
        ),
        pytest.param({"source": "github", "repo": "web"}, "repo", "owner/name", id="form"),
        pytest.param({"source": "linear", "credential": ""}, "credential", "", id="credential"),
        pytest.param({"source": "trello"}, "source", "", id="kind"),
    ],
)
def test_what_is_wrong_with_a_provider_is_said_beside_its_field(
    browser: Browser, form: dict[str, str], field: str, said: str
):
    answer = browser.post("/tickets", **{"credential": "kept-by-nobody", "name": "Kept", **form})
    assert answer.status == 400
    hint = re.search(rf'id="h-{field}">([^<]*)<', answer.text)
    assert hint, answer.text
    assert said in hint[1]
    assert 'value="Kept"' in answer.text
    assert "kept-by-nobody" not in answer.text


def test_a_key_is_shown_once_works_and_is_revoked(browser: Browser):
    made = browser.post("/settings", name="CI", role="member", days="30", do="make")
    token = re.search(r"optio_pat_[\w-]{20,}", made.text)
    assert token
    status, _ = browser.stage.call("GET", "/api/tasks", token=token[0])
    assert status == 200
    page = browser.get("/settings").text
    assert token[0] not in page
    assert "CI" in page
    (key,) = [one for one in wiring.get_world().keys.list_newest(None, 9)[0] if one.name == "CI"]
    assert key.expires_at == browser.stage.now + timedelta(days=30)
    assert browser.post("/settings", id=key.id, do="revoke").status == 303
    status, _ = browser.stage.call("GET", "/api/tasks", token=token[0])
    assert status == 401


def test_a_key_of_a_runner_does_jobs_and_nothing_else(browser: Browser):
    made = browser.post("/settings", name="Builder", role="runner", days="", do="make")
    assert made.status == 200, made.text
    (key,) = [
        one for one in wiring.get_world().keys.list_newest(None, 9)[0] if one.name == "Builder"
    ]
    assert [str(scope) for scope in key.scopes] == ["runner"]
    assert key.expires_at is None


@pytest.mark.parametrize("days", ["0", "-3", "soon", "99999", "1.5"])
def test_a_wrong_key_keeps_what_was_typed(browser: Browser, days: str):
    answer = browser.post("/settings", do="make", name="Kept name", role="viewer", days=days)
    assert answer.status == 400
    assert 'id="h-days">' in answer.text
    assert "Kept name" in answer.text
    assert '<option value="viewer" selected>' in answer.text


def test_nobody_revokes_the_key_of_the_own_session(browser: Browser):
    own = re.search(r"\(yours\)", browser.get("/settings").text)
    assert own
    from chalicelib.domain.access.key import key_id, token_digest

    answer = browser.post("/settings", id=key_id(token_digest(TOKEN)), do="revoke")
    assert answer.status == 409
    assert browser.get("/tasks").status == 200


def test_settings_and_what_may_not_be_done_are_not_shown_to_a_viewer(stage: Stage):
    made = stage.ok("POST", "/api/auth/api-keys", {"name": "eyes", "role": "viewer"})
    viewer = Browser(stage).sign_in(made["token"])
    page = viewer.get("/tickets").text
    assert "Settings</a>" not in page
    assert "Add a ticket provider" not in page
    for path in ("/settings", "/settings/webhooks", "/activity"):
        assert viewer.get(path).status == 403
    assert viewer.post("/tickets", source="github").status == 403
    assert viewer.post("/tickets/sync").status == 403


def test_a_webhook_is_made_tried_out_changed_and_removed(browser: Browser, receiver: Receiver):
    made = browser.post(
        "/settings/webhooks",
        url=receiver.url,
        description="The office",
        events=["task.failed", "task.completed"],
    )
    assert made.status == 200, made.text
    secret = re.search(r"whsec_[\w+/=]{20,}", made.text)
    assert secret
    (one,) = wiring.get_world().webhook_endpoints.list_all()
    where = f"/settings/webhooks/{one.id}"
    assert secret[0] not in browser.get(where).text
    assert "The office" in browser.get("/settings/webhooks").text
    tried = browser.post(where, do="test")
    assert tried.headers["Location"].endswith("done=test-delivered")
    assert [sent.json["type"] for sent in receiver.sent] == ["webhook.test"]
    page = browser.get(where).text
    assert ">Test<" in page
    assert "Delivered" in page
    changed = browser.post(where, do="save", url="", description="Home", events=["task.failed"])
    assert changed.status == 303, changed.text
    (now,) = wiring.get_world().webhook_endpoints.list_all()
    assert (now.description, [str(e) for e in now.events]) == ("Home", ["task.failed"])
    rotated = browser.post(where, do="rotate")
    again = re.search(r"whsec_[\w+/=]{20,}", rotated.text)
    assert again
    assert again[0] != secret[0]
    assert browser.post(where, do="pause").status == 303
    assert "Paused" in browser.get(where).text
    assert browser.post(where, do="delete").status == 303
    assert browser.get(where).status == 404


def test_a_wrong_webhook_says_so_beside_the_field_and_keeps_what_was_typed(browser: Browser):
    wrong = browser.post("/settings/webhooks", url="ftp://x", description="Kept", events=["x"])
    assert wrong.status == 400
    assert 'id="h-url">' in wrong.text
    assert 'value="Kept"' in wrong.text
    none = browser.post("/settings/webhooks", url="https://example.com/hook", description="")
    assert none.status == 400
    assert "select at least one event" in none.text


def test_who_did_what_is_told_and_narrowed_to_one_thing_or_one_key(browser: Browser):
    browser.post("/secrets", name="NPM_TOKEN", value="a-value-to-hide")
    browser.stage.now += timedelta(seconds=1)
    made = browser.stage.ok("POST", "/api/tasks", task(name="Bump it"))["task"]["id"]
    page = browser.get("/activity").text
    assert "saved the secret" in page
    assert "created the blueprint" in page
    assert "a-value-to-hide" not in page
    one = browser.get(f"/activity?object={made}").text
    assert "created the blueprint" in one
    assert "saved the secret" not in one
    assert "No matching activity" in browser.get("/activity?actor=nobody").text
    assert "saved the secret" in browser.get("/activity?action=secret.set").text
    assert "created the blueprint" not in browser.get("/activity?action=secret.set").text


def test_a_list_of_definitions_costs_as_few_requests_as_one_of_them(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
):
    for number in range(12):
        body = task(name=f"Task {number}", triggers=[schedule(), schedule("0 3 * * *")])
        browser.stage.ok("POST", "/api/tasks", body)
    with counted(monkeypatch) as calls:
        assert browser.get("/tasks/scheduled").status == 200
    asked = requests(calls)
    assert asked["BatchGetItem"] == 2, "the definitions, and all their triggers"
    assert asked["Query"] <= 12 + 2, "the runs of each, all at once, and the two lists"
    assert sum(asked.values()) <= 12 + 2 + 2 + 3


@pytest.mark.parametrize(
    "path, most",
    [("/tasks", 8 + 3), ("/templates", 1 + 3), ("/repos", 1 + 3), ("/secrets", 2 + 3)],
)
def test_a_page_asks_no_more_than_it_shows(
    browser: Browser, path: str, most: int, monkeypatch: pytest.MonkeyPatch
):
    for number in range(3):
        browser.stage.ok("POST", "/api/tasks", task(name=f"Task {number}", triggers=[schedule()]))
    browser.stage.pass_time(timedelta(minutes=11))
    with counted(monkeypatch) as calls:
        assert browser.get(path).status == 200
    assert sum(requests(calls).values()) <= most


def test_a_long_first_look_tells_how_far_it_came(browser: Browser, github: FakeTracker):
    stage = browser.stage
    config = {"type": "ticket", "config": {"source": "github", "labels": ["agent"]}}
    stage.ok("POST", "/api/tasks", task(triggers=[config]))
    for number in range(450):
        github.add("agent" if number % 45 == 0 else "other", at=stage.now - timedelta(days=9))
    sent = {"source": "github", "credential": CREDENTIAL, "config": github.config}
    made = stage.ok("POST", "/api/tickets/providers", sent)["provider"]
    assert made["progress"] is None
    assert "part=live" in browser.get("/tickets").text  # it is not synced yet

    def answer() -> None:
        stage.now += timedelta(seconds=4)

    github.broken = answer
    sync.sync_provider(wiring.get_world(), made["id"])
    (shown,) = stage.ok("GET", "/api/tickets/providers")["providers"]
    read = shown["progress"]["tickets"]
    assert shown["progress"]["reading"] == "backlog"
    assert 100 <= read < 450
    page = browser.get("/tickets?part=live").text
    assert f"Reading open tickets: {read} so far" in page
    assert "part=live" in page
    assert "Healthy" in page

    stage.pass_time(timedelta(minutes=2))
    (shown,) = stage.ok("GET", "/api/tickets/providers")["providers"]
    assert (shown["progress"], shown["lastError"]) == (None, None)
    page = browser.get("/tickets?part=live").text
    assert "so far" not in page
    assert "part=live" not in page
    (blueprint,) = stage.ok("GET", "/api/tasks?type=all")["tasks"]
    ledger = stage.ok("GET", f"/api/tasks/{blueprint['id']}/firings")["firings"]
    assert [one["reason"] for one in ledger] == ["backlog"] * 10
