"""Both sides of every compare-and-swap: who wins changes everything, who loses nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib import ports, wiring
from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.domain.errors import Conflict, NotFound, Superseded
from chalicelib.domain.firing.decision import Decision, FiringContext
from chalicelib.domain.firing.firing import Brief
from chalicelib.domain.repos.repo import Repo, repo_id
from chalicelib.domain.runs.run import move_run
from chalicelib.domain.runs.state import State
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.domain.triggers.trigger import (
    Overlap,
    ScheduleSettings,
    WebhookSettings,
)
from tests.conftest import NOON
from tests.support.stored_objects import (
    blueprint,
    claim,
    firing,
    hook,
    library,
    stored,
    trigger,
    working,
)
from tests.support.stored_runs import URL, new_id, run


def test_a_run_is_moved_by_the_first_and_not_by_the_second(world: ports.World):
    was = stored(world, run())
    world.runs.put(working(was), was)
    late = move_run(was, State.CANCELLED, by="late", message="too late", at=NOON)

    with pytest.raises(Superseded):
        world.runs.put(late, was)

    assert world.runs.get(was.id) == working(was)


def test_a_firing_is_committed_once_and_the_second_leaves_no_run(world: ports.World):
    first, second = run(), run()
    ledger = firing(run_id=first.id)
    world.firings.commit_decision(Decision(firing=ledger, run=first, brief=Brief(prompt="one")))

    with pytest.raises(ports.WriteConflict) as refused:
        world.firings.commit_decision(
            Decision(firing=ledger, run=second, brief=Brief(prompt="two"))
        )

    assert refused.value.parts == {ports.Part.FIRING}
    with pytest.raises(NotFound):
        world.runs.get(second.id)
    kept = world.firings.get_brief(ledger.id)
    assert kept is not None
    assert kept.prompt == "one"


def test_a_firing_under_a_changed_definition_writes_nothing(world: ports.World):
    owner = blueprint()
    world.blueprints.add(owner, [], None)
    world.blueprints.put(replace(owner, name="Changed", version=owner.version + 1), owner, [])
    late, ledger = run(), firing()

    with pytest.raises(ports.WriteConflict) as refused:
        world.firings.commit_decision(Decision(firing=ledger, run=late, blueprint=owner))

    assert refused.value.parts == {ports.Part.BLUEPRINT}
    for get in (lambda: world.runs.get(late.id), lambda: world.firings.get(ledger.id)):
        with pytest.raises(NotFound):
            get()


def test_a_firing_moves_its_trigger_on_only_from_where_it_stood(world: ports.World):
    owner = blueprint()
    was = trigger(owner)
    world.blueprints.add(owner, [was], None)
    after = replace(was, version=was.version + 1, enabled=False)
    world.firings.commit_decision(Decision(firing=firing(), trigger=(was, after)))
    assert world.triggers.get(was.id) == after

    ledger = firing()
    with pytest.raises(ports.WriteConflict) as refused:
        world.firings.commit_decision(Decision(firing=ledger, trigger=(was, after)))

    assert refused.value.parts == {ports.Part.TRIGGER}
    with pytest.raises(NotFound):
        world.firings.get(ledger.id)


def test_a_claim_binds_until_it_expires(world: ports.World):
    world.firings.commit_decision(Decision(firing=firing(), claim=claim(result="first")))
    with pytest.raises(ports.WriteConflict) as refused:
        world.firings.commit_decision(Decision(firing=firing(), claim=claim(result="second")))
    assert refused.value.parts == {ports.Part.CLAIM}
    bound = world.firings.find_claim("key#1", NOON)
    assert bound is not None
    assert bound.result == "first"

    later = NOON + timedelta(hours=1)
    assert world.firings.find_claim("key#1", later) is None
    again = claim(result="third", expires_at=later + timedelta(hours=1))
    world.firings.commit_decision(Decision(firing=firing(fired_at=later), claim=again))
    bound = world.firings.find_claim("key#1", later)
    assert bound is not None
    assert bound.result == "third"


def test_a_definition_is_changed_by_the_first_with_its_triggers_or_not_at_all(world: ports.World):
    owner = blueprint()
    was = trigger(owner)
    world.blueprints.add(owner, [was], None)
    first = replace(owner, name="First", version=2)
    world.blueprints.put(first, owner, [])
    paused = replace(was, enabled=False, version=2)

    with pytest.raises(ports.WriteConflict) as refused:
        world.blueprints.put(
            replace(owner, name="Second", version=2),
            owner,
            [ports.TriggerChange(new=paused, was=was)],
        )

    assert refused.value.parts == {ports.Part.BLUEPRINT}
    assert world.blueprints.get(owner.id) == first
    assert world.triggers.get(was.id) == was


def test_a_definition_made_twice_under_one_key_is_made_once(world: ports.World):
    first, second = blueprint(), blueprint()
    world.blueprints.add(first, [], claim(result=first.id))

    with pytest.raises(ports.WriteConflict):
        world.blueprints.add(second, [trigger(second)], claim(result=second.id))

    with pytest.raises(NotFound):
        world.blueprints.get(second.id)
    assert world.triggers.list_of_blueprint(second) == []


def test_a_definition_that_changed_is_not_removed(world: ports.World):
    owner = blueprint()
    was = trigger(owner)
    world.blueprints.add(owner, [was], None)
    now = replace(owner, version=2)
    world.blueprints.put(now, owner, [])
    with pytest.raises(ports.WriteConflict):
        world.blueprints.remove(owner, [was])
    assert world.triggers.get(was.id) == was

    world.blueprints.remove(now, [was])
    for get in (lambda: world.blueprints.get(owner.id), lambda: world.triggers.get(was.id)):
        with pytest.raises(NotFound):
            get()


def test_a_trigger_is_changed_and_removed_only_as_it_was_read(world: ports.World):
    owner = blueprint()
    was = trigger(owner)
    world.blueprints.add(owner, [was], None)
    now = replace(was, enabled=False, version=2)
    world.triggers.put(ports.TriggerChange(new=now, was=was), owner, owner)

    with pytest.raises(ports.WriteConflict):
        world.triggers.put(ports.TriggerChange(new=replace(was, version=2), was=was), owner, owner)
    with pytest.raises(Superseded):
        world.triggers.save_progress(replace(was, version=2), was)
    with pytest.raises(ports.WriteConflict):
        world.triggers.remove(was, owner, owner)
    changed = replace(owner, version=2)
    with pytest.raises(ports.WriteConflict):
        world.triggers.remove(now, changed, changed)
    assert world.triggers.get(was.id) == now
    assert world.triggers.list_of_blueprint(replace(owner, trigger_ids=(was.id,))) == [now]

    world.triggers.remove(now, owner, changed)
    assert world.blueprints.get(owner.id) == changed
    with pytest.raises(NotFound):
        world.triggers.get(was.id)


def test_a_trigger_of_a_changed_or_removed_definition_is_not_made(world: ports.World):
    owner = blueprint()
    world.blueprints.add(owner, [], None)
    world.triggers.add(trigger(owner), owner, owner, None)
    world.blueprints.remove(owner, [])
    orphan = trigger(owner)

    with pytest.raises(ports.WriteConflict) as refused:
        world.triggers.add(orphan, owner, owner, None)

    assert refused.value.parts == {ports.Part.BLUEPRINT}
    with pytest.raises(NotFound):
        world.triggers.get(orphan.id)


def test_the_last_slot_goes_to_one_of_two(world: ports.World):
    first, second = stored(world, run()), stored(world, run())
    world.slots.take_slots(working(first), first, {"repo": 1, "stage": 5})

    with pytest.raises(ports.WriteConflict) as refused:
        world.slots.take_slots(working(second), second, {"repo": 1, "stage": 5})

    assert refused.value.lost == {(ports.Part.COUNTER, "repo")}
    assert world.runs.get(second.id).state is State.QUEUED
    assert world.run_sets.held_runs("repo") == {first.id}
    assert world.run_sets.held_runs("stage") == {first.id}


def test_a_slot_taken_twice_for_one_run_is_one_slot(world: ports.World):
    was = stored(world, run())
    world.slots.take_slots(working(was), was, {"repo": 2})
    with pytest.raises(ports.WriteConflict) as refused:
        world.slots.take_slots(working(was), was, {"repo": 2})
    assert refused.value.parts == {ports.Part.RUN}
    assert world.run_sets.held_runs("repo") == {was.id}


def test_a_slot_is_freed_by_the_move_that_wins(world: ports.World):
    was = stored(world, run())
    held = working(was)
    world.slots.take_slots(held, was, {"repo": 1})
    over = move_run(held, State.CANCELLED, by="test", message="over", at=NOON)

    stale, after_stale = replace(held, version=99), replace(over, version=100)
    with pytest.raises(ports.WriteConflict):
        world.run_sets.move_run(after_stale, stale, leaves=["repo"], enters=["active"])
    assert world.run_sets.held_runs("repo") == {was.id}
    assert world.run_sets.held_runs("active") == frozenset()

    world.run_sets.move_run(over, held, leaves=["repo"], enters=["active"])
    assert world.run_sets.held_runs("repo") == frozenset()
    assert world.run_sets.held_runs("active") == {was.id}


def test_one_url_is_one_repo_changed_only_as_it_was_read(world: ports.World):
    repo = Repo(id=repo_id(URL), url=URL, created_at=NOON, updated_at=NOON)
    world.repos.add(repo)
    with pytest.raises(Conflict):
        world.repos.add(replace(repo, setup_commands="other"))
    now = replace(repo, setup_commands="make", version=2)
    world.repos.put(now, repo)

    with pytest.raises(Superseded):
        world.repos.put(replace(repo, version=2), repo)
    with pytest.raises(Superseded):
        world.repos.remove(repo)
    assert world.repos.find_by_url(URL) == now

    world.repos.remove(now)
    assert world.repos.find_by_url(URL) is None


def test_a_path_belongs_to_the_first_who_names_it_until_it_is_given_up(world: ports.World):
    owner = blueprint()
    first, second = hook(owner), hook(owner)
    world.blueprints.add(owner, [first], None)

    with pytest.raises(ports.WriteConflict) as refused:
        world.triggers.add(second, owner, owner, None)
    assert refused.value.keys_of(ports.Part.WEBHOOK_PATH) == {"alerts"}
    found = world.triggers.find_listener("alerts")
    assert found is not None
    assert (found.trigger_id, found.blueprint_id) == (first.id, owner.id)

    moved = replace(first, version=2, webhook=WebhookSettings(path="other"))
    world.triggers.put(ports.TriggerChange(new=moved, was=first), owner, owner)
    assert world.triggers.find_listener("alerts") is None
    world.triggers.add(second, owner, owner, None)
    world.triggers.remove(second, owner, owner)
    assert world.triggers.find_listener("alerts") is None
    world.blueprints.remove(owner, [moved])
    assert world.triggers.find_listener("other") is None


def test_a_decision_that_relies_on_the_active_runs_falls_when_they_changed(world: ports.World):
    one, two, three = (run(overlap_key="active#d") for _ in range(3))
    world.firings.commit_decision(Decision(firing=firing(), run=one, active=frozenset()))

    with pytest.raises(ports.WriteConflict) as refused:
        world.firings.commit_decision(Decision(firing=firing(), run=two, active=frozenset()))

    assert refused.value.parts == {ports.Part.ACTIVE_RUNS}
    world.firings.commit_decision(Decision(firing=firing(), run=two, active=frozenset({one.id})))
    world.firings.commit_decision(Decision(firing=firing(), run=three))
    assert world.run_sets.held_runs("active#d") == {one.id, two.id, three.id}


def test_a_delivery_only_checks_its_trigger_and_falls_when_that_changed(world: ports.World):
    owner = blueprint()
    was = hook(owner)
    world.blueprints.add(owner, [was], None)
    world.firings.commit_decision(Decision(firing=firing(), trigger=(was, was), blueprint=owner))
    assert world.triggers.get(was.id) == was
    paused = replace(was, enabled=False, version=2)
    world.triggers.put(ports.TriggerChange(new=paused, was=was), owner, owner)

    with pytest.raises(ports.WriteConflict) as refused:
        world.firings.commit_decision(Decision(firing=firing(), trigger=(was, was)))

    assert refused.value.parts == {ports.Part.TRIGGER}


def test_what_a_pause_passed_over_is_written_with_the_resume_or_not_at_all(world: ports.World):
    owner = blueprint()
    was = trigger(owner)
    world.blueprints.add(owner, [was], None)
    gap = firing(trigger_id=was.id, blueprint_id=owner.id)
    change = ports.TriggerChange(new=replace(was, version=2), was=was, gap=gap)
    world.triggers.put(change, owner, owner)

    with pytest.raises(ports.WriteConflict):
        world.triggers.put(replace(change, gap=firing(id=new_id())), owner, owner)

    found, _ = world.firings.list_of_trigger(was.id, None, 10)
    assert [one.id for one in found] == [gap.id]


def test_a_template_stays_while_a_definition_is_linked_to_it(world: ports.World):
    text = library()
    world.prompt_templates.add(text, None)
    owner = blueprint(prompt_template_id=text.id)
    world.blueprints.add(owner, [], None)

    with pytest.raises(Conflict):
        world.prompt_templates.remove(text)
    edited = replace(text, template="Bump all", version=2)
    world.prompt_templates.put(edited, text)
    with pytest.raises(Superseded):
        world.prompt_templates.put(replace(text, version=2), text)
    with pytest.raises(Conflict):
        world.prompt_templates.remove(edited)

    world.blueprints.remove(owner, [])
    world.prompt_templates.remove(edited)
    with pytest.raises(ports.WriteConflict) as refused:
        world.blueprints.add(blueprint(prompt_template_id=text.id), [], None)
    assert refused.value.parts == {ports.Part.TEMPLATE}


def test_no_two_templates_have_one_name(world: ports.World):
    first = library()
    world.prompt_templates.add(first, None)
    with pytest.raises(Conflict):
        world.prompt_templates.add(library(name="bump"), None)
    other = library(name="Other")
    world.prompt_templates.add(other, None)
    with pytest.raises(Conflict):
        world.prompt_templates.put(replace(other, name="BUMP", version=2), other)

    world.prompt_templates.put(replace(first, name="Free", version=2), first)
    world.prompt_templates.add(library(), None)
    names, _ = world.prompt_templates.list_newest(None, 10)
    assert {one.name for one in names} == {"Free", "Other", "Bump"}


def test_what_a_firing_is_decided_from_is_read_together(world: ports.World):
    text = library()
    world.prompt_templates.add(text, None)
    owner = blueprint(prompt_template_id=text.id, tracks_active=True)
    minding = ScheduleSettings(cron="* * * * *", overlap=Overlap.SKIP)
    was = trigger(owner, schedule=minding, next_fire_at=NOON, due_at=NOON)
    world.blueprints.add(owner, [was], None)
    world.run_sets.hold_runs(owner.active_key, ["a-run"])

    bases = world.triggers.read_contexts([(was.id, owner.id), (new_id(), new_id())])

    assert bases == {
        was.id: FiringContext(
            blueprint=owner, trigger=was, template=text, active=frozenset({"a-run"})
        )
    }
    assert world.triggers.oldest_due(NOON) == ports.DueRow("trigger", was.id, NOON, owner.id)
    assert world.triggers.oldest_due(NOON - timedelta(seconds=1)) is None


def test_a_lost_slot_is_dropped_only_while_its_run_stands_where_it_was_read(world: ports.World):
    was = stored(world, run())
    world.run_sets.hold_runs("repo", [was.id, "gone"])
    held = working(was)
    world.runs.put(held, was)

    with pytest.raises(ports.WriteConflict):
        world.run_sets.drop_runs("repo", {was.id: was.version, "gone": None})
    assert world.run_sets.held_runs("repo") == {was.id, "gone"}
    with pytest.raises(ports.WriteConflict):
        world.run_sets.drop_runs("repo", {was.id: None})

    world.run_sets.drop_runs("repo", {was.id: held.version, "gone": None})
    assert world.run_sets.held_runs("repo") == frozenset()


def test_queues_wait_for_the_stage_by_their_most_urgent_rank(world: ports.World):
    for key, rank in (("repo#a", "0100#1"), ("repo#b", "0001#9"), ("repo#c", "0100#0")):
        world.waiting_queues.await_stage(key, rank)
    assert world.waiting_queues.awaiting_stage(10) == ["repo#b", "repo#c", "repo#a"]
    assert world.waiting_queues.awaiting_stage(2) == ["repo#b", "repo#c"]

    world.waiting_queues.await_stage("repo#a", "0000#5")
    world.waiting_queues.await_stage(
        "repo#b", "0200#0"
    )  # less urgent than what waits there already
    assert world.waiting_queues.awaiting_stage(10) == ["repo#a", "repo#b", "repo#c"]

    world.waiting_queues.leave_stage("repo#a")
    world.waiting_queues.leave_stage("repo#a")
    world.waiting_queues.leave_stage("repo#never")
    assert world.waiting_queues.awaiting_stage(10) == ["repo#b", "repo#c"]
    world.waiting_queues.await_stage("repo#a", "0100#1")
    assert world.waiting_queues.awaiting_stage(10) == ["repo#b", "repo#c", "repo#a"]


def test_the_first_rank_of_a_queue_is_that_of_its_most_urgent_run(world: ports.World):
    assert world.runs.first_sort_key("repo#https://git.example.com/acme/none") is None
    first = stored(world, run())
    assert world.runs.first_sort_key(first.queue_id) == first.queue_sort_key


UNCHANGED = {
    "a blueprint": lambda w, o, t, r: w.blueprints.put(o, o, []),
    "a trigger": lambda w, o, t, r: w.triggers.put(ports.TriggerChange(new=t, was=t), o, o),
    "the owner of a trigger": lambda w, o, t, r: w.triggers.add(t, o, replace(o, name="x"), None),
    "a trigger's progress": lambda w, o, t, r: w.triggers.save_progress(t, t),
    "a firing's trigger": lambda w, o, t, r: w.firings.commit_decision(
        Decision(firing=firing(), trigger=(t, replace(t, enabled=False)))
    ),
    "a run": lambda w, o, t, r: w.runs.put(r, r),
    "a run that takes a slot": lambda w, o, t, r: w.slots.take_slots(r, r, {"stage": 1}),
    "a run that leaves a set": lambda w, o, t, r: w.run_sets.move_run(
        r, r, leaves=["s"], enters=[]
    ),
}
"""Writes that keep the version that they are based on."""


@pytest.mark.parametrize("what", UNCHANGED)
def test_a_write_that_keeps_its_version_is_refused(world: ports.World, what: str):
    owner = blueprint()
    with pytest.raises(ValueError, match="does not follow"):
        UNCHANGED[what](world, owner, trigger(owner), run())


def test_configuration_that_keeps_its_version_is_refused(aws: None):
    world, moments = wiring.get_world(), {"created_at": NOON, "updated_at": NOON}
    repo = Repo(id="r", url=URL, **moments)
    template = PromptTemplate(id="t", name="n", template="Go.", **moments)
    provider = TicketProvider(id="p", name="p", source="github", config={}, **moments)
    for store, thing in (
        (world.repos, repo),
        (world.prompt_templates, template),
        (world.providers, provider),
        (world.webhook_endpoints, provider),
        (world.deliveries, provider),
    ):
        with pytest.raises(ValueError, match="does not follow"):
            store.put(thing, thing)  # type: ignore[attr-defined]
