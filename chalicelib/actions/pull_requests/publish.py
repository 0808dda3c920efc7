"""Opens the pull request of a pushed branch. Safe to interrupt and repeat at any line.

A forge opens a second pull request for a commit once the first is closed. So a publish first takes
a lease on the run for as long as its function may last, and a concurrent publish does nothing.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial

from chalicelib.actions import due_messages
from chalicelib.actions.access import forge_credentials
from chalicelib.actions.firing import trigger_failures
from chalicelib.actions.pull_requests import left_open
from chalicelib.actions.pull_requests.cleanup import Tidying
from chalicelib.actions.runs import briefs, transitions
from chalicelib.domain.errors import Superseded
from chalicelib.domain.firing.firing import Brief
from chalicelib.domain.ids import RunId
from chalicelib.domain.pull_requests.forge import ForgeError, ForgeErrorKind
from chalicelib.domain.pull_requests.pull_request import (
    Facts,
    PullRequestState,
    renamed_to,
    with_facts,
)
from chalicelib.domain.runs.phase import Phase
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.run_changes import show_pull_request
from chalicelib.domain.runs.state import State
from chalicelib.domain.texts import pull_request_body
from chalicelib.domain.tickets.ticket import ticket_origin
from chalicelib.ports import Forge, World, WriteConflict

FIRST_LOOK_DELAY = timedelta(seconds=10)
NO_DRAFTS_MESSAGE = (
    "the repo does not support drafts, so it is ready for review; it is not merged automatically"
)


def publish_run(world: World, run: Run) -> None:
    """Open the pull request of a pushed run, or find the one that its branch already has."""
    run = _leased(world, run)
    tidying = Tidying(run)
    try:
        forge = forge_credentials.open_forge_of(world, run.repo_url)
        facts = _pull_request(world, run, forge, tidying)
    except ForgeError as error:
        _handle_refusal(world, run, error)
        return
    until = world.now() + world.policy.retention
    world.run_sets.hold_runs(run.branch_key, [run.id], until)
    _take_over(world, run)
    try:
        _record_opened(world, run, facts, tidying)
    except Superseded:
        left_open.note_open(world, run.id, facts)
        _publish_again(world, run.id)
        raise


def _leased(world: World, run: Run) -> Run:
    """Return the run, which is not due before this publish has certainly ended."""
    until = world.now() + transitions.PUBLISH_GRACE
    if run.state is State.PROVISIONING:
        message = "goes on at publish"
        return transitions.transition_run(
            world,
            run,
            State.RUNNING,
            by="pipeline",
            message=message,
            stage=Phase.PUBLISH,
            due_at=until,
        )
    leased = transitions.update_run(world, run, due_at=until)
    due_messages.enqueue_if_due_soon(world, [leased])
    return leased


def _publish_again(world: World, run_id: RunId) -> None:
    """Publish a run again at once after a concurrent write: its pull request is found."""
    run = world.runs.get(run_id)
    if run.publishes:
        due_messages.enqueue_if_due_soon(
            world, [transitions.update_run(world, run, due_at=world.now())]
        )


def _pull_request(world: World, run: Run, forge: Forge, tidying: Tidying) -> Facts:
    branch = run.branch or run.push_branch
    brief = briefs.brief_of(world, run) or Brief()
    existing = forge.find_pull_request(branch, run.head_sha)
    facts = existing or _open_pull_request(world, run, brief, forge, branch, tidying)
    if facts.draft and run.pull and run.pull.held_back and not run.is_unready:
        ready = partial(forge.mark_ready, facts.number)
        if tidying.try_call("it remains a draft", ready):
            facts = replace(facts, draft=False)
    if existing and existing.state == PullRequestState.OPEN:
        renew = partial(_renew_pull_request, world, run, brief, forge, existing.number)
        tidying.try_call("its text could not be updated", renew)
    if brief.pr_labels and facts.state == PullRequestState.OPEN:
        label = partial(forge.add_labels, facts.number, brief.pr_labels)
        tidying.try_call("it could not be labelled", label)
    return facts


def _open_pull_request(
    world: World, run: Run, brief: Brief, forge: Forge, branch: str, tidying: Tidying
) -> Facts:
    templates: list[str | None] = []
    read = partial(_add_template, forge, templates)
    tidying.try_call("the repo's template could not be read", read)
    text = _compose_body(world, run, brief, next(iter(templates), None))
    base = run.repo_branch or forge.default_branch()
    _check_wanted(world, run)
    open_pull_request = partial(
        forge.open_pull_request,
        branch=branch,
        base=base,
        title=pull_request_body.pull_request_title(run),
        body=text,
    )
    draft = brief.draft or run.is_unready
    try:
        return open_pull_request(draft=draft)
    except ForgeError as error:
        if not draft or error.kind != ForgeErrorKind.INVALID or "draft" not in str(error).lower():
            raise
    tidying.warnings.append(NO_DRAFTS_MESSAGE)
    return open_pull_request(draft=False)


def _add_template(forge: Forge, templates: list[str | None]) -> None:
    templates.append(forge.read_template())


def _check_wanted(world: World, run: Run) -> None:
    """Raise `Superseded` if the run was cancelled while its texts were read."""
    if world.runs.get(run.id).is_final:
        raise Superseded(f"task {run.id!r} has ended")


def _renew_pull_request(world: World, run: Run, brief: Brief, forge: Forge, number: int) -> None:
    """Update the text of an existing pull request with the latest result and the total cost."""
    old = forge.read_body(number)
    new = pull_request_body.replace_report(old, _compose_body(world, run, brief, None))
    if new != old:
        forge.rewrite_body(number, new)


def _compose_body(world: World, run: Run, brief: Brief, template: str | None) -> str:
    url = world.policy.public_url
    return pull_request_body.pull_request_body(
        run,
        prompt=brief.prompt,
        trigger=run.history[0].trigger,
        ticket=ticket_origin(brief, run.repo_url, of_ticket=run.is_from_ticket),
        task_url=f"{url}/tasks/{run.id}" if url else None,
        template=template,
    )


def _take_over(world: World, run: Run) -> None:
    """Complete and forget the earlier runs of this pull request, so that one run tracks it.

    Otherwise a branch with many runs would exceed the size of a row.
    """
    key = run.branch_key
    before = sorted(world.run_sets.held_runs(key) - {run.id})
    over: dict[RunId, int | None] = dict.fromkeys(before)
    for old in world.runs.get_many(before):
        if old.state in (State.PR_OPENED, State.NEEDS_ATTENTION):
            old = transitions.transition_run(
                world,
                old,
                State.COMPLETED,
                by="pipeline",
                message=f"its pull request is continued by task {run.id}",
                stage=None,
            )
        over[old.id] = old.version
        if not old.is_final:
            del over[old.id]
    with suppress(WriteConflict):  # one of them was changed concurrently: the next run forgets it
        if over:
            world.run_sets.drop_runs(key, over)


def _record_opened(world: World, run: Run, facts: Facts, tidying: Tidying) -> None:
    now = world.now()
    # Facts about other commits are not carried over, but handled problems are.
    held_back, wants_draft = _is_draft_for_tests(world, run, facts), _wants_draft(world, run, facts)
    pull_request = replace(
        with_facts(run.pull, facts, now),
        held_back=held_back,
        wants_draft=wants_draft,
        unfinished_sha=facts.head_sha if run.is_unfinished else None,
        looked_at=None,  # its checks and reviews are unknown: the first event causes a look
    )
    transitions.transition_run(
        world,
        run,
        State.NEEDS_ATTENTION if run.is_unfinished else State.PR_OPENED,
        by="pipeline",
        message=tidying.with_warnings(_describe_opened(run, facts)),
        stage=None,
        due_at=now + FIRST_LOOK_DELAY,
        resume_prompt=None,
        waiting_for=None,
        error_message=run.complaint if run.is_unfinished else None,
        error_class=run.error_class if run.is_unfinished else None,
        **show_pull_request(pull_request),
    )


def _describe_opened(run: Run, facts: Facts) -> str:
    """Return the message for an opened pull request, with the repo's new name if it was renamed."""
    name = renamed_to(facts.url, run.repo_url or "")
    more = f"; the repo was renamed to {name}: change the URL in its blueprints and settings"
    unfinished = " with unfinished work" if run.is_unfinished else ""
    return f"pull request #{facts.number} is open{unfinished}{more if name else ''}"


