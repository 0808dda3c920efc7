"""GitHub as the core sees it: our adapter against a GitHub over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.pull_requests.forge import ForgeCredential, ForgeError, ForgeLocation
from chalicelib.domain.pull_requests.pull_request import with_facts
from chalicelib.integrations.github.repository import GitHubForges, GitHubRepo
from tests.fakes.github import TOKEN, FakeGitHub, app_key
from tests.support.shared import shared

pytestmark = pytest.mark.usefixtures("loopback")

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    with FakeGitHub() as made:
        made.push("optio/task-1", "a" * 40)
        yield made


@pytest.fixture
def github(fake: FakeGitHub) -> GitHubRepo:
    place = ForgeLocation(api_url=f"{fake.url}/api/v3", slug=fake.slug)
    return GitHubForges(lambda: NOON).open_forge(place, ForgeCredential(token=TOKEN))


def opened(github: GitHubRepo) -> int:
    facts = github.open_pull_request(
        branch="optio/task-1", base="main", title="t", body="b", draft=False
    )
    return facts.number


def test_what_goes_over_the_wire_is_as_github_describes_it(fake: FakeGitHub):
    shared("specs", "github.json")

    assert fake.description is not None
    assert fake.description.request("POST", "/repos/a/b/pulls", {}, {"title": "t", "nonsense": 1})
    assert fake.description.request("GET", "/repos/a/b/pulls", {"nonsense": "1"}, None)
    assert fake.description.request("GET", "/repos/a/b/nonsense", {}, None)
    assert fake.description.answer("GET", "/repos/a/b/pulls/1", 200, {"number": "one"})
    assert fake.description.answer("GET", "/repos/a/b/pulls/1", 200, {"number": 1}) == []


def test_a_second_opening_finds_the_first_one(github: GitHubRepo, fake: FakeGitHub):
    assert opened(github) == opened(github)
    assert len(fake.pulls) == 1


def test_the_hundred_and_first_check_counts_too(github: GitHubRepo, fake: FakeGitHub):
    number = opened(github)
    for index in range(100):
        fake.check("a" * 40, "success", name=f"check {index}")
    pull = with_facts(None, github.read_facts(number, None), NOON)
    assert pull.facts.check_state == "success"

    fake.check("a" * 40, "failure", name="the last one")

    assert github.read_facts(number, pull).check_state == "failure"


def test_checks_of_an_older_commit_say_nothing_of_a_new_one(github: GitHubRepo, fake: FakeGitHub):
    number = opened(github)
    fake.check("a" * 40, "failure")
    pull = with_facts(None, github.read_facts(number, None), NOON)
    assert pull.facts.check_state == "failure"

    fake.push("optio/task-1", "d" * 40)

    assert github.read_facts(number, pull).check_state == "none"


def test_only_the_commit_that_was_judged_is_merged(github: GitHubRepo, fake: FakeGitHub):
    facts = github.read_facts(opened(github), None)
    fake.push("optio/task-1", "d" * 40)

    with pytest.raises(ForgeError, match="Head branch was modified") as caught:
        github.merge_pull_request(facts, "t", "m")

    assert caught.value.kind == "conflict"


def test_a_branch_that_is_gone_is_as_good_as_deleted(github: GitHubRepo, fake: FakeGitHub):
    github.delete_branch("optio/task-1")
    github.delete_branch("optio/task-1")

    assert "optio/task-1" not in fake.heads


def test_a_forge_that_cannot_be_reached_is_asked_again():
    place = ForgeLocation(api_url="http://127.0.0.1:9/api/v3", slug="a/b")

    with pytest.raises(ForgeError, match="cannot be reached") as caught:
        GitHubForges(lambda: NOON).open_forge(
            place, ForgeCredential(token=TOKEN)
        ).find_pull_request("x", None)

    assert caught.value.passes


def test_an_apps_token_is_kept_and_renewed_before_it_ends(fake: FakeGitHub):
    now = [NOON]
    forges = GitHubForges(lambda: now[0])
    place = ForgeLocation(api_url=f"{fake.url}/api/v3", slug=fake.slug)
    app = ForgeCredential(app_id="1", app_key=app_key())

    assert forges.open_forge(place, app).read_head("main") == "b" * 40
    forges.open_forge(place, app).read_head("main")
    assert fake.minted == 1
    now[0] = NOON + timedelta(minutes=56)
    forges.open_forge(place, app).read_head("main")

    assert fake.minted == 2
    assert "BEGIN" not in repr(app)


def test_a_key_that_is_none_says_so(fake: FakeGitHub):
    place = ForgeLocation(api_url=f"{fake.url}/api/v3", slug=fake.slug)
    app = ForgeCredential(app_id="1", app_key="no key")

    with pytest.raises(ForgeError, match="credential") as caught:
        GitHubForges(lambda: NOON).open_forge(place, app).get_token()

    assert (caught.value.kind, caught.value.passes) == ("unauthorized", False)
