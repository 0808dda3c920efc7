"""Tracking of pull requests to their end: look, judge, act."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Unpack

from chalicelib.actions.access import forge_credentials
from chalicelib.actions.firing import trigger_failures
from chalicelib.actions.pull_requests.cleanup import Tidying
from chalicelib.actions.pull_requests.resume_prompt import write_resume_prompt
from chalicelib.actions.runs import briefs, transitions
from chalicelib.domain.display_text import MAX_WAIT_REASON_LENGTH
from chalicelib.domain.firing.firing import Brief
from chalicelib.domain.pull_requests.checks import CheckState, ReviewState
from chalicelib.domain.pull_requests.forge import ForgeError, ForgeErrorKind
from chalicelib.domain.pull_requests.pull_request import (
    LEFT_MERGE_QUEUE_MESSAGE,
    MAX_LOOK_INTERVAL,
    PullRequest,
    PullRequestState,
    next_look,
    with_facts,
)
from chalicelib.domain.pull_requests.verdict import (
    MergePolicy,
    Move,
    Verdict,
    judge_pull_request,
    merge_is_refused,
)
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.run_changes import RunChanges, show_pull_request
from chalicelib.domain.runs.run_keys import is_run_branch
from chalicelib.domain.runs.state import FOLLOWED_STATES, State
from chalicelib.domain.texts import pull_request_body
from chalicelib.domain.tickets.ticket import TicketOrigin, ticket_origin
from chalicelib.ports import Forge, World


def track_pull_request(world: World, run: Run) -> None:
    """Look at the pull request of a run, and take the action that its facts require."""
    if run.pull is None or run.state not in FOLLOWED_STATES:
        return
    try:
        forge = forge_credentials.open_forge_of(world, run.repo_url)
        facts = forge.read_facts(run.pull.facts.number, run.pull)
        pull_request = _with_queue_result(forge, with_facts(run.pull, facts, world.now()))
        verdict = judge_pull_request(
            pull_request,
            _merge_policy(world, run),
            world.now(),
            attended=run.state is State.NEEDS_ATTENTION,
            fails_tests=run.fails_tests and facts.head_sha == run.head_sha,
        )
        _act_on_verdict(world, run, forge, pull_request, verdict)
    except ForgeError as error:
        _handle_unreadable(world, run, error)


def _with_queue_result(forge: Forge, pull_request: PullRequest) -> PullRequest:
    """Return the pull request updated with its state in the merge queue, if it was in one."""
    if pull_request.enqueued_sha is None or pull_request.facts.state != PullRequestState.OPEN:
        return pull_request
    if not pull_request.is_enqueued:
        return replace(pull_request, enqueued_sha=None)  # a push removed it from the queue
    if forge.is_enqueued(pull_request.facts.number):
        return pull_request
    return pull_request.with_refused_merge(LEFT_MERGE_QUEUE_MESSAGE, final=True)


def _merge_policy(world: World, run: Run) -> MergePolicy:
    repo = world.repos.find_by_url(run.repo_url or "")
    if repo is None:
        return MergePolicy()
    return MergePolicy(
        auto_merge=repo.auto_merge,
        auto_resume=repo.auto_resume,
        max_auto_resumes=repo.max_auto_resumes,
    )


def _act_on_verdict(
    world: World, run: Run, forge: Forge, pull_request: PullRequest, verdict: Verdict
) -> None:
    if verdict.move is Move.COMPLETE:
        _complete(world, run, forge, pull_request, verdict.reason)
    elif run.state is State.FAILED:
        _mark_reopened(world, run, pull_request)
    elif verdict.move is Move.MERGE:
        _merge(world, run, forge, pull_request)
    elif verdict.move is Move.RESUME:
        _resume(world, run, forge, pull_request, verdict)
    elif verdict.move is Move.FAIL:
        _transition(
            world, run, State.FAILED, pull_request, verdict.reason, error_message=verdict.reason
        )
    elif verdict.move is Move.NEEDS_ATTENTION and run.state is not State.NEEDS_ATTENTION:
        _transition(
            world,
            run,
            State.NEEDS_ATTENTION,
            pull_request,
            verdict.reason,
            error_message=verdict.reason,
        )
    elif verdict.move is Move.RECOVERED:
        _transition(world, run, State.PR_OPENED, pull_request, verdict.reason, error_message=None)
    else:
        _note_facts(world, run, pull_request)


def _transition(
    world: World, run: Run, to: State, tracked: PullRequest, why: str, **changes: Unpack[RunChanges]
) -> None:
    due = (
        None
        if to in (State.FAILED, State.COMPLETED)
        else world.now() + next_look(tracked, world.now())
    )
    waits_for = tracked.waits_for if to is State.PR_OPENED else None
    shown: RunChanges = {
        "due_at": due,
        "stage": None,
        "waiting_for": waits_for,
        **show_pull_request(tracked),
        **changes,
    }
    transitions.transition_run(world, run, to, by="pull request", message=why, **shown)


def _note_facts(world: World, run: Run, pull_request: PullRequest) -> None:
    """Store the new facts and the time of the next look."""
    due = world.now() + next_look(pull_request, world.now())
    is_resolved = run.state is State.PR_OPENED  # an earlier look may have had a problem
    transitions.update_run(
        world,
        run,
        due_at=due,
        failures=0,
        forge_failures=0,
        waiting_for=pull_request.waits_for,
        error_message=None if is_resolved else run.error_message,
        **show_pull_request(pull_request),
    )


def _complete(world: World, run: Run, forge: Forge, pull_request: PullRequest, why: str) -> None:
    """Clean up after a merged pull request, then complete its run. Each part is safe to repeat."""
    tidying = Tidying(run)
    if _merge_policy(world, run).auto_merge:
        ticket = _find_ticket(world, run)
        if ticket and ticket.number is not None:
            close = partial(forge.close_issue, ticket.number)
            tidying.try_call(f"issue #{ticket.number} could not be closed", close)
        branch = run.branch or ""
        if is_run_branch(branch):
            delete = partial(forge.delete_branch, branch)
            tidying.try_call("its branch could not be deleted", delete)
    if run.state is State.FAILED:
        run = transitions.transition_run(
            world,
            run,
            State.PR_OPENED,
            by="pull request",
            message="reopened",
            **show_pull_request(pull_request),
        )
    message = tidying.with_warnings(why)
    _transition(
        world, run, State.COMPLETED, pull_request, message, error_message=None, error_class=None
    )


def _find_ticket(world: World, run: Run) -> TicketOrigin | None:
    brief = briefs.brief_of(world, run) or Brief()
    return ticket_origin(brief, run.repo_url, of_ticket=run.is_from_ticket)


def _mark_reopened(world: World, run: Run, pull_request: PullRequest) -> None:
    if pull_request.facts.state == PullRequestState.OPEN:
        _transition(
            world,
            run,
            State.PR_OPENED,
            pull_request,
            "the pull request was reopened",
            error_message=None,
        )
        return
    transitions.update_run(
        world, run, due_at=None, waiting_for=None, **show_pull_request(pull_request)
    )


def _merge(world: World, run: Run, forge: Forge, pull_request: PullRequest) -> None:
    url = world.policy.public_url
    message = pull_request_body.merge_message(
        run, _find_ticket(world, run), f"{url}/tasks/{run.id}" if url else None
    )
    try:
        done = forge.merge_pull_request(
            pull_request.facts,
            pull_request_body.merge_title(run, pull_request.facts.number),
            message,
        )
    except ForgeError as error:
        if error.passes:
            raise
        _handle_refused_merge(world, run, pull_request, error)
        return
    if not done:
        _note_facts(world, run, replace(pull_request, enqueued_sha=pull_request.facts.head_sha))
        return
    merged = replace(pull_request, facts=forge.read_facts(pull_request.facts.number, None))
    if merged.facts.state == PullRequestState.MERGED:
        _complete(world, run, forge, merged, "merged by autoMerge: green and approved")
    else:
        _note_facts(world, run, merged)


def _handle_refused_merge(
    world: World, run: Run, pull_request: PullRequest, error: ForgeError
) -> None:
    """Hand a merge that a rule forbids to a person; retry one that a conflict prevented."""
    refused = pull_request.with_refused_merge(
        str(error), final=error.kind != ForgeErrorKind.CONFLICT
    )
    if merge_is_refused(refused):
        why = f"it is green and approved, but was not merged: {error}"
        _transition(world, run, State.NEEDS_ATTENTION, refused, why, error_message=why)
        return
    problem = f"not merged: {error}"
    _note_facts(world, run, replace(refused, facts=replace(refused.facts, problem=problem)))


def _resume(
    world: World, run: Run, forge: Forge, pull_request: PullRequest, verdict: Verdict
) -> None:
    """Return the problem to the agent, on the same branch, with the details from the forge."""
    prompt = write_resume_prompt(run, forge, pull_request, verdict)
    handled = replace(
        pull_request,
        handled=(*pull_request.handled, verdict.trouble)[-20:],
        resumes=pull_request.resumes + 1,
    )
    transitions.requeue_run(
        world,
        run,
        by="pull request",
        message=f"{verdict.reason}: resumed automatically ({handled.resumes})",
        backoff=timedelta(0),
        queued_at=world.now(),
        started_at=None,
        due_at=world.now(),
        resume_prompt=prompt,
        waiting_for=None,
        error_message=None,
        error_class=None,
        **show_pull_request(handled),
    )


def _handle_unreadable(world: World, run: Run, error: ForgeError) -> None:
    """Look again later. Facts that could not be read are unknown and cause no action."""
    failures = run.forge_failures + 1
    now = world.now()
    changes: RunChanges = {
        "forge_failures": failures,
        "due_at": now + max(error.wait or timedelta(0), trigger_failures.failure_backoff(failures)),
        "waiting_for": f"the forge: {error}"[:MAX_WAIT_REASON_LENGTH],
        "pull": _with_pause(run, error, now),
    }
    if error.passes:
        transitions.update_run(world, run, **changes)
        return
    changes |= {
        "pr_checks_status": CheckState.UNKNOWN,
        "pr_review_status": ReviewState.UNKNOWN,
        "error_message": str(error),
    }
    changes["due_at"] = now + MAX_LOOK_INTERVAL
    if run.state is State.PR_OPENED:
        why = f"the pull request cannot be read: {error}"
        transitions.transition_run(
            world, run, State.NEEDS_ATTENTION, by="pull request", message=why, **changes
        )
        return
    transitions.update_run(world, run, **changes)


def _with_pause(run: Run, error: ForgeError, now: datetime) -> PullRequest | None:
    """Return the pull request with the wait that the forge requested."""
    until = now + error.wait if error.wait else None
    return replace(run.pull, looked_at=now, left_alone_until=until) if run.pull else None
