"""Warnings about webhook triggers and about the JMESPath of any trigger."""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.actions.blueprints.warning_facts import WarningFacts
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.field_warning import FieldWarning
from chalicelib.domain.triggers.trigger import OnTicket, OnWebhook, Trigger
from chalicelib.domain.triggers.webhook_path import is_guessable
from chalicelib.ports import World

SUGGESTED_CHARACTERS = 24
"""The characters of a signature that make a suggested path unguessable: 96 bits in hex."""


def warn_of_open_path(
    world: World, facts: WarningFacts, owner: Blueprint, trigger: Trigger
) -> Iterator[FieldWarning]:
    """Warn if strangers can start runs: no secret, and a path that can be guessed."""
    if not isinstance(trigger, OnWebhook):
        return
    webhook = trigger.webhook
    if webhook.sealed or webhook.preset != "optio" or not is_guessable(webhook.path):
        return
    # The same suggestion every time, which only the readers of this stage can know.
    signature = world.encryption.sign_text(f"webhook path of {trigger.id}")
    suggested = f"{webhook.path[:64]}-{signature[:SUGGESTED_CHARACTERS]}"
    yield FieldWarning(
        "config.path",
        "anyone who guesses this path can start runs, because the webhook has no secret: "
        f"set a secret, or use a path that cannot be guessed, such as {suggested}",
    )


def warn_of_quoted_names(
    world: World, facts: WarningFacts, owner: Blueprint, trigger: Trigger
) -> Iterator[FieldWarning]:
    """Warn if a JMESPath has a text in double quotes, which make it the name of a field."""
    for field, query in _queries(trigger):
        for name in world.expressions.quoted_operands(query):
            single = "'" + name.replace("'", "\\'") + "'"
            yield FieldWarning(
                field,
                f'in JMESPath "{name}" is the value of a field with that name, not a text: '
                f"write {single} to compare with the text",
            )


def _queries(trigger: Trigger) -> Iterator[tuple[str, str]]:
    """Yield the JMESPath expressions of a trigger, each with its field."""
    if isinstance(trigger, OnWebhook) and trigger.webhook.filter:
        yield "config.filter", trigger.webhook.filter
    if isinstance(trigger, OnWebhook | OnTicket):
        for name, path in (trigger.param_mapping or {}).items():
            if str(path).startswith("$."):
                yield f"paramMapping.{name}", str(path).removeprefix("$.")
