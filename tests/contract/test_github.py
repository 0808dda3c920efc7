"""GitHub as the core sees it: our adapter against a GitHub over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.forge import Credential, ForgeError, Place
from chalicelib.domain.pull_request import seen
from chalicelib.integrations.github import GitHub, GitHubs
from tests.fakes.github import TOKEN, FakeGitHub, app_key
from tests.shared import shared

pytestmark = pytest.mark.usefixtures("loopback")

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    with FakeGitHub() as made:
        made.push("optio/task-1", "a" * 40)
        yield made


@pytest.fixture
def github(fake: FakeGitHub) -> GitHub:
    place = Place(api_url=f"{fake.url}/api/v3", slug=fake.slug)
    return GitHubs(lambda: NOON).at(place, Credential(token=TOKEN))


def opened(github: GitHub) -> int:
    facts = github.open(branch="optio/task-1", base="main", title="t", body="b", draft=False)
    return facts.number


def test_what_goes_over_the_wire_is_as_github_describes_it(fake: FakeGitHub):
    shared("specs", "github.json")

    assert fake.description is not None
    assert fake.description.request("POST", "/repos/a/b/pulls", {}, {"title": "t", "nonsense": 1})
    assert fake.description.request("GET", "/repos/a/b/pulls", {"nonsense": "1"}, None)
    assert fake.description.request("GET", "/repos/a/b/nonsense", {}, None)
    assert fake.description.answer("GET", "/repos/a/b/pulls/1", 200, {"number": "one"})
    assert fake.description.answer("GET", "/repos/a/b/pulls/1", 200, {"number": 1}) == []


def test_a_second_opening_finds_the_first_one(github: GitHub, fake: FakeGitHub):
    assert opened(github) == opened(github)
    assert len(fake.pulls) == 1


def test_the_hundred_and_first_check_counts_too(github: GitHub, fake: FakeGitHub):
    number = opened(github)
    for index in range(100):
        fake.check("a" * 40, "success", name=f"check {index}")
    pull = seen(None, github.look(number, None), NOON)
    assert pull.facts.checks == "success"

    fake.check("a" * 40, "failure", name="the last one")

    assert github.look(number, pull).checks == "failure"


def test_checks_of_an_older_commit_say_nothing_of_a_new_one(github: GitHub, fake: FakeGitHub):
    number = opened(github)
    fake.check("a" * 40, "failure")
    pull = seen(None, github.look(number, None), NOON)
    assert pull.facts.checks == "failure"

    fake.push("optio/task-1", "d" * 40)

    assert github.look(number, pull).checks == "none"


def test_only_the_commit_that_was_judged_is_merged(github: GitHub, fake: FakeGitHub):
    facts = github.look(opened(github), None)
    fake.push("optio/task-1", "d" * 40)

    with pytest.raises(ForgeError, match="Head branch was modified") as caught:
        github.merge(facts, "t", "m")

    assert caught.value.kind == "conflict"


def test_a_branch_that_is_gone_is_as_good_as_deleted(github: GitHub, fake: FakeGitHub):
    github.delete_branch("optio/task-1")
    github.delete_branch("optio/task-1")

    assert "optio/task-1" not in fake.heads


def test_a_forge_that_cannot_be_reached_is_asked_again():
    place = Place(api_url="http://127.0.0.1:9/api/v3", slug="a/b")

    with pytest.raises(ForgeError, match="cannot be reached") as caught:
        GitHubs(lambda: NOON).at(place, Credential(token=TOKEN)).find("x", None)

    assert caught.value.passes


def test_an_apps_token_is_kept_and_renewed_before_it_ends(fake: FakeGitHub):
    now = [NOON]
    forges = GitHubs(lambda: now[0])
    place = Place(api_url=f"{fake.url}/api/v3", slug=fake.slug)
    app = Credential(app_id="1", app_key=app_key())

    assert forges.at(place, app).head("main") == "b" * 40
    forges.at(place, app).head("main")
    assert fake.minted == 1
    now[0] = NOON + timedelta(minutes=56)
    forges.at(place, app).head("main")

    assert fake.minted == 2
    assert "BEGIN" not in repr(app)


def test_a_key_that_is_none_says_so(fake: FakeGitHub):
    place = Place(api_url=f"{fake.url}/api/v3", slug=fake.slug)
    app = Credential(app_id="1", app_key="no key")

    with pytest.raises(ForgeError, match="credential") as caught:
        GitHubs(lambda: NOON).at(place, app).token()

    assert (caught.value.kind, caught.value.passes) == ("unauthorized", False)
