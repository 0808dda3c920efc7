"""Promises of the protocols of stores beside compare-and-swap, for each adapter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib import ports, wiring
from chalicelib.domain.access.key import ROLE_SCOPES, ApiKey, Role
from chalicelib.domain.errors import Conflict, Invalid
from chalicelib.domain.firing.decision import Decision
from chalicelib.domain.repos.repo import Repo, repo_id
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.domain.triggers.trigger import TicketSettings
from tests.conftest import NOON
from tests.support.declared_conflicts import DeclaredWorld
from tests.support.stored_objects import blueprint, claim, firing, hook, stored, trigger
from tests.support.stored_runs import URL, new_id, run

TIMES = {"created_at": NOON, "updated_at": NOON}


def repo(url: str = URL) -> Repo:
    return Repo(id=repo_id(url), url=url, **TIMES)


def provider(name: str, **more: object) -> TicketProvider:
    fields = {"id": new_id(), "name": name, "source": "github", "config": {}}
    return TicketProvider(**(fields | TIMES | more))


def key(id: str, digest: str) -> ApiKey:
    return ApiKey(id=id, digest=digest, name="k", scopes=ROLE_SCOPES[Role.ADMIN], **TIMES)


def test_configuration_under_a_claim_is_added_once(world: ports.World):
    world.repos.add(repo(), claim())
    world.providers.add(provider("a"), claim("key#2"))

    with pytest.raises(ports.WriteConflict) as refused:
        world.repos.add(repo(f"{URL}/other"), claim())
    assert refused.value.parts == {ports.Part.CLAIM}
    with pytest.raises(ports.WriteConflict) as refused:
        world.providers.add(provider("b"), claim("key#2"))
    assert refused.value.parts == {ports.Part.CLAIM}
    assert [each.url for each in world.repos.list_all()] == [URL]
    assert [each.name for each in world.providers.list_all()] == ["a"]


def test_a_claim_is_reported_before_the_repo_that_it_made(world: ports.World):
    world.repos.add(repo(), claim())

    with pytest.raises(ports.WriteConflict) as refused:
        world.repos.add(repo(), claim())
    assert ports.Part.CLAIM in refused.value.parts
    with pytest.raises(Conflict):
        world.repos.add(repo(), claim("key#2"))
    assert world.firings.find_claim("key#2", NOON) is None


def test_a_provider_is_not_added_over_another(world: ports.World):
    first = provider("first")
    world.providers.add(first)

    with pytest.raises(ports.WriteConflict) as refused:
        world.providers.add(replace(first, name="second"))

    assert refused.value.lost == {(ports.Part.PROVIDER, first.id)}
    assert world.providers.get(first.id) == first


def test_configuration_is_listed_by_name(world: ports.World):
    for name in ("b", "a", "c"):
        world.providers.add(provider(name))
        world.repos.add(repo(f"{URL}/{name}"))

    assert [each.name for each in world.providers.list_all()] == ["a", "b", "c"]
    assert [each.url[-1] for each in world.repos.list_all()] == ["a", "b", "c"]


def test_a_claim_is_released_while_it_has_the_same_result(world: ports.World):
    world.firings.commit_decision(Decision(firing=firing(), claim=claim(result="first")))

    world.firings.release_claim(claim(result="second"), NOON)
    assert world.firings.find_claims(["key#1", "key#2"], NOON).keys() == {"key#1"}
    world.firings.release_claim(claim("key#2"), NOON)
    assert world.firings.find_claim("key#2", NOON - timedelta(days=1)) is None

    world.firings.release_claim(claim(result="first", expires_at=None), NOON)
    assert world.firings.find_claim("key#1", NOON) is None


LISTS: dict[str, Callable[[ports.World, str], object]] = {
    "blueprints": lambda w, before: w.blueprints.list_newest("repo-blueprint", before, 5),
    "templates": lambda w, before: w.prompt_templates.list_newest(before, 5),
    "firings of a blueprint": lambda w, before: w.firings.list_of_blueprint("b", before, 5),
    "firings of a trigger": lambda w, before: w.firings.list_of_trigger("t", before, 5),
    "runs": lambda w, before: w.runs.list_newest(["repo-task"], before, 5),
    "runs of a blueprint": lambda w, before: w.runs.list_of_blueprint("b", before, 5),
    "runs of a repo": lambda w, before: w.runs.list_of_repo(URL, before, 5),
}


@pytest.mark.parametrize("what", LISTS)
@pytest.mark.parametrize("before", ["x", "2026-05-04", f"#{NOON:%Y}"])
def test_a_position_that_no_list_returned_is_invalid(world: ports.World, what: str, before: str):
    with pytest.raises(Invalid) as refused:
        LISTS[what](world, before)
    assert refused.value.field == "cursor"


def test_a_list_goes_on_after_its_position(world: ports.World):
    made = [
        firing(trigger_id="t", fired_at=NOON + timedelta(minutes=number)) for number in range(5)
    ]
    for each in made:
        world.firings.commit_decision(Decision(firing=each))

    seen, position = [], None
    for _ in range(3):
        page, position = world.firings.list_of_trigger("t", position, 2)
        seen.append([each.id for each in page])

    newest_first = [each.id for each in reversed(made)]
    assert seen == [newest_first[:2], newest_first[2:4], newest_first[4:]]
    assert position is None


def test_a_path_that_went_to_another_trigger_is_not_taken_back(world: ports.World):
    owner = blueprint()
    first, second = hook(owner), hook(owner)
    world.blueprints.add(owner, [first], None)
    moved = replace(first, version=2, webhook=replace(first.webhook, path="other"))
    world.triggers.put(ports.TriggerChange(new=moved, was=first), owner, owner)
    world.triggers.add(second, owner, owner, None)

    back = replace(moved, version=3, webhook=first.webhook)
    with pytest.raises(ports.WriteConflict) as refused:
        world.triggers.put(ports.TriggerChange(new=back, was=moved), owner, owner)

    assert refused.value.parts == {ports.Part.WEBHOOK_PATH}
    found = world.triggers.find_listener("alerts")
    assert found is not None
    assert found.trigger_id == second.id


def test_a_listener_is_updated_only_by_its_own_trigger(world: ports.World):
    owner = blueprint()
    first, second = hook(owner), hook(owner, "other")
    world.blueprints.add(owner, [first, second], None)
    claims_alerts = replace(second, webhook=first.webhook)
    edited = replace(claims_alerts, version=2, template_id="t")

    with pytest.raises(ports.WriteConflict) as refused:
        world.triggers.put(ports.TriggerChange(new=edited, was=claims_alerts), owner, owner)

    assert refused.value.lost == {(ports.Part.WEBHOOK_LISTENER, "alerts")}
    found = world.triggers.find_listener("alerts")
    assert found is not None
    assert (found.trigger_id, found.template_id) == (first.id, None)


def test_a_context_is_read_of_the_named_blueprints_only(world: ports.World):
    owner, other = blueprint(), blueprint()
    first = trigger(owner)
    world.blueprints.add(owner, [first], None)
    world.blueprints.add(other, [], None)

    assert world.triggers.read_contexts([(first.id, owner.id)]).keys() == {first.id}
    assert world.triggers.read_contexts([(first.id, other.id)]) == {}


def test_ticket_triggers_of_a_source_are_listed_by_id(world: ports.World):
    owner = blueprint()
    wanted = [trigger(owner, ticket=TicketSettings(source="github")) for _ in range(4)]
    other = trigger(owner, ticket=TicketSettings(source="linear"))
    world.blueprints.add(owner, [*wanted, other], None)

    pairs = world.triggers.list_of_source("github")

    assert pairs == sorted((each.id, owner.id) for each in wanted)


def test_a_bounded_number_of_runs_leaves_a_set_at_once(world: ports.World):
    ids = [f"r{number:03}" for number in range(ports.MAX_DROPPED_RUNS + 3)]
    world.run_sets.hold_runs("repo", ids)

    world.run_sets.drop_runs("repo", dict.fromkeys(ids))

    assert world.run_sets.held_runs("repo") == set(ids[-3:])


def test_runs_wait_by_priority_and_age(world: ports.World):
    made = [
        run(created_at=NOON + timedelta(seconds=second), priority=priority)
        for second, priority in ((0, 100), (1, 100), (2, 5))
    ]
    for each in made:
        stored(world, each)

    ranked = [made[2], made[0], made[1]]
    queue = ranked[0].queue_id
    assert list(world.runs.iter_waiting(queue)) == [each.id for each in ranked]
    assert world.runs.first_sort_key(queue) == ranked[0].queue_sort_key


def test_runs_are_read_in_the_given_order(world: ports.World):
    made = [stored(world, run()) for _ in range(3)]

    found = world.runs.get_many([made[2].id, new_id(), made[0].id])

    assert [each.id for each in found] == [made[2].id, made[0].id]


@pytest.mark.parametrize("claimed", [False, True])
def test_a_key_is_not_added_over_another(aws: None, claimed: bool):
    keys = DeclaredWorld(wiring.get_world()).keys  # type: ignore[arg-type]
    keys.add(key("k", "first"))

    with pytest.raises(ports.WriteConflict) as refused:
        keys.add(key("k", "second"), claim() if claimed else None)

    assert refused.value.lost == {(ports.Part.KEY, "k")}
    assert keys.find_by_id("k").digest == "first"
