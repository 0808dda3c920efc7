"""The audit log records each change by any route or page; values are left out."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib import wiring
from chalicelib.actions.runs import transitions
from chalicelib.domain.access.key import Scope
from chalicelib.settings import settings
from chalicelib.storage.records import ActivityRecord
from chalicelib.web.http.operation import ApiOperation
from chalicelib.web.http.routes import ALL_ROUTES
from chalicelib.web.pages import PAGE_TABLE
from tests.conftest import RUNNER_TOKEN, TOKEN, Stage, key_of
from tests.fakes.receiver import receiving
from tests.support.browser import Browser, task
from tests.support.failing_blueprint import BODY, begun, ended

HUSHED = "hushed-value-0123456789"
OPERATIONS = {(one.method, one.path): one for room in ALL_ROUTES for one in room.operations}


def recorded(stage: Stage, **asked: str) -> list[dict[str, Any]]:
    query = "&".join(f"{name}={text}" for name, text in asked.items())
    found: list[dict[str, Any]] = stage.ok("GET", f"/api/activity?{query}")["activity"]
    return found


def writing(stage: Stage) -> list[tuple[str, str]]:
    """Return the writing operations of the document: not GET, with a scope other than read."""
    document = stage.ok("GET", "/api/openapi.json")
    found = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            scopes = [scope for need in operation["security"] for scope in need["key"]]
            if method != "get" and {*scopes} & {"run", "write", "admin"}:
                found.append((method.upper(), path))
    return sorted(found)


class Things:
    """Makes the objects that each operation needs, and calls it."""

    def __init__(self, stage: Stage, url: str) -> None:
        self.stage, self.url = stage, url

    def blueprint(self) -> str:
        made: str = self.stage.ok("POST", "/api/tasks", BODY)["task"]["id"]
        return made

    def trigger(self) -> dict[str, str]:
        made = self.stage.ok("POST", "/api/tasks", BODY)
        return {"task_id": made["task"]["id"], "trigger_id": made["triggers"][0]["id"]}

    def failed(self) -> str:
        job = begun(self.stage, self.blueprint())
        ended(self.stage, job, "agent")
        run: str = job["runId"]
        return run

    def pushed(self) -> str:
        run = self.failed()
        kept = wiring.get_world().runs.get(run)
        transitions.update_run(wiring.get_world(), kept, branch=kept.push_branch)
        return run

    def repo(self) -> str:
        body = {"repoUrl": f"https://github.com/acme/{len(list(ActivityRecord.scan()))}"}
        made: str = self.stage.ok("POST", "/api/repos", body)["repo"]["id"]
        return made

    def template(self) -> str:
        number = len(list(ActivityRecord.scan()))
        body = {"name": f"T{number}", "template": "Look"}
        made: str = self.stage.ok("POST", "/api/prompt-templates", body)["promptTemplate"]["id"]
        return made

    def provider(self) -> str:
        body = {"source": "linear", "credential": HUSHED}
        made: str = self.stage.ok("POST", "/api/tickets/providers", body)["provider"]["id"]
        return made

    def webhook(self) -> str:
        made: str = self.stage.ok("POST", "/api/webhooks", {"url": self.url})["webhook"]["id"]
        return made

    def key(self) -> str:
        made: str = self.stage.ok("POST", "/api/auth/api-keys", {"name": "Ann"})["apiKey"]["id"]
        return made

    def secret(self) -> str:
        self.stage.ok("PUT", "/api/secrets/NPM", {"value": HUSHED})
        return "NPM"

    def firing(self) -> str:
        made = self.blueprint()
        self.stage.ok("POST", f"/api/tasks/{made}/runs", {})
        found: str = self.stage.ok("GET", f"/api/tasks/{made}/firings")["firings"][0]["id"]
        return found


Call = Callable[[Things], tuple[dict[str, str], Any]]
CALLS: dict[tuple[str, str], Call] = {
    ("POST", "/api/tasks"): lambda t: ({}, {**BODY, "environment": {"A": HUSHED}}),
    ("PATCH", "/api/tasks/{task_id}"): lambda t: ({"task_id": t.blueprint()}, {"prompt": HUSHED}),
    ("DELETE", "/api/tasks/{task_id}"): lambda t: ({"task_id": t.blueprint()}, None),
    ("POST", "/api/tasks/{task_id}/clone"): lambda t: ({"task_id": t.blueprint()}, None),
    ("POST", "/api/tasks/{task_id}/runs"): lambda t: (
        {"task_id": t.blueprint()},
        {"params": {"x": HUSHED}},
    ),
    ("POST", "/api/tasks/{task_id}/cancel"): lambda t: (
        {"task_id": begun(t.stage, t.blueprint())["runId"]},
        None,
    ),
    ("POST", "/api/tasks/{task_id}/retry"): lambda t: ({"task_id": t.failed()}, None),
    ("POST", "/api/tasks/{task_id}/resume"): lambda t: (
        {"task_id": t.pushed()},
        {"prompt": HUSHED},
    ),
    ("POST", "/api/tasks/bulk/retry-failed"): lambda t: ({}, None),
    ("POST", "/api/tasks/bulk/cancel-active"): lambda t: ({}, None),
    ("POST", "/api/tasks/{task_id}/triggers"): lambda t: (
        {"task_id": t.blueprint()},
        {"type": "webhook", "config": {"path": "p", "secret": HUSHED}},
    ),
    ("PATCH", "/api/tasks/{task_id}/triggers/{trigger_id}"): lambda t: (
        t.trigger(),
        {"enabled": False},
    ),
    ("DELETE", "/api/tasks/{task_id}/triggers/{trigger_id}"): lambda t: (t.trigger(), None),
    ("POST", "/api/firings/{firing_id}/redeliver"): lambda t: ({"firing_id": t.firing()}, None),
    ("POST", "/api/prompt-templates"): lambda t: ({}, {"name": "N", "template": HUSHED}),
    ("PATCH", "/api/prompt-templates/{template_id}"): lambda t: (
        {"template_id": t.template()},
        {"template": HUSHED},
    ),
    ("DELETE", "/api/prompt-templates/{template_id}"): lambda t: (
        {"template_id": t.template()},
        None,
    ),
    ("POST", "/api/repos"): lambda t: (
        {},
        {"repoUrl": "acme/web", "environment": {"A": HUSHED}},
    ),
    ("PATCH", "/api/repos/{repo}"): lambda t: ({"repo": t.repo()}, {"setupCommands": HUSHED}),
    ("DELETE", "/api/repos/{repo}"): lambda t: ({"repo": t.repo()}, None),
    ("PUT", "/api/secrets/{name}"): lambda t: ({"name": "TOKEN"}, {"value": HUSHED}),
    ("DELETE", "/api/secrets/{name}"): lambda t: ({"name": t.secret()}, None),
    ("POST", "/api/tickets/providers"): lambda t: ({}, {"source": "linear", "credential": HUSHED}),
    ("PATCH", "/api/tickets/providers/{provider_id}"): lambda t: (
        {"provider_id": t.provider()},
        {"credential": HUSHED},
    ),
    ("DELETE", "/api/tickets/providers/{provider_id}"): lambda t: (
        {"provider_id": t.provider()},
        None,
    ),
    ("POST", "/api/tickets/providers/{provider_id}/re-enable"): lambda t: (
        {"provider_id": t.provider()},
        None,
    ),
    ("POST", "/api/tickets/sync"): lambda t: ({}, None),
    ("POST", "/api/webhooks"): lambda t: ({}, {"url": f"{t.url}?token={HUSHED}"}),
    ("PATCH", "/api/webhooks/{webhook_id}"): lambda t: (
        {"webhook_id": t.webhook()},
        {"description": HUSHED},
    ),
    ("DELETE", "/api/webhooks/{webhook_id}"): lambda t: ({"webhook_id": t.webhook()}, None),
    ("POST", "/api/webhooks/{webhook_id}/test"): lambda t: ({"webhook_id": t.webhook()}, None),
    ("POST", "/api/webhooks/{webhook_id}/rotate-secret"): lambda t: (
        {"webhook_id": t.webhook()},
        None,
    ),
    ("POST", "/api/auth/api-keys"): lambda t: ({}, {"name": "Ann"}),
    ("DELETE", "/api/auth/api-keys/{key}"): lambda t: ({"key": t.key()}, None),
}


def test_each_writing_operation_leaves_one_entry_without_values(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(settings.__dict__, "allowed_private", ("127.0.0.1",))
    operations = writing(stage)
    assert all(OPERATIONS[one].action for one in operations)
    legacy = ("/api/task-configs", "/api/jobs", "/api/workflow-runs")
    lacking = {one for one in operations if not one[1].startswith(legacy)} - set(CALLS)
    assert lacking == set(), "say how each operation that writes is called"
    with receiving() as receiver:
        things = Things(stage, receiver.url)
        for (method, path), call in CALLS.items():
            params, body = call(things)
            before = {entry["id"] for entry in recorded(stage, limit="100")}
            stage.now += timedelta(seconds=1)

            where = re.sub(r"{(\w+)}", lambda found: params[found[1]], path)  # noqa: B023
            status, answer = stage.call(method, where, body, **{"User-Agent": "probe/1"})

            assert status < 300, (method, path, answer)
            new = [one for one in recorded(stage, limit="100") if one["id"] not in before]
            assert len(new) == 1, (method, path, new)
            (entry,) = new
            assert entry["actor"]["name"] == "of tests"
            assert (entry["source"], entry["userAgent"]) == ("127.0.0.1", "probe/1")
            assert entry["fields"] == sorted(body or {})
            if params:
                assert {entry["objectId"], entry["partOf"]} & set(params.values()), entry
            elif "bulk" not in path and "sync" not in path:
                assert entry["objectId"], entry
    assert HUSHED not in str([row.attribute_values for row in ActivityRecord.scan()])


def test_the_entries_name_what_was_done_in_the_words_of_the_house(stage: Stage):
    made = stage.ok("POST", "/api/tasks", BODY)
    task_id, trigger_id = made["task"]["id"], made["triggers"][0]["id"]
    steps = [
        ("PATCH", f"/api/tasks/{task_id}", {"enabled": False, "priority": 5}),
        ("PATCH", f"/api/tasks/{task_id}", {"enabled": True}),
        ("POST", f"/api/tasks/{task_id}/runs", {}),
        ("DELETE", f"/api/tasks/{task_id}/triggers/{trigger_id}", None),
        ("PUT", "/api/secrets/NPM", {"value": HUSHED}),
        ("DELETE", "/api/secrets/NPM", None),
    ]
    for method, path, body in steps:
        stage.now += timedelta(seconds=1)
        stage.ok(method, path, body)
    told = [(one["action"], one["objectId"], one["objectName"]) for one in recorded(stage)]
    run = stage.ok("GET", f"/api/tasks/{task_id}/runs")["runs"][0]["id"]
    assert told[::-1] == [
        ("task.create", task_id, "Nightly"),
        ("task.update", task_id, "Nightly"),
        ("task.update", task_id, "Nightly"),
        ("run.create", run, None),
        ("trigger.remove", trigger_id, None),
        ("secret.set", "NPM", "NPM"),
        ("secret.remove", "NPM", None),
    ]
    assert recorded(stage)[5]["fields"] == ["enabled", "priority"]


def test_what_was_refused_or_only_read_leaves_no_entry(stage: Stage):
    key_of("optio_pat_reads", (Scope.READ,))
    assert stage.call("POST", "/api/tasks", {"nonsense": 1})[0] == 400
    assert stage.call("POST", "/api/tasks", BODY, token="optio_pat_reads")[0] == 403
    assert stage.call("POST", "/api/tasks", BODY, token="")[0] == 401
    stage.ok("GET", "/api/tasks")
    assert recorded(stage) == []


def test_entries_are_asked_for_by_thing_by_actor_and_by_action_with_pages(stage: Stage):
    admin = recorded_actor(stage)
    member = stage.ok("POST", "/api/auth/api-keys", {"name": "Ann", "role": "member"})
    one, two = (stage.ok("POST", "/api/tasks", BODY) for _ in range(2))
    for _ in range(3):
        stage.now += timedelta(seconds=1)
        stage.call(
            "PATCH", f"/api/tasks/{one['task']['id']}", {"priority": 7}, token=member["token"]
        )
    trigger = one["triggers"][0]["id"]
    stage.now += timedelta(seconds=1)
    stage.ok("PATCH", f"/api/tasks/{one['task']['id']}/triggers/{trigger}", {"enabled": False})

    of_one = recorded(stage, object=one["task"]["id"])
    assert [entry["action"] for entry in of_one] == [
        "trigger.update",
        *["task.update"] * 3,
        "task.create",
    ]
    assert [entry["action"] for entry in recorded(stage, object=trigger)] == ["trigger.update"]
    assert [entry["action"] for entry in recorded(stage, object=two["task"]["id"])] == [
        "task.create"
    ]
    ann = member["apiKey"]["id"]
    assert {entry["actor"]["id"] for entry in recorded(stage, actor=ann)} == {ann}
    assert len(recorded(stage, actor=ann)) == 3
    assert len(recorded(stage, action="task.update")) == 3
    assert recorded(stage, actor=admin, action="task.update") == []
    assert len(recorded(stage, object=one["task"]["id"], actor=admin)) == 2
    both = recorded(stage, object=one["task"]["id"], actor=ann, action="task.update")
    assert len(both) == 3
    assert recorded(stage, object=one["task"]["id"], actor=ann, action="task.create") == []

    for asked in ("", f"&object={one['task']['id']}", f"&actor={admin}", "&action=task.update"):
        whole = stage.ok("GET", f"/api/activity?limit=100{asked}")["activity"]
        found, cursor = [], ""
        while cursor is not None:
            page = stage.ok("GET", f"/api/activity?limit=2{asked}&cursor={quote(cursor)}")
            found += page["activity"]
            cursor = page["nextCursor"]
        assert found == whole
    assert stage.call("GET", "/api/activity?limit=0")[0] == 400


def recorded_actor(stage: Stage) -> str:
    stage.ok("PUT", "/api/secrets/ANY", {"value": HUSHED})
    found: str = recorded(stage)[0]["actor"]["id"]
    return found


def test_an_entry_ends_with_the_ledger(stage: Stage):
    stage.ok("POST", "/api/tasks", BODY)
    (row,) = ActivityRecord.scan()
    assert row.expires_at == int((stage.now + settings.retention).timestamp())


def test_an_entry_that_cannot_be_kept_is_told_whole_in_the_log_and_counted(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    lost: list[bool] = []
    world = wiring.get_world()

    def refuse(entry: Any) -> None:
        raise RuntimeError("throttled")

    monkeypatch.setattr(world.activity, "add", refuse)
    monkeypatch.setattr(world.metrics, "count_lost_activity", lambda: lost.append(True))
    with caplog.at_level(logging.ERROR):
        made = stage.ok("POST", "/api/tasks", BODY)
    assert lost == [True]
    (record,) = [one for one in caplog.records if one.message == "audit record not stored"]
    assert record.entry["action"] == "task.create"  # type: ignore[attr-defined]
    assert record.entry["object_id"] == made["task"]["id"]  # type: ignore[attr-defined]


def test_signing_in_and_out_and_in_vain_is_recorded(stage: Stage):
    Browser(stage).post("/login", key="optio_pat_wrong")
    Browser(stage).post("/login", key=RUNNER_TOKEN)
    browser = Browser(stage).sign_in()
    stage.now += timedelta(seconds=1)
    browser.post("/logout")
    told = [(one["action"], one["actor"] and one["actor"]["name"]) for one in recorded(stage)]
    assert told[0] == ("session.remove", "of tests")
    assert sorted(told[1:], key=str) == [
        ("session.create", "of tests"),
        ("session.refuse", None),
        ("session.refuse", None),
    ]
    assert TOKEN not in str([row.attribute_values for row in ActivityRecord.scan()])


def test_a_link_that_signs_in_is_recorded_when_it_is_made(stage: Stage):
    stage.ok("POST", "/api/auth/sign-in-links")
    assert recorded(stage)[0]["action"] == "sign-in-link.create"


CREATED = "webhook.create"


def test_each_write_of_a_page_leaves_one_entry(stage: Stage):
    browser = Browser(stage).sign_in()
    made = stage.ok("POST", "/api/tasks", task())["task"]["id"]
    hook = {"do": "add", "trigger": "webhook", "path": "p", "secret": HUSHED}
    here = f"/tasks/scheduled/{made}"
    posts: list[tuple[str, dict[str, str], str]] = [
        (here, {"do": "pause"}, "task.pause"),
        (here, {"do": "resume"}, "task.resume"),
        (here, hook, "trigger.create"),
        (here, {"do": "run", "params": '{"what": "x"}'}, "run.create"),
        ("/secrets", {"name": "NPM", "value": HUSHED}, "secret.set"),
        ("/secrets", {"name": "NPM", "do": "delete"}, "secret.remove"),
        ("/repos", {"repoUrl": "acme/other"}, "repo.create"),
        ("/templates", {"name": "T", "template": HUSHED}, "template.create"),
        ("/settings", {"do": "make", "name": "Bob", "role": "member"}, "key.create"),
        ("/settings/webhooks", {"url": "https://example.com/x", "events": "task.failed"}, CREATED),
        ("/tickets", {"source": "linear", "credential": HUSHED}, "provider.create"),
        (here, {"do": "delete"}, "task.remove"),
    ]
    for path, form, action in posts:
        before = {entry["id"] for entry in recorded(stage, limit="100")}
        stage.now += timedelta(seconds=1)
        answer = browser.post(path, **form)
        assert answer.status in (200, 303), (path, form, answer.text)
        new = [one for one in recorded(stage, limit="100") if one["id"] not in before]
        assert [(one["action"], one["session"]) for one in new] == [(action, True)]
        assert new[0]["objectId"]
        assert new[0]["objectName"] or form.get("do") in ("pause", "resume", "run", "delete")
        if path == here:
            assert made in (new[0]["objectId"], new[0]["partOf"])
    assert HUSHED not in str([row.attribute_values for row in ActivityRecord.scan()])


def test_every_form_that_writes_is_one_that_is_recorded():
    unrecorded = {
        path
        for method, path, _, _, needs in PAGE_TABLE
        if method == "POST" and needs not in WRITING
    }
    previews = {"/tasks/new/preview", "/tasks/scheduled/{task_id}/preview"}
    assert unrecorded == {"/login", "/logout", *previews}


def test_a_form_that_made_something_names_the_fields_that_said_something(stage: Stage):
    browser = Browser(stage).sign_in()
    browser.post("/repos", repoUrl="acme/other", setupCommands="make", testCommand="", image="")
    (made,) = recorded(stage, action="repo.create")
    assert made["fields"] == ["repoUrl", "setupCommands"]
    browser.post("/repos", id=made["objectId"], setupCommands="", testCommand="make test")
    (changed,) = recorded(stage, action="repo.update")
    assert changed["fields"] == ["setupCommands", "testCommand"], "to empty a field is a change"


WRITING = (Scope.RUN, Scope.WRITE, Scope.ADMIN)


@pytest.mark.parametrize("word", ["pause", "", "x" * 5000, "revoke:x"])
def test_no_form_does_one_thing_and_is_recorded_as_another(stage: Stage, word: str):
    browser = Browser(stage).sign_in()
    before = stage.ok("GET", "/api/activity")["activity"]
    keys = {"do": word, "name": "Mine", "role": "admin", "days": "9"}
    assert browser.post("/settings", **keys).status == 400
    assert browser.post("/tasks", do=word, run="x").status == 400
    assert browser.post("/secrets", do=word or "make", name="X", value="a value").status == 400
    assert stage.ok("GET", "/api/activity")["activity"] == before
    assert all(key["name"] != "Mine" for key in stage.ok("GET", "/api/auth/api-keys")["apiKeys"])


def test_what_only_reads_is_not_recorded_and_every_other_write_is():
    quiet = {
        (one.method, one.path)
        for one in OPERATIONS.values()
        if one.method != "GET" and not one.action
    }
    assert all(is_no_deed(OPERATIONS[one]) for one in quiet), quiet


def is_no_deed(one: ApiOperation) -> bool:
    """A key that only reads writes nothing; calls of runners and senders are runs and firings."""
    return one.scope in (None, Scope.READ, Scope.RUNNER)
