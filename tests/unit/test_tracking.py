"""`track` itself, over every order of what can happen to a pull request, and to its forge."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chalicelib.actions.access import forge_credentials
from chalicelib.actions.pull_requests import publish
from chalicelib.actions.pull_requests.cleanup import Tidying
from chalicelib.actions.runs import transitions
from chalicelib.actions.scheduler import outside_calls
from chalicelib.domain.pull_requests.checks import CheckState
from chalicelib.domain.pull_requests.forge import ForgeError
from chalicelib.domain.pull_requests.pull_request import Facts, PullRequest
from chalicelib.domain.pull_requests.verdict import CHECKS_GRACE
from chalicelib.domain.repos.repo import Repo, repo_id
from chalicelib.domain.runs.run import Run, queue_run
from chalicelib.domain.runs.state import State
from chalicelib.ports import Part
from tests.conftest import NOON
from tests.simulation.memory import MemoryWorld, Write, absent, put

UNKNOWN = CheckState.UNKNOWN
URL = "https://github.com/acme/web"
REFUSALS = {
    "unauthorized": False,
    "forbidden": False,
    "not_found": False,
    "invalid": False,
    "conflict": False,
    "rate_limited": True,
    "unavailable": True,
}


class PlayedForge:
    """A forge with one pull request, which remembers what it has answered."""

    def __init__(self) -> None:
        self.now = NOON
        self.truth = Facts(number=1, url="u", state="open", head_sha="sha0", reviews="none")
        self.truth = replace(self.truth, runs="none", statuses="none")
        self.answered = self.truth
        self.fault: str | None = None
        self.merges = 0
        self.seen_at = NOON
        self.branch_gone = False

    def _asked(self) -> None:
        fault, self.fault = self.fault, None
        if fault:
            wait = timedelta(minutes=30) if fault == "rate_limited" else None
            raise ForgeError(fault, f"made to fail with {fault}", passes=REFUSALS[fault], wait=wait)

    def read_facts(self, number: int, before: PullRequest | None) -> Facts:
        self._asked()
        if self.truth.head_sha != self.answered.head_sha:
            self.seen_at = self.now
        self.answered = self.truth
        return self.truth

    def find_pull_request(self) -> Facts:
        """Return the facts in a list of pull requests: none of checks and reviews."""
        bare = {"runs": UNKNOWN, "statuses": UNKNOWN, "reviews": UNKNOWN, "review_id": None}
        if self.truth.head_sha != self.answered.head_sha:
            self.seen_at = self.now
        self.answered = replace(self.truth, mergeable=None, **bare)
        return self.answered

    def merge_pull_request(self, facts: Facts, title: str, message: str) -> bool:
        self._asked()
        truth = self.truth
        if facts.head_sha != truth.head_sha or truth.mergeable is not True or truth.draft:
            raise ForgeError("refused", "not mergeable")
        assert truth.state == "open"
        assert facts.check_state in ("none", "success")
        assert facts.reviews in ("none", "approved")
        if facts.check_state == "none":
            assert self.now - self.seen_at >= CHECKS_GRACE
        self.merges += 1
        self.truth = replace(truth, state="merged")
        return True

    def read_failure_details(self, facts: Facts) -> str:
        self._asked()
        return "it said this"

    def close_issue(self, number: int) -> None:
        self._asked()

    def delete_branch(self, branch: str) -> None:
        self._asked()
        self.branch_gone = True


class EveryOrder(RuleBasedStateMachine):
    """A run whose pull request is followed by the real actions, on stores in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.forge = PlayedForge()
        self.world: Any = MemoryWorld(lambda: self.forge.now, lambda span: None)
        self.world.firings = SimpleNamespace(get_brief=lambda firing_id: None)
        moments = {"created_at": NOON, "updated_at": NOON}
        self.world.repos.add(
            Repo(id=repo_id(URL), url=URL, auto_merge=True, auto_resume=True, **moments)
        )
        self.heads = 0
        self.attempts = 0
        run = Run(
            id="00000000-0000-4000-8000-000000000001",
            type="repo-task",
            title="t",
            firing_id="f",
            repo_url=URL,
            branch="optio/task-00000000",
            **moments,
        )
        row = Write(Part.RUN, "runs", run.id, absent, put(queue_run(run, by="manual", message="x")))
        self.world.tables.commit([row])
        self.patched = patch.object(
            forge_credentials, "open_forge_of", lambda world, url: self.forge
        )
        self.patched.start()
        self._work()

    def teardown(self) -> None:
        self.patched.stop()

    @property
    def run(self) -> Run:
        found: Run = self.world.runs.get("00000000-0000-4000-8000-000000000001")
        return found

    def _work(self) -> None:
        """Let the agent push, and the pull request be found, as after a claim."""
        self.attempts += 1
        for state in (State.PROVISIONING, State.RUNNING):
            transitions.transition_run(self.world, self.run, state, by="test", message="on")
        publish._record_opened(
            self.world, self.run, self.forge.find_pull_request(), Tidying(self.run)
        )

    def _push(self) -> None:
        self.heads += 1
        self.forge.truth = replace(
            self.forge.truth,
            head_sha=f"sha{self.heads}",
            runs="none",
            statuses="none",
            mergeable=None,
        )

    @rule(
        part=st.sampled_from(["runs", "statuses"]),
        word=st.sampled_from(["none", "pending", "success", "failure", UNKNOWN]),
    )
    def checks_say(self, part: str, word: str) -> None:
        self.forge.truth = replace(self.forge.truth, **{part: word})  # type: ignore[arg-type]

    @rule(
        word=st.sampled_from(["none", "pending", "approved", "changes_requested", UNKNOWN]),
        number=st.integers(1, 3),
    )
    def reviewers_say(self, word: str, number: int) -> None:
        objection = number if word == "changes_requested" else None
        self.forge.truth = replace(self.forge.truth, reviews=word, review_id=objection)

    @rule(mergeable=st.sampled_from([True, False, None]), draft=st.booleans())
    def the_base_or_its_readiness_changes(self, mergeable: bool | None, draft: bool) -> None:
        self.forge.truth = replace(self.forge.truth, mergeable=mergeable, draft=draft)

    @rule()
    def all_is_green(self) -> None:
        self.forge.truth = replace(
            self.forge.truth, runs="success", reviews="approved", mergeable=True, draft=False
        )

    @rule(state=st.sampled_from(["closed", "merged", "open"]))
    def a_person_decides(self, state: str) -> None:
        if self.forge.truth.state != "merged":
            self.forge.truth = replace(self.forge.truth, state=state)

    @rule()
    def somebody_pushes_over_it(self) -> None:
        self._push()

    @rule(fault=st.sampled_from(sorted(REFUSALS)))
    def the_forge_refuses_next(self, fault: str) -> None:
        self.forge.fault = fault

    @rule(merge=st.booleans(), resume=st.booleans(), most=st.integers(0, 3))
    def the_policy_changes(self, merge: bool, resume: bool, most: int) -> None:
        was = self.world.repos.find_by_url(URL)
        new = replace(
            was,
            auto_merge=merge,
            auto_resume=resume,
            max_auto_resumes=most,
            version=was.version + 1,
        )
        self.world.repos.put(new, was)

    @rule(minutes=st.sampled_from([1, 6, 60]))
    def time_passes(self, minutes: int) -> None:
        self.forge.now += timedelta(minutes=minutes)
        self._looked_after()

    @rule()
    def a_hint_comes(self) -> None:
        run = self.run
        if run.pull and run.state in (State.PR_OPENED, State.NEEDS_ATTENTION, State.FAILED):
            transitions.update_run(self.world, run, due_at=self.forge.now)
            self._looked_after()

    @rule(pushes=st.booleans())
    def the_agent_is_done(self, pushes: bool) -> None:
        if self.run.state is State.QUEUED:
            assert "it said this" in (self.run.resume_prompt or "")
            if pushes and self.forge.truth.state == "open":
                self._push()
            self._work()

    def _looked_after(self) -> None:
        was, faulty = self.run, self.forge.fault
        due = was.due_at is not None and was.due_at <= self.forge.now
        if not due or was.state is State.QUEUED:
            return
        outside_calls.make_outside_call(self.world, was.id)
        if not faulty:
            self._is_as_the_forge_said(was)

    def _is_as_the_forge_said(self, was: Run) -> None:
        run, truth = self.run, self.forge.truth
        if truth.state == "merged":
            assert run.state is State.COMPLETED, run.state
            assert run.pr_state == "merged"
        elif truth.state == "closed":
            assert run.state is State.FAILED
        elif was.state is State.FAILED:
            assert run.state is State.PR_OPENED
        else:
            assert run.state in (State.PR_OPENED, State.NEEDS_ATTENTION, State.QUEUED)
            if (was.state, run.state) == (State.NEEDS_ATTENTION, State.PR_OPENED):
                assert truth.check_state not in ("failure", UNKNOWN)
                assert truth.reviews not in ("changes_requested", UNKNOWN)
                assert truth.mergeable is True

    @invariant()
    def what_is_shown_is_an_answer_of_the_forge_or_unknown(self) -> None:
        run, told = self.run, self.forge.answered
        assert run.pr_state == told.state
        assert run.pr_checks_status in (told.check_state, UNKNOWN)
        assert run.pr_review_status in (told.reviews, UNKNOWN)

    @invariant()
    def it_is_followed_to_its_end(self) -> None:
        run = self.run
        if run.state in (State.PR_OPENED, State.NEEDS_ATTENTION):
            assert run.due_at is not None
            assert run.due_at - self.forge.now <= timedelta(minutes=30)

    @invariant()
    def nobody_is_asked_for_ever(self) -> None:
        pull = self.run.pull
        assert pull is not None
        assert pull.resumes == self.attempts - 1 + (self.run.state is State.QUEUED)
        assert pull.resumes <= 3 * 10
        assert len(set(pull.handled)) == len(pull.handled)
        assert self.forge.merges <= 1

    @invariant()
    def an_end_has_cleared_up(self) -> None:
        if self.forge.merges and self.run.state is State.COMPLETED:
            assert self.forge.branch_gone or not self.world.repos.find_by_url(URL).auto_merge


EveryOrder.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestEveryOrder = EveryOrder.TestCase
