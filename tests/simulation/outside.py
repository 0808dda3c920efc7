"""A storm's outside world: a forge, a tracker and builds, each as bad as those of strangers are.

Their errors are transient: permanent refusals are not part of the weather.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.actions.jobs import builds
from chalicelib.actions.pull_requests import forge_events
from chalicelib.actions.tickets import providers
from chalicelib.domain.access.secret import GLOBAL_SCOPE, Secret
from chalicelib.domain.errors import DomainError
from chalicelib.domain.pull_requests.forge import TOKEN, ForgeError, ForgeLocation
from chalicelib.domain.pull_requests.pull_request import Facts, PullRequest
from chalicelib.domain.repos.repo import Repo, repo_id
from chalicelib.domain.runs.build import BuildEnd, BuildEnvironment
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import State
from chalicelib.domain.texts.ticket_comment import CommentText
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.domain.tickets.ticket import Comment, Ticket
from chalicelib.domain.triggers.trigger import OnTicket
from chalicelib.ports import TicketPage, TrackerRateLimited, TrackerUnreachable
from chalicelib.ports.services import BuildCapacityExceeded
from tests.simulation.weather import MOST_SKEW

if TYPE_CHECKING:
    from tests.simulation.simulator import Simulator

SHARE_OF_ERRORS = 0.06
MOST_ANSWERED_LATE = timedelta(seconds=30)
LABEL, HEAD = "agent", "a"
PROVIDER = "00000000-0000-4000-8000-00000000000a"


@dataclass
class Branch:
    """A pull request as its forge has it, and as it was before the last change."""

    facts: Facts
    slug: str
    branch: str
    before: Facts | None = None
    changed_at: datetime | None = None


@dataclass
class Said:
    """A ticket, and the comments of ours that it has."""

    ticket: Ticket
    comments: dict[str, str] = field(default_factory=dict)
    finished: bool = False


class Strangers:
    """Shared parts of foreign systems: errors before and after they did as requested."""

    def __init__(self, outside: Outside, thing: Any, errors: Sequence[Callable[[], Exception]]):
        self._outside, self._thing, self._errors = outside, thing, errors

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._thing, name)

        def call(*given: Any, **named: Any) -> Any:
            self._outside.simulator.before_call()
            self._fail()
            answer = method(*given, **named)
            self._fail()
            self._outside.simulator.after_call()
            return answer

        return call

    def _fail(self) -> None:
        if self._outside.is_harsh() and self._outside.rng.random() < SHARE_OF_ERRORS:
            raise self._outside.rng.choice(self._errors)()


def _away() -> Exception:
    return ForgeError("unavailable", "the forge answered 503", passes=True)


def _limited() -> Exception:
    wait = timedelta(minutes=2)
    return ForgeError("rate_limited", "too many requests", passes=True, wait=wait)


def _unreachable() -> Exception:
    return TrackerUnreachable("the tracker answered 502", passes=True)


def _rests() -> Exception:
    return TrackerRateLimited(timedelta(minutes=2))


class Forge:
    """One repo of the forge."""

    def __init__(self, outside: Outside, slug: str) -> None:
        self._outside, self._slug = outside, slug

    def get_token(self) -> str:
        return "t"

    def read_template(self) -> str | None:
        return None

    def default_branch(self) -> str:
        return "main"

    def read_head(self, branch: str) -> str:
        return HEAD

    def find_pull_request(self, branch: str, sha: str | None) -> Facts | None:
        """Return what is open of a branch, or what became of this commit of it."""
        found = [one.facts for one in self._outside.branches if self._is(one, branch)]
        last = next((one for one in reversed(found) if one.state == "open"), None)
        of_commit = next((one for one in reversed(found) if one.head_sha == sha), None)
        return last or of_commit

    def _is(self, one: Branch, branch: str) -> bool:
        return one.slug == self._slug and one.branch == branch

    def open_pull_request(
        self, *, branch: str, base: str, title: str, body: str, draft: bool
    ) -> Facts:
        if found := self.find_pull_request(branch, None):
            return found  # as the adapter does where the forge says that it exists already
        number = len(self._outside.branches) + 1
        facts = Facts(
            number=number,
            url=f"https://github.com/{self._slug}/pull/{number}",
            state="open",
            head_sha=self._outside.pushed[branch],
            base=base,
            draft=draft,
            mergeable=True,
            runs="pending",
            statuses="none",
            reviews="none",
        )
        self._outside.branches.append(Branch(facts, self._slug, branch))
        return facts

    def _of(self, number: int) -> Branch:
        return self._outside.branches[number - 1]

    def _change(self, number: int, **changes: Any) -> None:
        self._outside.change(self._of(number), **changes)

    def mark_ready(self, number: int) -> None:
        self._change(number, draft=False)

    def read_body(self, number: int) -> str:
        return ""

    def rewrite_body(self, number: int, body: str) -> None: ...
    def add_labels(self, number: int, labels: Sequence[str]) -> None: ...
    def delete_branch(self, branch: str) -> None: ...
    def close_issue(self, number: int) -> None: ...

    def read_facts(self, number: int, before: PullRequest | None) -> Facts:
        """Return the facts, of which a replica may know only those of a moment ago."""
        one = self._of(number)
        since = self._outside.simulator.clock - (one.changed_at or self._outside.simulator.clock)
        late = one.before and one.changed_at and since < MOST_ANSWERED_LATE
        stale = late and self._outside.is_harsh() and self._outside.rng.random() < 0.5
        return one.before if stale and one.before else one.facts

    def read_failure_details(self, facts: Facts) -> str:
        return "a test fails"

    def is_enqueued(self, number: int) -> bool:
        return False

    def merge_pull_request(self, facts: Facts, title: str, message: str) -> bool:
        if self._of(facts.number).facts.state != "open":
            raise ForgeError("conflict", "Base branch was modified. Review and try the merge again")
        self._change(facts.number, state="merged")
        return True


class Tracker:
    """All tickets there are, in the order of their changes."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    def iter_changed(
        self, since: datetime | None, position: str | None = None, etag: str | None = None
    ) -> Iterator[TicketPage]:
        found = [one.ticket for one in self._outside.tickets.values()]
        page = sorted(found, key=lambda ticket: (ticket.updated_at, ticket.external_id))
        chosen = [one for one in page if one.open and (since is None or one.updated_at >= since)]
        for start in range(0, max(1, len(chosen)), 3):
            left = chosen[start : start + 3]
            following = str(start + 3) if start + 3 < len(chosen) else None
            if start >= int(position or 0):
                yield TicketPage(left, following)

    def read_ticket(self, ticket: Ticket) -> tuple[Ticket, list[Comment]]:
        return self._outside.tickets[ticket.external_id].ticket, []

    def find_comment(self, ticket_id: str, run_id: str) -> str | None:
        said = self._outside.tickets[ticket_id].comments
        return next((key for key, run in said.items() if run == run_id), None)

    def write_comment(self, ticket_id: str, comment_id: str | None, note: CommentText) -> str:
        said = self._outside.tickets[ticket_id].comments
        key = comment_id or f"c{len(said)}"
        said[key] = note.run_id
        return key

    def finish_ticket(self, ticket_id: str) -> None:
        self._outside.tickets[ticket_id].finished = True


