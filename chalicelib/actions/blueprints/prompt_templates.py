"""The library of prompt templates that blueprints share."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.actions.idempotency import earlier_result, existing_result
from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.domain.blueprints.template import check_template
from chalicelib.domain.errors import Invalid
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.versions import as_next_version
from chalicelib.ports import World, WriteConflict


def _check_template(template: PromptTemplate) -> None:
    try:
        check_template(template.template)
    except Invalid as error:
        raise Invalid(error.message, "template") from error


def create_template(
    world: World, new: PromptTemplate, claim: IdempotencyClaim | None = None
) -> PromptTemplate:
    """Store a template; a repeated request returns that of the first one.

    Raises `Invalid` if it does not parse, and `Conflict` if its name is in use.
    """
    if earlier := earlier_result(world, claim):
        return world.prompt_templates.get(earlier)
    _check_template(new)
    try:
        world.prompt_templates.add(new, claim)
    except WriteConflict as taken:
        return world.prompt_templates.get(existing_result(world, claim, taken))
    return new


def change_template(world: World, was: PromptTemplate, new: PromptTemplate) -> PromptTemplate:
    """Store an edit; linked blueprints fire with the new text from now on.

    Raises `Invalid` if it does not parse, `Conflict` for a name in use, and `Superseded` if `was`
    is no longer the stored version.
    """
    _check_template(new)
    new = replace(as_next_version(new, was), updated_at=world.now())
    world.prompt_templates.put(new, was)
    return new


def remove_template(world: World, template_id: str) -> None:
    """Remove a template; raise `Conflict` if a blueprint is linked to it."""
    world.prompt_templates.remove(world.prompt_templates.get(template_id))
