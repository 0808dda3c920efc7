"""Warnings about names in a prompt or title that will have no value."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from chalicelib.actions.blueprints.warning_facts import WarningFacts
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.blueprints.template import BUILT_IN_NAMES, find_printed_names
from chalicelib.domain.errors import Invalid
from chalicelib.domain.field_warning import FieldWarning
from chalicelib.domain.triggers.trigger import OnSchedule, OnTicket, OnWebhook, Trigger
from chalicelib.ports import World


def warn_of_unfilled_names(
    world: World, facts: WarningFacts, owner: Blueprint, trigger: Trigger
) -> Iterator[FieldWarning]:
    """Warn of names that this trigger can never fill.

    Without a mapping, a delivery or ticket provides its whole payload, so it may fill any name.
    """
    filled_names = trigger.param_mapping or {}
    mapped = trigger.param_mapping is not None and isinstance(trigger, OnWebhook | OnTicket)
    if not mapped and not isinstance(trigger, OnSchedule):
        return
    for _, name in _find_open_names(facts, owner, filled_names):
        head = name.partition(".")[0]
        yield FieldWarning(
            "paramMapping",
            f"this trigger gives {{{{{name}}}}} no value: name {head} in paramMapping, or write "
            f"{{{{#if {name}}}}}…{{{{/if}}}} around it, or \\{{{{ to print the braces",
        )


def warn_of_names_without_source(
    facts: WarningFacts, blueprint: Blueprint, triggers: Sequence[Trigger]
) -> Iterator[FieldWarning]:
    """Warn of names that only a manual run can fill, because there is no trigger or schema."""
    if triggers:
        return  # each trigger has its own warnings
    schema = blueprint.params_schema or {}
    properties = schema.get("properties")
    for field, name in _find_open_names(
        facts, blueprint, properties if isinstance(properties, dict) else {}
    ):
        yield FieldWarning(
            field,
            f"only a manual run with that param gives {{{{{name}}}}} a value: add it to "
            "paramsSchema or to a trigger, or write \\{{ to print the braces",
        )


def _find_open_names(
    facts: WarningFacts, owner: Blueprint, filled_names: Collection[str]
) -> list[tuple[str, str]]:
    """Return the (field, name) of each printed name whose head is neither given nor built in."""
    prompt = facts.prompt_of(owner)
    if prompt is None:
        return []  # the template was just deleted
    texts = (("title", owner.title), ("prompt", prompt))
    try:
        printed_names = [
            (field, name) for field, text in texts for name in find_printed_names(text)
        ]
    except Invalid:
        return []  # a template that no longer parses fails visibly when it fires
    known_names = {*filled_names, *BUILT_IN_NAMES}
    return [
        (field, name) for field, name in printed_names if name.partition(".")[0] not in known_names
    ]
