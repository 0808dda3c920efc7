"""Collects the warnings about a blueprint and its triggers, from all rules.

A rule is a function that yields a `FieldWarning` for each likely mistake in something that is
accepted and stored. To add one, write it in the module of its subject and add it to `TRIGGER_RULES`
or `BLUEPRINT_RULES`. All consumers use these lists: the field `warnings` in the responses of
create, update, clone, `POST /api/checks` and `GET /api/tasks/{id}/triggers`, the box on the pages
of a blueprint and its triggers, the output of `optio`, and `optio doctor`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from chalicelib.actions.blueprints import template_warnings, ticket_warnings, webhook_warnings
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.field_warning import FieldWarning, prefix_warnings
from chalicelib.domain.triggers.trigger import Trigger
from chalicelib.ports import World

TriggerRule = Callable[[World, Blueprint, Trigger], Iterable[FieldWarning]]
"""Yields warnings with fields of the trigger, such as `config.filter`."""
BlueprintRule = Callable[[World, Blueprint, Sequence[Trigger]], Iterable[FieldWarning]]
"""Yields warnings with fields of the blueprint, such as `prompt`."""

TRIGGER_RULES: tuple[TriggerRule, ...] = (
    webhook_warnings.warn_of_open_path,
    webhook_warnings.warn_of_quoted_names,
    template_warnings.warn_of_unfilled_names,
    ticket_warnings.warn_of_missing_provider,
)
BLUEPRINT_RULES: tuple[BlueprintRule, ...] = (template_warnings.warn_of_names_without_source,)


def find_trigger_warnings(world: World, owner: Blueprint, trigger: Trigger) -> list[FieldWarning]:
    """Return the warnings about one trigger, with fields of the trigger."""
    return [warning for rule in TRIGGER_RULES for warning in rule(world, owner, trigger)]


def find_blueprint_warnings(
    world: World, blueprint: Blueprint, triggers: Sequence[Trigger]
) -> list[FieldWarning]:
    """Return the warnings about the blueprint's own fields."""
    return [warning for rule in BLUEPRINT_RULES for warning in rule(world, blueprint, triggers)]


def find_warnings(
    world: World, blueprint: Blueprint, triggers: Sequence[Trigger]
) -> list[FieldWarning]:
    """Return the warnings about a blueprint and all its triggers.

    Fields of the first trigger are named `triggers.0.…`, as in the body of `POST /api/tasks`.
    """
    found_warnings = find_blueprint_warnings(world, blueprint, triggers)
    for number, trigger in enumerate(triggers):
        warnings = find_trigger_warnings(world, blueprint, trigger)
        found_warnings += prefix_warnings(f"triggers.{number}", warnings)
    return found_warnings
