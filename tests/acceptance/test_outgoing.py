"""A repo that no public network has is refused when it is saved."""

from __future__ import annotations

import pytest

from chalicelib.domain.access.key import ROLE_SCOPES, Role
from chalicelib.settings import settings
from tests.conftest import Stage, key_of
from tests.support.browser import Browser
from tests.support.runner_calls import claimed

TASK = {"name": "N", "prompt": "P", "agentType": "command", "agentCommand": "true"}
REFUSED = [
    *("https://127.0.0.1/a/b", "http://169.254.170.2/a/b", "git@127.1:a/b", "ssh://git@[::1]/a/b"),
    *("https://localhost/a/b", "https://gitserver/a/b", "https://--upload-pack=x/a/b"),
    *("ext::sh -c id", "--upload-pack=/bin/sh", "ssh://-oProxyCommand=id/a"),
    *("ssh://-oProxyCommand=id@a.example/b/c", "ssh://git@10.0.0.1%2fa.example/b/c"),
    *("https://10.0.0.0xa/a/b", "git@10.0.0.0xa:a/b", "https://[::ffff:a00:1]/a/b"),
]


@pytest.mark.parametrize("url", REFUSED)
def test_a_repo_where_no_request_may_go_is_refused(stage: Stage, url: str):
    for path, body in (
        ("/api/repos", {"repoUrl": url}),
        ("/api/tasks", {"type": "repo-blueprint", "name": "N", "prompt": "P", "repoUrl": url}),
    ):
        status, answer = stage.call("POST", path, body)
        assert status == 400, url
        assert [fault["field"] for fault in answer["details"]] == ["repoUrl"]


def test_a_private_repo_that_the_stage_names_is_taken(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(settings.__dict__, "allowed_private", ("10.1.2.3", "gitserver"))
    for url in (
        "https://10.1.2.3/a/b",
        "git@gitserver:a/b",
        "acme/web",
        "https://[2606:4700::1111]/a/b",
    ):
        assert stage.call("POST", "/api/repos", {"repoUrl": url})[0] == 201


PLAIN = "http://git.corp.example/a/b"


def test_a_repo_over_http_is_refused_with_what_would_let_it_in(stage: Stage):
    for path, body in (
        ("/api/repos", {"repoUrl": PLAIN}),
        ("/api/tasks", {**TASK, "repoUrl": PLAIN}),
    ):
        status, answer = stage.call("POST", path, body)
        (fault,) = answer["details"]
        assert (status, fault["field"]) == (400, "repoUrl")
        assert "OPTIO_ALLOW_PRIVATE_URLS" in fault["message"]


def test_a_definition_whose_repo_is_named_no_more_can_still_be_paused(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    body = {**TASK, "type": "repo-blueprint", "repoUrl": PLAIN}
    with monkeypatch.context() as before:
        before.setitem(settings.__dict__, "allowed_private", ("git.corp.example",))
        made = stage.ok("POST", "/api/tasks", body)["task"]["id"]
    stage.ok("PATCH", f"/api/tasks/{made}", {"enabled": False})
    for url in ("http://git.corp.example/a/c", "https://10.1.2.3/a/b"):
        status, told = stage.call("PATCH", f"/api/tasks/{made}", {"repoUrl": url})
        assert (status, [one["field"] for one in told["details"]]) == (400, ["repoUrl"])


def test_a_runner_clones_over_http_only_what_the_stage_names_when_it_claims(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(settings.__dict__, "allowed_private", ("GIT.corp.example",))
    orders = []
    for rules in (("GIT.corp.example",), ("10.0.0.0/8",)):
        stage.ok("POST", "/api/tasks", {**TASK, "repoUrl": PLAIN})
        stage.settle()
        with monkeypatch.context() as later:
            later.setitem(settings.__dict__, "allowed_private", rules)
            orders.append(claimed(stage)["repo"])
    assert [(one["url"], one["plainHttp"]) for one in orders] == [(PLAIN, True), (PLAIN, False)]


def test_what_is_named_for_http_is_one_host_and_not_a_network(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(settings.__dict__, "allowed_private", ("10.0.0.0/8",))
    for url, status in (("https://10.1.2.3/a/b", 201), ("http://10.1.2.3/a/b", 400)):
        assert stage.call("POST", "/api/repos", {"repoUrl": url})[0] == status


def test_a_directory_is_a_repo_of_a_local_stage_alone(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    assert stage.call("POST", "/api/repos", {"repoUrl": "file:///srv/web"})[0] == 201
    monkeypatch.setitem(settings.__dict__, "file_repos", False)
    status, answer = stage.call("POST", "/api/repos", {"repoUrl": "file:///srv/api"})
    assert (status, answer["details"][0]["field"]) == (400, "repoUrl")


INSIDE = ("https://127.0.0.1/api", "http://169.254.169.254/latest", "https://[::ffff:10.0.0.1]")


@pytest.mark.parametrize("url", [*INSIDE, "http://tracker.example.com", "https://2852039166"])
def test_a_forge_or_tracker_where_no_request_may_go_is_refused(stage: Stage, url: str):
    repo = {"repoUrl": "acme/web", "forgeApiUrl": url}
    config = {"baseUrl": url, "email": "a@example.com"}
    provider = {"source": "jira", "config": config, "credential": "a token"}
    for path, body, field in (
        ("/api/repos", repo, "forgeApiUrl"),
        ("/api/tickets/providers", provider, "config.baseUrl"),
    ):
        status, answer = stage.call("POST", path, body)
        assert status == 400, (path, url)
        assert [fault["field"] for fault in answer["details"]] == [field]


def test_only_who_keeps_credentials_says_where_that_of_the_forge_is_sent(stage: Stage):
    key_of("optio_pat_member", ROLE_SCOPES[Role.MEMBER])
    theirs = {"repoUrl": "https://evil.example/a/b", "forgeApiUrl": "https://evil.example/api/v3"}
    ours = {"repoUrl": "https://git.example/a/b", "forgeApiUrl": "https://git.example/api/v3"}
    made = stage.ok("POST", "/api/repos", ours)["repo"]

    for method, path, body in (
        ("POST", "/api/repos", theirs),
        ("PATCH", f"/api/repos/{made['id']}", {"forgeApiUrl": theirs["forgeApiUrl"]}),
    ):
        status, answer = stage.call(method, path, body, token="optio_pat_member")
        assert status == 403
        assert "forgeApiUrl" in answer["error"]
    browser = Browser(stage).sign_in("optio_pat_member")
    page = browser.post("/repos", **theirs)
    assert page.status == 403
    assert "where the credential of the forge is sent" in page.text
    kept = {"forgeApiUrl": ours["forgeApiUrl"], "maxConcurrentTasks": 3}
    status, answer = stage.call("PATCH", f"/api/repos/{made['id']}", kept, token="optio_pat_member")
    assert (status, answer["repo"]["forgeApiUrl"]) == (200, ours["forgeApiUrl"])
    assert [repo["repoUrl"] for repo in stage.ok("GET", "/api/repos")["repos"]] == [made["repoUrl"]]
