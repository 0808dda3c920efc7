"""A repo that no public network has is refused when it is saved."""

from __future__ import annotations

import pytest

from chalicelib.settings import settings
from tests.conftest import Stage

REFUSED = [
    *("https://127.0.0.1/a/b", "http://169.254.170.2/a/b", "git@127.1:a/b", "ssh://git@[::1]/a/b"),
    *("https://localhost/a/b", "https://gitserver/a/b", "https://--upload-pack=x/a/b"),
    *("ext::sh -c id", "--upload-pack=/bin/sh", "ssh://-oProxyCommand=id/a"),
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
    for url in ("https://10.1.2.3/a/b", "git@gitserver:a/b", "acme/web"):
        assert stage.call("POST", "/api/repos", {"repoUrl": url})[0] == 201


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
