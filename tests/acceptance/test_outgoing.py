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
