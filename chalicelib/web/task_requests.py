"""Requests that save tasks and triggers, for the API and for pages alike.

The objects that a request names are read first, then it is checked and mapped, and at last the
secrets of its webhooks are encrypted.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from chalicelib.actions.blueprints.webhook_secrets import seal_trigger
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.errors import Fault
from chalicelib.domain.ids import BlueprintId
from chalicelib.domain.triggers.trigger import Trigger
from chalicelib.ports import World
from chalicelib.web.mapping import blueprint_requests, references
from chalicelib.web.queries.references import References, read_references
from chalicelib.web.schemas import requests

Body = dict[str, Any]
NewBlueprint = tuple[Blueprint, list[Trigger]]


def parse_task(world: World, body: Body, faults: Iterable[Fault] = ()) -> NewBlueprint:
    """Return the blueprint and triggers of a body, or the blueprint of an ad-hoc run."""
    named_objects = read_named(world, body)
    return build_task(world, check_task(body, named_objects, faults), named_objects)


def read_named(world: World, *bodies: Body, with_repos: bool = True) -> References:
    """Return the objects that the bodies of tasks name, each read once."""
    return read_references(world, references.names_of_tasks(*bodies, with_repos=with_repos))


def check_task(
    body: Body, named_objects: References, faults: Iterable[Fault] = ()
) -> requests.NewTask:
    """Return the request of a body; raise `Invalid` with all its faults and these."""
    all_faults = [*references.find_faults(body, named_objects), *faults]
    return requests.parse_request(requests.NewTask, body, extra_faults=all_faults)


def build_task(world: World, request: requests.NewTask, named_objects: References) -> NewBlueprint:
    """Return the blueprint and triggers that a request describes."""
    now = world.now()
    new = blueprint_requests.to_blueprint(
        request, BlueprintId(str(uuid.uuid4())), named_objects, now
    )
    return new, [
        seal_trigger(world, blueprint_requests.to_trigger(trigger, new, now))
        for trigger in request.triggers
    ]


def edit_blueprint(
    world: World, was: Blueprint, body: Body, faults: Iterable[Fault] = ()
) -> Blueprint:
    """Return a blueprint with the fields of a body changed."""
    whole = blueprint_requests.complete_body(was, body)
    named_objects = read_named(world, whole)
    return blueprint_requests.patch_blueprint(was, body, named_objects, faults)


def parse_trigger(
    world: World, owner: Blueprint, body: Body, faults: Iterable[Fault] = ()
) -> Trigger:
    """Return the trigger of a body."""
    named_objects = read_references(world, references.names_of_trigger(body))
    unsealed = blueprint_requests.parse_trigger(body, owner, named_objects, world.now(), faults)
    return seal_trigger(world, unsealed)


def edit_trigger(
    world: World, owner: Blueprint, was: Trigger, body: Body, faults: Iterable[Fault] = ()
) -> Trigger:
    """Return a trigger with the fields of a body changed."""
    whole = blueprint_requests.complete_trigger_body(was, body)
    named_objects = read_references(world, references.names_of_trigger(whole))
    return seal_trigger(
        world, blueprint_requests.patch_trigger(was, body, owner, named_objects, faults)
    )
