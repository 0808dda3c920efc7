"""From a pushed branch to its one pull request. May die at any line, and be done again."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial

from chalicelib.actions import credentials, failing, moving
from chalicelib.domain import pull_text
from chalicelib.domain.errors import Superseded
from chalicelib.domain.firing import Brief
from chalicelib.domain.forge import ForgeError
from chalicelib.domain.pull_request import Facts, seen
from chalicelib.domain.run import PUBLISH, Run, State, branch_key
from chalicelib.domain.ticket import origin
from chalicelib.ports import Forge, Taken, World

FIRST_LOOK = timedelta(seconds=10)


def publish(world: World, run: Run) -> None:
    """Open the pull request of a pushed run, or find the one that its branch has already."""
    if run.state is State.PROVISIONING:
        run = moving.advance(
            world, run, State.RUNNING, by="pipeline", message="goes on at publish", stage=PUBLISH
        )
    assert run.repo_url is not None
    try:
        forge = credentials.forge_of(world, run.repo_url)
        facts = _pull_request(world, run, forge)
    except ForgeError as error:
        _refused(world, run, error)
        return
    until = world.now() + world.policy.retention
    world.slots.hold(branch_key(run.repo_url, run.branch or run.push_branch), [run.id], until)
    _take_over(world, run)
    _opened(world, run, facts)


def _pull_request(world: World, run: Run, forge: Forge) -> Facts:
    branch = run.branch or run.push_branch
    brief = world.firings.brief(run.firing_id) or Brief()
    found = forge.find(branch, run.head_sha)
    facts = found or _new(world, run, brief, forge, branch)
    if facts.draft and run.pull and run.pull.held_back and not run.fails_tests:
        forge.ready(facts.number)
        facts = replace(facts, draft=False)
    if found and found.state == "open":
        _renew(world, run, brief, forge, found.number)
    if brief.pr_labels and facts.state == "open":
        forge.label(facts.number, brief.pr_labels)
    return facts


def _new(world: World, run: Run, brief: Brief, forge: Forge, branch: str) -> Facts:
    text = _body(world, run, brief, forge.template())
    base = run.repo_branch or forge.default_branch()
    asked = partial(forge.open, branch=branch, base=base, title=pull_text.title(run), body=text)
    try:
        return asked(draft=brief.draft or run.fails_tests)
    except ForgeError as error:
        if brief.draft or not run.fails_tests or error.kind != "invalid":
            raise
        return asked(draft=False)  # not every repo may have drafts; it is not merged all the same


def _renew(world: World, run: Run, brief: Brief, forge: Forge, number: int) -> None:
    """Let a pull request that was there say what was done now, and what it cost in all."""
    old = forge.body(number)
    new = pull_text.renewed(old, _body(world, run, brief, None))
    if new != old:
        forge.rewrite(number, new)


def _body(world: World, run: Run, brief: Brief, template: str | None) -> str:
    url = world.policy.public_url
    return pull_text.body(
        run,
        asked=brief.prompt,
        trigger=world.firings.get(run.firing_id).trigger_type,
        ticket=origin(brief, run.repo_url),
        task_url=f"{url}/tasks/{run.id}" if url else None,
        template=template,
    )


def _take_over(world: World, run: Run) -> None:
    """End the runs that followed this pull request before, and forget them: one run follows it.

    A branch that is worked on again and again would come to hold more runs than a row can.
    """
    assert run.repo_url is not None
    key = branch_key(run.repo_url, run.branch or run.push_branch)
    before = sorted(world.slots.held(key) - {run.id})
    over: dict[str, int | None] = dict.fromkeys(before)
    for old in world.runs.several(before):
        if old.state in (State.PR_OPENED, State.NEEDS_ATTENTION):
            old = moving.advance(
                world,
                old,
                State.COMPLETED,
                by="pipeline",
                message=f"its pull request is continued by task {run.id}",
                stage=None,
            )
        over[old.id] = old.version
        if not old.final:
            del over[old.id]
    with suppress(Taken):  # one of them was touched just now: the next run forgets it
        if over:
            world.slots.drop(key, over)


def _opened(world: World, run: Run, facts: Facts) -> None:
    now = world.now()
    # What an earlier look learned of other commits is not carried over; what was handled is.
    pull = replace(seen(run.pull, facts, now), held_back=_held_back(world, run, facts))
    moving.advance(
        world,
        run,
        State.PR_OPENED,
        by="pipeline",
        message=f"pull request #{facts.number} is open",
        stage=None,
        due_at=now + FIRST_LOOK,
        resume_prompt=None,
        waiting_for=None,
        pr_url=facts.url,
        pr_number=facts.number,
        pr_state=facts.state,
        pr_checks_status=facts.checks,
        pr_review_status=facts.reviews,
        pull=pull,
    )


def _held_back(world: World, run: Run, facts: Facts) -> bool:
    """Whether a pull request is a draft for its tests, and not by anybody's wish."""
    before = run.pull
    if before:
        return before.held_back and facts.draft
    brief = world.firings.brief(run.firing_id) or Brief()
    return facts.draft and run.fails_tests and not brief.draft


def _refused(world: World, run: Run, error: ForgeError) -> None:
    """Try again later what passes; fail with what a person must do about the rest."""
    failures = run.failures + (error.kind != "rate_limited")
    if error.passes and failures < failing.MOST_FAILURES:
        wait = max(error.wait or timedelta(0), failing.backoff(max(1, failures)))
        due = world.now() + wait
        moving.update(
            world,
            run,
            failures=failures,
            due_at=due,
            waiting_for="the forge",
            error_message=str(error),
        )
        return
    words = f"the branch is pushed, but its pull request could not be opened: {error}"
    try:
        moving.give_up(
            world,
            run,
            by="pipeline",
            message=words,
            error_class=f"forge_{error.kind}",
            error_message=words,
            stage=PUBLISH,
        )
    except Superseded:
        return
