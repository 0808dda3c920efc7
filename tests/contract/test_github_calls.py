"""Every call to GitHub: redirects followed whole, and nothing taken for a success that is none."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from chalicelib.domain.pull_requests.forge import ForgeCredential, ForgeError, ForgeLocation
from chalicelib.domain.pull_requests.pull_request import with_facts
from chalicelib.domain.texts.ticket_comment import CommentText, TextPart
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.domain.tickets.ticket import Comment, Ticket
from chalicelib.integrations.github.issues import GitHubIssues, open_tracker
from chalicelib.integrations.github.repository import GitHubForges, GitHubRepo
from chalicelib.ports import TrackerRateLimited, TrackerUnreachable
from tests.fakes.github import TOKEN, FakeGitHub, app_key
from tests.fakes.tracker import Said

pytestmark = pytest.mark.usefixtures("loopback")
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
RUN = "00000000-0000-4000-8000-000000000001"
BRANCH = "optio/task-1"


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    with FakeGitHub() as made:
        made.push(BRANCH, "a" * 40)
        yield made


def repo_at(fake: FakeGitHub, slug: str = "acme/web", *bots: str) -> GitHubRepo:
    place = ForgeLocation(api_url=f"{fake.url}/api/v3", slug=slug)
    return GitHubForges(lambda: NOON).open_forge(place, ForgeCredential(token=TOKEN), bots)


def opened(github: GitHubRepo) -> int:
    facts = github.open_pull_request(branch=BRANCH, base="main", title="t", body="b", draft=False)
    return facts.number


def tracker(base: str, **more: str) -> GitHubIssues:
    config = {"repo": "acme/web", "baseUrl": base, "doneState": "closed", **more}
    moments = {"created_at": NOON, "updated_at": NOON}
    provider = TicketProvider(id="p", name="P", source="github", config=config, **moments)
    return open_tracker(provider, TOKEN, NOON)


@pytest.mark.parametrize("keeps_query", [True, False])
@pytest.mark.parametrize("new", ["acme/site", "other/site"])
def test_a_repo_that_was_renamed_or_moved_is_worked_with_as_before(
    fake: FakeGitHub, new: str, keeps_query: bool
):
    github = repo_at(fake)
    number = opened(github)
    fake.rename(new)
    fake.keeps_query = keeps_query
    fake.review(number, "CHANGES_REQUESTED", "No.")
    fake.issue("Bug", [])

    assert github.find_pull_request(BRANCH, "a" * 40) is not None
    assert opened(github) == number
    github.add_labels(number, ["bot"])
    github.rewrite_body(number, "new")
    github.mark_ready(number)
    facts = github.read_facts(number, None)
    assert (facts.reviews, github.read_body(number)) == ("changes_requested", "new")
    assert "ann says:\nNo." in github.read_failure_details(facts)
    assert github.merge_pull_request(facts, "t", "m")
    github.delete_branch(BRANCH)
    assert (fake.pulls[number]["merged"], BRANCH in fake.heads) == (True, False)
    assert fake.pulls[number]["labels"] == ["bot"]


def test_an_app_mints_its_token_at_a_renamed_repo(fake: FakeGitHub):
    fake.rename("acme/site")
    place = ForgeLocation(api_url=f"{fake.url}/api/v3", slug="acme/web")
    app = ForgeCredential(app_id="1", app_key=app_key())

    assert GitHubForges(lambda: NOON).open_forge(place, app).read_head("main") == "b" * 40


@pytest.mark.parametrize("keeps_query", [True, False])
def test_every_issue_of_a_renamed_repo_is_listed_once(fake: FakeGitHub, keeps_query: bool):
    fake.keeps_query = keeps_query
    fake.issues_of_tests(250)
    fake.rename("acme/site")

    pages = list(tracker(f"{fake.url}/api/v3").iter_changed(NOON))

    numbers = [ticket.number for page in pages for ticket in page.tickets]
    assert sorted(set(numbers)) == sorted(fake.book.items)
    assert len(pages) <= 5


def test_comments_and_ends_of_tickets_reach_a_renamed_repo(fake: FakeGitHub):
    number = fake.issue("Bug", [])
    fake.rename("acme/site")
    issues = tracker(f"{fake.url}/api/v3")
    ticket = f"acme/web#{number}"
    note = CommentText(run_id=RUN, lines=((TextPart("Done."),),))

    made = issues.write_comment(ticket, None, note)
    assert issues.write_comment(ticket, made, note) == made
    issues.finish_ticket(ticket)

    item = fake.book.items[number]
    assert (item.open, len(item.ours), item.ours[0].edits) == (False, 1, 1)


Seen = list[tuple[str, str, str | None]]


@contextmanager
def answering(answer: Callable[[str, str], tuple[int, dict[str, str], bytes]]) -> Iterator[Any]:
    """Serve answers of a test; yield the address, and what was asked with which credential."""
    asked: Seen = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append((self.command, self.path, self.headers.get("Authorization")))
            status, headers, body = answer(self.command, self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def github_at(url: str) -> GitHubRepo:
    return GitHubForges(lambda: NOON).open_forge(
        ForgeLocation(api_url=url, slug="a/b"), ForgeCredential(token=TOKEN)
    )


CALLS: dict[str, Callable[[GitHubRepo], object]] = {
    "find": lambda github: github.find_pull_request("x", None),
    "open": lambda github: github.open_pull_request(
        branch="x", base="y", title="t", body="b", draft=False
    ),
    "look": lambda github: github.read_facts(1, None),
    "label": lambda github: github.add_labels(1, ["a"]),
    "rewrite": lambda github: github.rewrite_body(1, "b"),
    "close": lambda github: github.close_issue(1),
    "delete": lambda github: github.delete_branch("x"),
    "head": lambda github: github.read_head("x"),
    "ready": lambda github: github.mark_ready(1),
}
JSON = {"Content-Type": "application/json"}
NO_SUCCESS = {
    "a redirect without a place": (307, JSON, b'{"message": "Temporary Redirect"}'),
    "not modified, though nobody asked": (304, JSON, b""),
    "accepted": (202, JSON, b"{}"),
    "a page": (200, {"Content-Type": "text/html"}, b"<html>Sign in</html>"),
    "the other kind of JSON": (200, JSON, b'"hello"'),
    "see other": (303, {**JSON, "Location": "/x"}, b"{}"),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("answer", NO_SUCCESS)
def test_what_is_no_success_of_a_call_is_a_fault_that_a_person_can_act_on(name: str, answer: str):
    told = answering(lambda method, path: NO_SUCCESS[answer])
    with told as (url, _), pytest.raises(ForgeError) as caught:
        CALLS[name](github_at(url))

    assert str(caught.value), caught.value.kind


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_no_credential_follows_a_redirect_to_another_host(status: int, method: str):
    calls = {"GET": "head", "POST": "open", "PATCH": "rewrite", "DELETE": "delete"}
    with answering(lambda method, path: (200, JSON, b"{}")) as (other, heard):
        target = {"Location": f"{other}/repos/a/b"}
        led = answering(lambda method, path: (status, target, b"{}"))
        with led as (url, _), pytest.raises(ForgeError, match="another host") as caught:
            CALLS[calls[method]](github_at(url))

    assert heard == []
    assert (caught.value.kind, caught.value.passes) == ("misdirected", False)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_keeps_method_body_and_query(status: int):
    def answer(method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        if path.startswith("/repos/a/b"):
            return status, {"Location": path.replace("/repos/a/b", "/repositories/7")}, b"{}"
        made = {"number": 1, "html_url": "u", "state": "open"}
        facts = {**made, "head": {"sha": "s", "ref": "x"}, "base": {"ref": "y"}}
        return (201, JSON, json.dumps(facts).encode()) if method == "POST" else (200, JSON, b"[]")

    with answering(answer) as (url, asked):
        github = github_at(url)
        assert (
            github.open_pull_request(branch="x", base="y", title="t", body="b", draft=False).number
            == 1
        )
        asked.clear()
        github._pulls_of("a", "x")

    followed = [path for method, path, _ in asked if path.startswith("/repositories/7")]
    (query,) = [dict(parse_qsl(urlsplit(path).query)) for path in followed]
    assert query == {"head": "a:x", "state": "all", "per_page": "30"}


def test_a_redirect_in_a_circle_ends():
    led = answering(lambda method, path: (301, {"Location": path}, b"{}"))
    with led as (url, asked), pytest.raises(ForgeError, match="circle"):
        github_at(url).read_head("x")

    assert len(asked) <= 6


def listed(number: int) -> bytes:
    issue = {
        "id": number,
        "number": number,
        "title": "t",
        "html_url": "u",
        "state": "open",
        "labels": [],
    }
    return json.dumps([{**issue, "updated_at": "2026-05-04T12:00:00Z"}]).encode()


def test_a_list_of_issues_that_does_not_go_on_ends_with_an_error():
    """Its link leads back to the page that it came with."""

    def answer(method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        return 200, {**JSON, "Link": f'<http://x{path}>; rel="next"'}, listed(1)

    with answering(answer) as (url, asked):
        with pytest.raises(TrackerUnreachable, match="read before"):
            list(tracker(url).iter_changed(NOON))
        with pytest.raises(TrackerUnreachable, match="read before"):
            tracker(url).find_comment("acme/web#1", RUN)

    assert len(asked) <= 6


@pytest.mark.parametrize("answer", NO_SUCCESS)
def test_no_ticket_is_called_done_that_was_not_closed(answer: str):
    with answering(lambda method, path: NO_SUCCESS[answer]) as (url, _):
        for call in (
            lambda issues: issues.finish_ticket("acme/web#1"),
            lambda issues: issues.write_comment(
                "acme/web#1", None, CommentText(run_id=RUN, lines=())
            ),
            lambda issues: list(issues.iter_changed(NOON)),
        ):
            with pytest.raises(TrackerUnreachable) as caught:
                call(tracker(url))
            assert str(caught.value)


def test_an_abuse_answer_without_headers_is_waited_for():
    said = b'{"message": "You have triggered an abuse detection mechanism. Please wait."}'
    with answering(lambda method, path: (403, JSON, said)) as (url, _):
        with pytest.raises(ForgeError) as caught:
            github_at(url).read_head("x")
        with pytest.raises(TrackerRateLimited):
            tracker(url).finish_ticket("acme/web#1")

    assert (caught.value.kind, caught.value.passes) == ("rate_limited", True)
    assert caught.value.wait == timedelta(minutes=1)


def test_an_archived_repo_says_so(fake: FakeGitHub):
    fake.archived = True

    with pytest.raises(ForgeError, match="archived and read-only: unarchive it") as caught:
        opened(repo_at(fake))

    assert caught.value.kind == "archived"


@pytest.mark.parametrize(
    "allowed, method", [({"squash"}, "squash"), ({"merge", "rebase"}, "merge"), ({"rebase"},) * 2]
)
def test_a_merge_takes_a_method_that_the_repo_allows(
    fake: FakeGitHub, allowed: set[str], method: object
):
    fake.methods = allowed
    github = repo_at(fake)
    facts = github.read_facts(opened(github), None)

    assert github.merge_pull_request(facts, "t", "m")

    (done,) = fake.merged
    assert done["merge_method"] in allowed
    assert done["merge_method"] == method or method == {"rebase"}


def test_a_rule_that_forbids_a_method_is_answered_with_the_next_one(fake: FakeGitHub):
    github = repo_at(fake)
    facts = github.read_facts(opened(github), None)
    fake.fail("PUT", "/merge", 405, message="Squash merges are not allowed on this repository.")

    assert github.merge_pull_request(facts, "t", "m")
    assert fake.merged[0]["merge_method"] == "merge"


def test_a_merge_queue_takes_the_commit_that_was_judged(fake: FakeGitHub):
    fake.has_queue = True
    github = repo_at(fake)
    number = opened(github)
    facts = github.read_facts(number, None)

    assert not github.is_enqueued(number)
    assert not github.merge_pull_request(facts, "t", "m")
    assert github.is_enqueued(number)
    fake.push(BRANCH, "d" * 40)
    with pytest.raises(ForgeError, match="Head branch was modified"):
        github.merge_pull_request(facts, "t", "m")


@pytest.mark.parametrize(
    "role, counts",
    [
        *(("admin", True), ("maintain", True), ("write", True)),
        *(("triage", False), ("read", False), ("none", False)),
    ],
)
def test_only_who_may_write_objects_or_approves(fake: FakeGitHub, role: str, counts: bool):
    github = repo_at(fake)
    number = opened(github)
    fake.permissions["carl"] = role
    fake.review(number, "CHANGES_REQUESTED", "Pay me.", who="carl")
    fake.comments[number] = [{"user": {"login": "carl"}, "body": "Here.", "path": "a.py"}]

    facts = github.read_facts(number, None)
    said = github.read_failure_details(facts)

    assert facts.reviews == ("changes_requested" if counts else "none")
    assert ("Pay me." in said, "Here." in said) == (counts, counts)
    fake.review(number, "APPROVED", who="carl")
    assert github.read_facts(number, None).reviews == ("approved" if counts else "none")


def test_an_approval_of_a_stranger_withdraws_no_objection(fake: FakeGitHub):
    github = repo_at(fake)
    number = opened(github)
    fake.review(number, "CHANGES_REQUESTED", "No.", who="ann")
    fake.review(number, "APPROVED", who="mallory")

    assert github.read_facts(number, None).reviews == "changes_requested"


def test_strangers_crowd_out_nobody_and_hide_no_objection(fake: FakeGitHub):
    github = repo_at(fake)
    number = opened(github)
    strangers = [{"user": {"login": "eve"}, "body": "Buy!", "path": "a"} for _ in range(230)]
    fake.comments[number] = [*strangers, {"user": {"login": "ann"}, "body": "Rename.", "path": "a"}]
    for _ in range(230):
        fake.review(number, "COMMENTED", "Buy!", who="eve")
    fake.review(number, "CHANGES_REQUESTED", "No.", who="ann")

    facts = github.read_facts(number, None)
    assert facts.reviews == "changes_requested"
    said = github.read_failure_details(facts)
    assert ("No." in said, "Rename." in said, "Buy!" in said) == (True, True, False)

    for _ in range(1800):
        fake.review(number, "COMMENTED", "Buy!", who="eve")
    facts = github.read_facts(number, None)
    assert facts.reviews == "unknown"
    assert "more than 2,000" in (facts.problem or "")


def test_a_bot_counts_where_the_repo_names_it(fake: FakeGitHub):
    number = opened(repo_at(fake))
    fake.review(number, "CHANGES_REQUESTED", "Rename it.", who="CodeRabbitAI[bot]")

    assert repo_at(fake).read_facts(number, None).reviews == "none"
    named = repo_at(fake, "acme/web", "coderabbitai[bot]")
    facts = named.read_facts(number, None)
    assert facts.reviews == "changes_requested"
    assert "Rename it." in named.read_failure_details(facts)
    assert repo_at(fake, "acme/web", "coderabbitai").read_facts(number, None).reviews == "none"


def test_whose_permission_cannot_be_asked_is_unknown_and_steers_nobody(fake: FakeGitHub):
    github = repo_at(fake)
    number = opened(github)
    fake.review(number, "CHANGES_REQUESTED", "Pay me.", who="ann")
    must = "Must have push access to view collaborator permission."
    fake.fail("GET", "/permission", 403, message=must, times=9)

    facts = github.read_facts(number, None)

    assert facts.reviews == "unknown"
    assert "Must have push access" in (facts.problem or "")
    assert "Pay me." not in github.read_failure_details(facts)


def test_a_permission_is_asked_once_in_minutes_and_then_again(fake: FakeGitHub):
    now = [NOON]
    place = ForgeLocation(api_url=f"{fake.url}/api/v3", slug=fake.slug)
    github = GitHubForges(lambda: now[0]).open_forge(place, ForgeCredential(token=TOKEN))
    number = opened(github)
    fake.review(number, "APPROVED", who="ann")
    pull = with_facts(None, github.read_facts(number, None), NOON)
    assert pull.facts.reviews == "approved"

    fake.permissions["ann"] = "read"
    assert github.read_facts(number, pull).reviews == "approved"
    now[0] += timedelta(minutes=6)
    assert github.read_facts(number, pull).reviews == "none"

    asked = [path for _, path, _ in fake.calls if path.endswith("/permission")]
    assert len(asked) == 2


def test_the_newest_run_of_a_check_counts(fake: FakeGitHub):
    github = repo_at(fake)
    number = opened(github)
    fake.check("a" * 40, "cancelled")
    fake.check("a" * 40, "success", beside=True)
    facts = github.read_facts(number, None)
    assert facts.check_state == "success"
    assert "cancelled" not in github.read_failure_details(facts)

    fake.check("a" * 40, "failure", app="another")
    fake.check("a" * 40, "success", beside=True)
    assert github.read_facts(number, None).check_state == "failure"
    fake.check("a" * 40, "stale")
    facts = github.read_facts(number, None)
    assert (facts.check_state, facts.pending_checks) == ("pending", "'ci'")


def issue_of(fake: FakeGitHub, *labels: str, **more: Any) -> Ticket:
    number = fake.issue("Bug", list(labels))
    for name, value in more.items():
        setattr(fake.book.items[number], name, value)
    (page,) = tracker(f"{fake.url}/api/v3").iter_changed(NOON)
    return next(ticket for ticket in page.tickets if ticket.number == number)


def read(fake: FakeGitHub, ticket: Ticket, **config: str) -> tuple[Ticket, list[Comment]]:
    return tracker(f"{fake.url}/api/v3", **config).read_ticket(ticket)


@pytest.mark.parametrize(
    "author, setter, counts",
    [
        pytest.param("ann", None, True, id="who may write labels their own"),
        pytest.param("mallory", None, False, id="a form labels what a stranger opens"),
        pytest.param("mallory", "ann", True, id="who may write labels a stranger's"),
        pytest.param("mallory", "eve", False, id="another stranger"),
        pytest.param("mallory", "labeler[bot]", False, id="a bot that nobody named"),
        pytest.param("mallory", "triage[bot]", True, id="a bot that was named"),
    ],
)
@pytest.mark.parametrize("noise", [0, 150])
def test_a_label_counts_by_who_set_it(
    fake: FakeGitHub, author: str, setter: str | None, counts: bool, noise: int
):
    fake.book.noise = noise
    setters = {"agent": setter} if setter else {}
    ticket = issue_of(fake, "agent", author=author, setters=setters)

    whole, _ = read(fake, ticket, trustedBots="Triage[bot] other[bot]")

    assert ticket.labels == ("agent",)
    assert whole.labels == (("agent",) if counts else ())


def test_a_strangers_comment_is_left_out_and_told(fake: FakeGitHub):
    ticket = issue_of(fake, author="mallory")
    item = fake.book.items[ticket.number or 0]
    for who in ("ann", "eve", "mallory", "eve", "ci[bot]"):
        item.said.append(Said(f"{len(item.said)}", f"by {who}", who=who))
    item.say(f"Done.\n\n<!-- optio:task/{RUN} -->")

    _, said = read(fake, ticket)

    assert [comment.body for comment in said[:-1]] == ["by ann", "by mallory"]
    assert said[-1].author == "optio"
    assert said[-1].body.startswith("3 comments of others are left out")


@pytest.mark.parametrize("author", ["ann", "mallory"])
@pytest.mark.parametrize("path", ["/permission", "/timeline"])
@pytest.mark.parametrize("status", [403, 502])
def test_what_cannot_be_asked_about_an_issue_fires_nothing_and_is_told(
    fake: FakeGitHub, author: str, path: str, status: int
):
    ticket = issue_of(fake, "agent", author=author, setters={"agent": "bob"})
    fake.fail("GET", path, status, message="Must have push access", times=9)
    if (author, path) == ("ann", "/timeline"):
        assert read(fake, ticket)[0].labels == ("agent",)  # it needs not be asked
        return

    with pytest.raises(
        TrackerUnreachable, match="labels and comments count cannot be asked"
    ) as caught:
        read(fake, ticket)

    assert caught.value.passes is (status == 502)


def test_comments_of_whom_nobody_may_ask_are_left_out(fake: FakeGitHub):
    ticket = issue_of(fake, author="mallory")
    fake.book.items[ticket.number or 0].said.append(Said("7", "by ann", who="ann"))
    fake.fail("GET", "/permission", 403, message="Must have push access", times=9)

    _, said = read(fake, ticket)

    assert [comment.author for comment in said] == ["optio"]


def test_an_issue_that_is_gone_carries_no_label(fake: FakeGitHub):
    ticket = issue_of(fake, "agent", author="mallory", setters={"agent": "ann"})
    fake.fail("GET", "/timeline", 404, message="Not Found", times=9)

    assert read(fake, ticket)[0].labels == ()
