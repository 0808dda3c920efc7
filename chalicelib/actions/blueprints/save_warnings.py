"""Collects the warnings about a blueprint and its triggers, from all rules.

A rule is a function that yields a `FieldWarning` for each likely mistake in something that is
accepted and stored. To add one, write it in the module of its subject and add it to `TRIGGER_RULES`
or `BLUEPRINT_RULES`. A rule reads no store: `WarningFacts` holds what was read for all of them.

All consumers use these lists: the field `warnings` in the responses of create, update, clone,
`POST /api/checks` and `GET /api/tasks/{id}/triggers`, the box on the pages of a blueprint and its
triggers, the output of `optio`, and `optio doctor`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from chalicelib.actions.blueprints import template_warnings, ticket_warnings, webhook_warnings
from chalicelib.actions.blueprints.blueprints import find_template
from chalicelib.actions.blueprints.warning_facts import WarningFacts
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.domain.field_warning import FieldWarning, prefix_warnings
from chalicelib.domain.triggers.trigger import OnTicket, Trigger
from chalicelib.ports import World

TriggerRule = Callable[[World, WarningFacts, Blueprint, Trigger], Iterable[FieldWarning]]
"""Yields warnings with fields of the trigger, such as `config.filter`."""
BlueprintRule = Callable[[WarningFacts, Blueprint, Sequence[Trigger]], Iterable[FieldWarning]]
"""Yields warnings with fields of the blueprint, such as `prompt`."""

TRIGGER_RULES: tuple[TriggerRule, ...] = (
    webhook_warnings.warn_of_open_path,
    webhook_warnings.warn_of_quoted_names,
    template_warnings.warn_of_unfilled_names,
    ticket_warnings.warn_of_missing_provider,
)
BLUEPRINT_RULES: tuple[BlueprintRule, ...] = (template_warnings.warn_of_names_without_source,)


def read_facts(
    world: World, triggers: Iterable[Trigger], templates: Mapping[str, PromptTemplate]
) -> WarningFacts:
    """Return what the rules compare these triggers with. The templates were read before."""
    has_tickets = any(isinstance(trigger, OnTicket) for trigger in triggers)
    providers = tuple(world.providers.list_all()) if has_tickets else ()
    return WarningFacts(templates=templates, providers=providers)


def read_facts_of(world: World, blueprint: Blueprint, triggers: Sequence[Trigger]) -> WarningFacts:
    """Return what the rules compare a blueprint and these triggers with."""
    template = find_template(world, blueprint)
    return read_facts(world, triggers, {template.id: template} if template else {})


def find_trigger_warnings(
    world: World, owner: Blueprint, trigger: Trigger, facts: WarningFacts | None = None
) -> list[FieldWarning]:
    """Return the warnings about one trigger, with fields of the trigger."""
    facts = facts or read_facts_of(world, owner, [trigger])
    return [warning for rule in TRIGGER_RULES for warning in rule(world, facts, owner, trigger)]


def find_blueprint_warnings(
    world: World,
    blueprint: Blueprint,
    triggers: Sequence[Trigger],
    facts: WarningFacts | None = None,
) -> list[FieldWarning]:
    """Return the warnings about the blueprint's own fields."""
    facts = facts or read_facts_of(world, blueprint, ())
    return [warning for rule in BLUEPRINT_RULES for warning in rule(facts, blueprint, triggers)]


def find_warnings(
    world: World,
    blueprint: Blueprint,
    triggers: Sequence[Trigger],
    facts: WarningFacts | None = None,
) -> list[FieldWarning]:
    """Return the warnings about a blueprint and all its triggers.

    Fields of the first trigger are named `triggers.0.…`, as in the body of `POST /api/tasks`.
    `facts` are read if they are not given.
    """
    facts = facts or read_facts_of(world, blueprint, triggers)
    found_warnings = find_blueprint_warnings(world, blueprint, triggers, facts)
    for number, trigger in enumerate(triggers):
        warnings = find_trigger_warnings(world, blueprint, trigger, facts)
        found_warnings += prefix_warnings(f"triggers.{number}", warnings)
    return found_warnings
