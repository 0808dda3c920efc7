"""Tickets of four trackers, over real HTTP, become tasks: each once."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.actions.tickets import providers
from chalicelib.domain.pull_requests.forge import WEBHOOK_SECRET_NAMES
from tests.conftest import Stage
from tests.fakes.trackers import CREDENTIAL, FAKES, FakeTracker, serving
from tests.support.ticket_stage import fired, ledger, provided, waiting
from tests.support.ticket_stage import github as github
from tests.support.ticket_stage import tracker as tracker

pytestmark = pytest.mark.usefixtures("loopback")

MINUTE = timedelta(minutes=1)


def test_what_was_there_before_is_backlog_and_claims_the_ticket(stage: Stage, tracker: FakeTracker):
    old = [tracker.add("agent", at=stage.now - timedelta(days=1)) for _ in range(3)]
    done = tracker.add("agent", open=False, at=stage.now - timedelta(days=1))
    made = waiting(stage, tracker, "agent")
    greedy = waiting(stage, tracker, "agent", includeBacklog=True)
    provided(stage, tracker)
    stage.settle()
    assert {f["reason"] for f in ledger(stage, made)} == {"backlog"}
    assert len(fired(stage, greedy)) == 3

    tracker.label(old[0], "agent", "more")
    tracker.label(done, "agent", "more")
    stage.pass_time(2 * MINUTE)
    assert not fired(stage, made)
    assert len(ledger(stage, made)) == 3


def test_the_prompt_holds_what_the_ticket_says(stage: Stage, tracker: FakeTracker):
    made = waiting(stage, tracker, "agent")
    provided(stage, tracker)
    stage.settle()
    stage.pass_time(MINUTE)
    tracker.add("agent", comments=["And soon."])
    stage.pass_time(MINUTE)
    (run,) = stage.ok("GET", f"/api/tasks/{made['task']['id']}/runs")["runs"]
    whole = stage.ok("GET", f"/api/tasks/{run['id']}")["task"]
    assert whole["title"] == "Ticket 1"
    assert whole["prompt"] == "Do Ticket 1: Please. And soon."
    params = whole["metadata"]["triggerParams"]
    assert params["ticketSource"] == params["source"] == tracker.source
    assert params["labels"] == ["agent"]
    if tracker.source == "github":
        assert (params["number"], params["author"], params["assignees"]) == (1, "ann", ["bob"])
        assert params["repo"] == "acme/web"


def test_a_template_of_the_library_says_what_a_ticket_asks_for(stage: Stage, github: FakeTracker):
    body = {"name": "Fixer", "template": "By the library: {{title}}"}
    template = stage.ok("POST", "/api/prompt-templates", body)["promptTemplate"]["id"]
    made = waiting(stage, github, "agent")
    linked = {"promptTemplateId": template, "prompt": ""}
    stage.ok("PATCH", f"/api/tasks/{made['task']['id']}", linked)
    provided(stage, github)
    stage.settle()
    stage.pass_time(MINUTE)
    github.add("agent")
    stage.pass_time(MINUTE)
    (run,) = stage.ok("GET", f"/api/tasks/{made['task']['id']}/runs")["runs"]
    assert (
        stage.ok("GET", f"/api/tasks/{run['id']}")["task"]["prompt"] == "By the library: Ticket 1"
    )


@pytest.mark.parametrize("refire, times", [(False, 1), (True, 2)])
def test_a_label_that_comes_back_fires_again_only_where_asked(
    stage: Stage, github: FakeTracker, refire: bool, times: int
):
    made = waiting(stage, github, "agent", refire=refire)
    provided(stage, github)
    stage.settle()
    stage.pass_time(MINUTE)
    item = github.add("agent")
    for labels in ([], ["agent"], ["agent", "more"]):
        stage.pass_time(2 * MINUTE)
        github.label(item, *labels)
    stage.pass_time(2 * MINUTE)
    assert fired(stage, made) == {"github:acme/web#1": times}


def test_an_unchanged_repo_costs_one_conditional_request_a_minute(
    stage: Stage, github: FakeTracker
):
    for _ in range(3):
        waiting(stage, github, "agent")
    provided(stage, github)
    stage.settle()
    github.add("agent")
    github.add("agent", pull_request=True)
    stage.pass_time(10 * MINUTE)
    github.requests.clear()
    stage.pass_time(10 * MINUTE)
    assert [status for _, status in github.requests] == [304] * 10


def test_one_poll_serves_all_triggers(stage: Stage, github: FakeTracker):
    made = [waiting(stage, github, label) for label in ("a", "b")]
    provided(stage, github)
    stage.settle()
    stage.pass_time(MINUTE)
    github.add("a", "b")
    github.requests.clear()
    stage.pass_time(MINUTE)
    listings = [asked for asked, _ in github.requests if "/issues?" in asked]
    assert len(listings) == 1
    assert [fired(stage, one) for one in made] == [{"github:acme/web#1": 1}] * 2


def test_a_credential_never_comes_back_and_lies_in_no_row(stage: Stage, github: FakeTracker):
    from chalicelib.storage.records import ProviderRecord

    made = provided(stage, github)
    answers = str([made, stage.ok("GET", "/api/tickets/providers")])
    rows = str([row.data for row in ProviderRecord.scan()])
    assert CREDENTIAL not in answers + rows
    assert wiring.get_world().vault.get(f"providers/{made['id']}") == CREDENTIAL

    stage.call("DELETE", f"/api/tickets/providers/{made['id']}")
    assert wiring.get_world().vault.get(f"providers/{made['id']}") is None


def test_a_provider_whose_sync_ends_meanwhile_is_removed_all_the_same(
    stage: Stage, github: FakeTracker, monkeypatch: pytest.MonkeyPatch
):
    made, store, synced = provided(stage, github)["id"], wiring.get_world().providers, []
    read = store.get

    def get(provider_id: str) -> Any:
        found = read(provider_id)
        if not synced:
            synced.append(found.last_synced_at)
            stage.settle()
        return found

    monkeypatch.setattr(store, "get", get)
    providers.remove_provider(wiring.get_world(), made)
    assert synced == [None]
    assert stage.ok("GET", "/api/tickets/providers")["providers"] == []


def test_a_wrong_credential_says_what_to_do(stage: Stage, tracker: FakeTracker):
    made = provided(stage, tracker, credential="wrong")
    stage.settle()
    (shown,) = stage.ok("GET", "/api/tickets/providers")["providers"]
    assert "give the provider a new one" in shown["lastError"]

    stage.now += timedelta(milliseconds=1)  # a credential is remembered until its row changes
    stage.ok("PATCH", f"/api/tickets/providers/{made['id']}", {"credential": CREDENTIAL})
    assert stage.ok("POST", "/api/tickets/sync") == {"accepted": 1}
    stage.settle()
    (shown,) = stage.ok("GET", "/api/tickets/providers")["providers"]
    assert (shown["lastError"], shown["failures"]) == (None, 0)
    assert shown["lastSyncedAt"] is not None


@pytest.mark.parametrize(
    "body, field",
    [
        ({"source": "github", "credential": "x"}, "config.repo"),
        ({"source": "github", "config": {"repo": "web"}, "credential": "x"}, "config.repo"),
        ({"source": "linear"}, "credential"),
        ({"source": "trello", "credential": "x"}, "source"),
        ({"source": "linear", "credential": "x", "config": {"repo": "a/b"}}, "config.repo"),
        ({"source": "jira", "credential": "x", "config": {"baseUrl": "https://a"}}, "config.email"),
    ],
)
def test_a_wrong_provider_names_the_field(stage: Stage, body: dict[str, Any], field: str):
    status, answer = stage.call("POST", "/api/tickets/providers", body)
    assert status == 400
    assert field in {fault["field"] for fault in answer["details"]}


def test_a_paused_definition_keeps_the_ticket_for_its_next_change(
    stage: Stage, github: FakeTracker
):
    made = waiting(stage, github, "agent")
    provided(stage, github)
    stage.settle()
    path = f"/api/tasks/{made['task']['id']}"
    stage.ok("PATCH", path, {"enabled": False})
    stage.pass_time(MINUTE)
    item = github.add("agent")
    stage.pass_time(3 * MINUTE)
    assert [(f["outcome"], f["reason"]) for f in ledger(stage, made)] == [("skipped", "paused")]

    stage.ok("PATCH", path, {"enabled": True})
    github.label(item, "agent", "urgent")
    stage.pass_time(2 * MINUTE)
    assert fired(stage, made) == {"github:acme/web#1": 1}
    (trigger,) = stage.ok("GET", f"{path}/triggers")["triggers"]
    told = stage.ok("GET", f"{path}/triggers/{trigger['id']}/explain")
    assert "github:acme/web#1 came" in told["answer"]
    again = stage.ok("POST", f"/api/firings/{told['firing']['id']}/redeliver")
    assert again["firingId"] != told["firing"]["id"]


HINTED = {
    "github": ("X-Hub-Signature-256", "sha256=", {"X-GitHub-Event": "issues"}),
    "linear": ("Linear-Signature", "", {"Linear-Event": "Issue"}),
    "jira": ("X-Hub-Signature", "sha256=", {}),
}


@pytest.mark.parametrize("source", sorted(HINTED))
def test_a_flood_of_hints_is_told_when_to_come_again_before_it_costs_anything(
    stage: Stage, source: str
):
    path = f"/api/webhooks/{source}"
    statuses = [stage.call("POST", path, b"{}", token="")[0] for _ in range(101)]
    assert statuses == [401] * 100 + [429]


@pytest.mark.parametrize("source", sorted(HINTED))
def test_a_signed_hint_of_the_tracker_is_looked_into_at_once(stage: Stage, source: str):
    header, prefix, named = HINTED[source]
    secret, body = "a secret of sixteen", b'{"webhookEvent": "jira:issue_updated"}'
    signature = prefix + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    path = f"/api/webhooks/{source}"

    def hint(signed: str) -> int:
        return stage.call("POST", path, body, token="", **named, **{header: signed})[0]

    with serving(FAKES[source](lambda: stage.now)) as fake:
        made = waiting(stage, fake, "agent")
        provided(stage, fake)
        stage.settle()
        stage.pass_time(MINUTE)
        fake.add("agent")

        assert hint(signature) == 401  # nobody has kept its secret yet
        stage.ok("PUT", f"/api/secrets/{WEBHOOK_SECRET_NAMES[source]}", {"value": secret})
        stage.now += timedelta(seconds=5)
        assert hint(prefix + "0" * 64) == 401
        stage.settle()
        assert not fired(stage, made)
        # Linear takes anything but 200 for a failure, and would send it again.
        assert hint(signature) == (200 if source == "linear" else 202)
        stage.settle()

        assert sum(fired(stage, made).values()) == 1
