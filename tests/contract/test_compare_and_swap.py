"""Both sides of every compare-and-swap: who wins changes everything, who loses nothing."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib import ports, wiring
from chalicelib.domain.blueprint import Blueprint, Kind
from chalicelib.domain.decision import Decision
from chalicelib.domain.errors import Conflict, NotFound, Superseded
from chalicelib.domain.firing import Brief, Claim, Firing, Outcome
from chalicelib.domain.repo import Repo, repo_id
from chalicelib.domain.run import Run, State, move, queued
from chalicelib.domain.trigger import Trigger
from tests.conftest import NOON

URL = "https://git.example.com/acme/web"


@pytest.fixture
def world(aws: None) -> ports.World:
    return wiring.world()


def new_id() -> str:
    return str(uuid.uuid4())


def definition(**more: object) -> Blueprint:
    fields = {
        "id": new_id(),
        "kind": Kind.REPO_BLUEPRINT,
        "name": "Nightly",
        "title": "Nightly",
        "prompt": "Bump",
        "repo_url": URL,
        "created_at": NOON,
        "updated_at": NOON,
    }
    return Blueprint(**(fields | more))


def trigger(owner: Blueprint, **more: object) -> Trigger:
    fields = {
        "id": new_id(),
        "definition_id": owner.id,
        "definition_kind": owner.kind,
        "type": "manual",
        "created_at": NOON,
        "updated_at": NOON,
    }
    return Trigger(**(fields | more))


def firing(**more: object) -> Firing:
    fields = {
        "id": new_id(),
        "occurrence": "2026-05-04T12:00:00Z",
        "outcome": Outcome.FIRED,
        "fired_at": NOON,
    }
    return Firing(**(fields | more))


def run(**more: object) -> Run:
    fields = {
        "id": new_id(),
        "type": "repo-task",
        "title": "Nightly",
        "firing_id": new_id(),
        "repo_url": URL,
        "created_at": NOON,
        "updated_at": NOON,
    }
    return queued(Run(**(fields | more)), by="test", message="made")


def stored(world: ports.World, thing: Run) -> Run:
    ledger = firing(id=thing.firing_id, run_id=thing.id)
    world.firings.commit(Decision(firing=ledger, run=thing, brief=Brief(prompt="Bump")))
    return world.runs.get(thing.id)


def working(was: Run) -> Run:
    return move(was, State.PROVISIONING, by="test", message="admitted", at=NOON)


def claim(key: str = "key#1", **more: object) -> Claim:
    fields = {"digest": "d", "result": "r", "expires_at": NOON + timedelta(hours=1)}
    return Claim(key=key, **(fields | more))


def test_a_run_is_moved_by_the_first_and_not_by_the_second(world: ports.World):
    was = stored(world, run())
    world.runs.put(working(was), was)
    late = move(was, State.CANCELLED, by="late", message="too late", at=NOON)

    with pytest.raises(Superseded):
        world.runs.put(late, was)

    assert world.runs.get(was.id) == working(was)


def test_a_firing_is_committed_once_and_the_second_leaves_no_run(world: ports.World):
    first, second = run(), run()
    ledger = firing(run_id=first.id)
    world.firings.commit(Decision(firing=ledger, run=first, brief=Brief(prompt="one")))

    with pytest.raises(ports.Taken) as refused:
        world.firings.commit(Decision(firing=ledger, run=second, brief=Brief(prompt="two")))

    assert refused.value.parts == {"firing"}
    with pytest.raises(NotFound):
        world.runs.get(second.id)
    kept = world.firings.brief(ledger.id)
    assert kept is not None
    assert kept.prompt == "one"


def test_a_firing_under_a_changed_definition_writes_nothing(world: ports.World):
    owner = definition()
    world.blueprints.add(owner, [], None)
    world.blueprints.put(replace(owner, name="Changed", version=owner.version + 1), owner, [])
    late, ledger = run(), firing()

    with pytest.raises(ports.Taken) as refused:
        world.firings.commit(Decision(firing=ledger, run=late, definition=owner))

    assert refused.value.parts == {"definition"}
    for get in (lambda: world.runs.get(late.id), lambda: world.firings.get(ledger.id)):
        with pytest.raises(NotFound):
            get()


def test_a_firing_moves_its_trigger_on_only_from_where_it_stood(world: ports.World):
    owner = definition()
    was = trigger(owner)
    world.blueprints.add(owner, [was], None)
    after = replace(was, version=was.version + 1, enabled=False)
    world.firings.commit(Decision(firing=firing(), trigger=(was, after)))
    assert world.triggers.get(was.id) == after

    ledger = firing()
    with pytest.raises(ports.Taken) as refused:
        world.firings.commit(Decision(firing=ledger, trigger=(was, after)))

    assert refused.value.parts == {"trigger"}
    with pytest.raises(NotFound):
        world.firings.get(ledger.id)


def test_a_claim_binds_until_it_expires(world: ports.World):
    world.firings.commit(Decision(firing=firing(), claim=claim(result="first")))
    with pytest.raises(ports.Taken) as refused:
        world.firings.commit(Decision(firing=firing(), claim=claim(result="second")))
    assert refused.value.parts == {"claim"}
    bound = world.firings.claimed("key#1", NOON)
    assert bound is not None
    assert bound.result == "first"

    later = NOON + timedelta(hours=1)
    assert world.firings.claimed("key#1", later) is None
    again = claim(result="third", expires_at=later + timedelta(hours=1))
    world.firings.commit(Decision(firing=firing(fired_at=later), claim=again))
    bound = world.firings.claimed("key#1", later)
    assert bound is not None
    assert bound.result == "third"


def test_a_definition_is_changed_by_the_first_with_its_triggers_or_not_at_all(world: ports.World):
    owner = definition()
    was = trigger(owner)
    world.blueprints.add(owner, [was], None)
    first = replace(owner, name="First", version=2)
    world.blueprints.put(first, owner, [])
    paused = replace(was, enabled=False, version=2)

    with pytest.raises(ports.Taken) as refused:
        world.blueprints.put(replace(owner, name="Second", version=2), owner, [(paused, was)])

    assert refused.value.parts == {"definition"}
    assert world.blueprints.get(owner.id) == first
    assert world.triggers.get(was.id) == was


def test_a_definition_made_twice_under_one_key_is_made_once(world: ports.World):
    first, second = definition(), definition()
    world.blueprints.add(first, [], claim(result=first.id))

    with pytest.raises(ports.Taken):
        world.blueprints.add(second, [trigger(second)], claim(result=second.id))

    with pytest.raises(NotFound):
        world.blueprints.get(second.id)
    assert world.triggers.of(second.id) == []


def test_a_definition_that_changed_is_not_removed(world: ports.World):
    owner = definition()
    was = trigger(owner)
    world.blueprints.add(owner, [was], None)
    now = replace(owner, version=2)
    world.blueprints.put(now, owner, [])
    with pytest.raises(ports.Taken):
        world.blueprints.remove(owner, [was])
    assert world.triggers.get(was.id) == was

    world.blueprints.remove(now, [was])
    for get in (lambda: world.blueprints.get(owner.id), lambda: world.triggers.get(was.id)):
        with pytest.raises(NotFound):
            get()


def test_a_trigger_is_changed_and_removed_only_as_it_was_read(world: ports.World):
    owner = definition()
    was = trigger(owner)
    world.blueprints.add(owner, [was], None)
    now = replace(was, enabled=False, version=2)
    world.triggers.put(now, was)

    with pytest.raises(Superseded):
        world.triggers.put(replace(was, version=2), was)
    with pytest.raises(Superseded):
        world.triggers.remove(was)
    assert world.triggers.get(was.id) == now

    world.triggers.remove(now)
    with pytest.raises(NotFound):
        world.triggers.get(was.id)


def test_a_trigger_of_a_changed_or_removed_definition_is_not_made(world: ports.World):
    owner = definition()
    world.blueprints.add(owner, [], None)
    world.triggers.add(trigger(owner), owner, None)
    world.blueprints.remove(owner, [])
    orphan = trigger(owner)

    with pytest.raises(ports.Taken) as refused:
        world.triggers.add(orphan, owner, None)

    assert refused.value.parts == {"definition"}
    with pytest.raises(NotFound):
        world.triggers.get(orphan.id)


def test_the_last_slot_goes_to_one_of_two(world: ports.World):
    first, second = stored(world, run()), stored(world, run())
    world.slots.take(working(first), first, {"repo": 1, "stage": 5})

    with pytest.raises(ports.Taken) as refused:
        world.slots.take(working(second), second, {"repo": 1, "stage": 5})

    assert refused.value.parts == {"repo"}
    assert world.runs.get(second.id).state is State.QUEUED
    assert world.slots.held("repo") == {first.id}
    assert world.slots.held("stage") == {first.id}


def test_a_slot_taken_twice_for_one_run_is_one_slot(world: ports.World):
    was = stored(world, run())
    world.slots.take(working(was), was, {"repo": 2})
    with pytest.raises(ports.Taken) as refused:
        world.slots.take(working(was), was, {"repo": 2})
    assert refused.value.parts == {"run"}
    assert world.slots.held("repo") == {was.id}


def test_a_slot_is_freed_by_the_move_that_wins(world: ports.World):
    was = stored(world, run())
    held = working(was)
    world.slots.take(held, was, {"repo": 1})
    over = move(held, State.CANCELLED, by="test", message="over", at=NOON)

    stale = replace(held, version=99)
    with pytest.raises(ports.Taken):
        world.slots.free(over, stale, ["repo"])
    assert world.slots.held("repo") == {was.id}

    world.slots.free(over, held, ["repo"])
    assert world.slots.held("repo") == frozenset()


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
    assert world.repos.find(URL) == now

    world.repos.remove(now)
    assert world.repos.find(URL) is None
