"""The library of prompt templates that blueprints share."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.actions.claiming import earlier_result, made_first
from chalicelib.domain.errors import Invalid
from chalicelib.domain.firing import Claim
from chalicelib.domain.prompt_template import PromptTemplate
from chalicelib.domain.template import check_template
from chalicelib.ports import Taken, World


def _check(template: PromptTemplate) -> None:
    try:
        check_template(template.template)
    except Invalid as error:
        raise Invalid(error.message, "template") from error


def create(world: World, new: PromptTemplate, claim: Claim | None = None) -> PromptTemplate:
    """Store a template; a repeated request returns that of the first one.

    Raises `Invalid` if it does not parse, and `Conflict` if its name is in use.
    """
    if earlier := earlier_result(world, claim):
        return world.prompt_templates.get(earlier)
    _check(new)
    try:
        world.prompt_templates.add(new, claim)
    except Taken as taken:
        return world.prompt_templates.get(made_first(world, claim, taken))
    return new


def change(world: World, was: PromptTemplate, new: PromptTemplate) -> PromptTemplate:
    """Store an edit; linked blueprints fire with the new text from now on.

    Raises `Invalid` if it does not parse, `Conflict` for a name in use, and `Superseded` if `was`
    is no longer the stored version.
    """
    _check(new)
    new = replace(new, version=was.version + 1, updated_at=world.now())
    world.prompt_templates.put(new, was)
    return new


def remove(world: World, template_id: str) -> None:
    """Remove a template; raise `Conflict` if a blueprint is linked to it."""
    world.prompt_templates.remove(world.prompt_templates.get(template_id))