class Builds:
    """CodeBuild: a build for a token is started once in five minutes, asks for its job, or dies."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    def start_build(self, run: Run, token: str, environment: BuildEnvironment) -> str:
        outside = self._outside
        if outside.is_harsh() and outside.rng.random() < 0.1:
            raise BuildCapacityExceeded("the account has no room")
        if token in outside.builds:
            return outside.builds[token]
        build = outside.builds[token] = f"optio:{len(outside.builds)}"
        assert run.launch is not None
        outside.ends[build] = None
        launch = run.launch.id
        begins = timedelta(seconds=outside.rng.uniform(5, 90))
        simulator = outside.simulator
        simulator.at(simulator.clock + begins, lambda: outside.begin(build, token, run.id, launch))
        return build

    def find_build_end(self, build: str) -> BuildEnd | None:
        return self._outside.ends[build]


class Outside:
    """The forge, the tracker and the builds of a storm, and the people who work there."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.rng = random.Random(f"outside {simulator.seed}")
        self.branches: list[Branch] = []
        self.tickets: dict[str, Said] = {}
        self.builds: dict[str, str] = {}
        self.ends: dict[str, BuildEnd | None] = {}
        self.pushed: dict[str, str] = {}
        self.attempts: dict[str, int] = {}
        self.uses_builds = self.rng.random() < 0.3
        self.done: Counter[str] = Counter()

    def is_harsh(self) -> bool:
        return self.simulator.weather.fails > 0

    # What the core finds

    def enter(self, world: Any) -> None:
        """Let the world lead here, and keep what opens it."""
        now = world.now()
        world.secrets.put(Secret(name=TOKEN, scope=GLOBAL_SCOPE, created_at=now, updated_at=now))
        world.vault.put(world.secrets.vault_key(TOKEN, GLOBAL_SCOPE), "t")
        world.forges = self
        world.trackers = self
        world.builds = Strangers(self, Builds(self), (ConnectionError,))
        if self.uses_builds:
            world.policy = replace(world.policy, runner="codebuild")

    def open_forge(self, place: ForgeLocation, credential: Any, bots: Sequence[str] = ()) -> Any:
        return Strangers(self, Forge(self, place.slug), (_away, _limited))

    def open_tracker(self, provider: TicketProvider, credential: str, now: datetime) -> Any:
        return Strangers(self, Tracker(self), (_unreachable, _rests))

    def settle_in(self) -> None:
        """Register repos and a provider, and let people work."""
        world, now = self.simulator.world, self.simulator.clock
        moments = {"created_at": now, "updated_at": now}
        for number in (1, 3):
            url = f"https://github.com/acme/r{number}"
            merges, resumes = self.rng.random() < 0.5, self.rng.random() < 0.7
            repo = Repo(id=repo_id(url), url=url, auto_merge=merges, auto_resume=resumes, **moments)
            world.repos.add(repo)
        provider = TicketProvider(
            id=PROVIDER,
            name="P",
            source="github",
            config={"repo": "acme/r1"},
            **moments,
        )
        providers.create_provider(world, provider, "t")
        self.simulator.later(30, 120, self.people)

    # What people do there

    def change(self, one: Branch, **changes: Any) -> None:
        one.before, one.facts = one.facts, replace(one.facts, **changes)
        one.changed_at = self.simulator.clock

    def push(self, branch: str, sha: str, attempt: int) -> None:
        """Accept a commit, which withdraws the checks and reviews of the one before it.

        The lease of an older attempt is over: git refuses its push.
        """
        if attempt < self.attempts.get(branch, 0):
            return
        self.pushed[branch], self.attempts[branch] = sha, attempt
        for one in self.branches:
            if one.branch == branch and one.facts.state == "open":
                self.change(one, head_sha=sha, runs="pending", reviews="none")

    def people(self) -> None:
        """Review, merge and close pull requests, and write tickets."""
        if not self.simulator.people_act:
            return
        self.simulator.later(20, 150, self.people)
        opened = [one for one in self.branches if one.facts.state == "open"]
        if opened:
            one = self.rng.choice(opened)
            self.change(one, **self._deed(one))
            self._tell(one)
        if self.rng.random() < 0.3:
            self.write_ticket()

    def _deed(self, one: Branch) -> dict[str, Any]:
        deeds: tuple[dict[str, Any], ...] = (
            {"runs": "success"},
            {"runs": "success", "reviews": "approved"},
            {"runs": "success", "reviews": "approved"},
            {"runs": "failure"},
            {"reviews": "changes_requested", "review_id": self.rng.randrange(10**6)},
            {"state": "merged"},
            {"state": "closed"},
        )
        return self.rng.choice(deeds)

    def _tell(self, one: Branch) -> None:
        """Send the forge's own webhook once, twice or never."""
        url = f"https://github.com/{one.slug}"
        payload = {
            "repository": {"html_url": url},
            "pull_request": {"head": {"ref": one.branch}},
        }
        for _ in range(self.rng.choice((0, 1, 1, 2))):
            self.simulator.later(0, 5, lambda: self._hint(payload))

    def _hint(self, payload: dict[str, Any]) -> None:
        with self.simulator.one_process():
            self.done["hints"] += len(
                forge_events.handle_forge_event(
                    self.simulator.world, "github", "pull_request", payload
                )
            )

    def write_ticket(self) -> None:
        number = len(self.tickets) + 1
        name = f"acme/r1#{number}"
        ticket = Ticket(
            source="github",
            external_id=name,
            title="Broken",
            url=f"https://github.com/acme/r1/issues/{number}",
            updated_at=self.simulator.clock,
            labels=(LABEL,),
            number=number,
            repo="acme/r1",
        )
        self.tickets[name] = Said(ticket)

    def merge_all(self) -> None:
        """Let people merge whatever is open, as they do in the end."""
        for one in self.branches:
            if one.facts.state == "open":
                self.change(one, state="merged")

    # What builds do

    def begin(self, build: str, token: str, run_id: str, launch: str) -> None:
        """Let a build ask for its job, unless it dies before."""

        def end(status: str) -> None:
            ended = BuildEnd(build=build, status=status, run_id=run_id, launch_id=launch)
            self.ends[build] = ended
            if not self.is_harsh() or self.rng.random() < 0.8:
                self.simulator.later(0, 10, lambda: self._settle(ended))

        by = builds.claim_token_of(self.simulator.world, token)
        assert by is not None
        claimed: Any = None
        if not self.is_harsh() or self.rng.random() < 0.9:
            for _ in range(5):  # a runner asks again where it gets no answer
                answered = False
                with self.simulator.one_process():
                    claimed = builds.claim_build_job(self.simulator.world, build, by)
                    answered = True
                if answered:
                    break
        if claimed is None:
            end("FAILED")
            return
        self.simulator.take_up(build, claimed[0].run, lambda: end("SUCCEEDED"))

    def _settle(self, ended: BuildEnd) -> None:
        with self.simulator.one_process(), suppress(DomainError):
            builds.handle_build_end(self.simulator.world, ended)
            self.done["builds"] += 1