def _is_draft_for_tests(world: World, run: Run, facts: Facts) -> bool:
    """Return whether a pull request is a draft only because its work is not ready."""
    before = run.pull
    if before:
        return before.held_back and facts.draft
    brief = briefs.brief_of(world, run) or Brief()
    return facts.draft and run.is_unready and not brief.draft


def _wants_draft(world: World, run: Run, facts: Facts) -> bool:
    """Return whether a draft was requested, but the forge has none."""
    if run.pull:
        return run.pull.wants_draft
    brief = briefs.brief_of(world, run) or Brief()
    return (brief.draft or run.is_unfinished) and not facts.draft


def _handle_refusal(world: World, run: Run, error: ForgeError) -> None:
    """Retry a temporary refusal indefinitely; fail with instructions for a person otherwise."""
    if error.passes:
        failures = run.forge_failures + (error.kind != ForgeErrorKind.RATE_LIMITED)
        wait = max(error.wait or timedelta(0), trigger_failures.failure_backoff(max(1, failures)))
        transitions.update_run(
            world,
            run,
            forge_failures=failures,
            due_at=world.now() + wait,
            waiting_for="the forge",
            error_message=str(error),
        )
        return
    message = f"the branch is pushed, but its pull request could not be opened: {error}"
    try:
        transitions.fail_or_escalate(
            world,
            run,
            by="pipeline",
            message=message,
            error_class=error.error_class,
            error_message=message,
            stage=Phase.PUBLISH,
        )
    except Superseded:
        return