def untrue_outside(simulator: Simulator) -> Iterator[str]:
    """Return the differences between the outside world and the stage's records of it."""
    outside = simulator.outside
    if outside is None:
        return
    for name, said in outside.tickets.items():
        for run, times in Counter(said.comments.values()).items():
            if times > 1:
                yield f"ticket {name} has {times} comments of run {run}"
    for provider in simulator.all("providers"):
        if not provider.enabled:
            yield f"provider {provider.id} was disabled: {provider.disabled_reason}"
    for (branch, sha), times in Counter(
        (one.branch, one.facts.head_sha) for one in outside.branches
    ).items():
        if times > 1:
            yield f"{times} pull requests were opened for {sha} of {branch}"
    for run in simulator.all("runs"):
        if run.state is State.COMPLETED and run.pr_state == "open":
            yield f"run {run.id} is completed and its pull request open"
    yield from _unseen_tickets(simulator, outside)


def _unseen_tickets(simulator: Simulator, outside: Outside) -> Iterator[str]:
    """Return the tickets without a record, of those that came after a trigger did."""
    told = {(row[0].trigger_id, row[0].occurrence) for row in simulator.all("firings")}
    for trigger in simulator.all("triggers"):
        for said in outside.tickets.values():
            came_after = said.ticket.updated_at > trigger.created_at + MOST_SKEW
            if (
                isinstance(trigger, OnTicket)
                and came_after
                and (trigger.id, said.ticket.occurrence_name) not in told
            ):
                yield f"{said.ticket.occurrence_name} is in no record of trigger {trigger.id}"
