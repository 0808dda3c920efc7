"""The variables of the forms of a new task, of a blueprint and of a trigger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.web.pages.contexts.base import FormContext
from chalicelib.web.pages.forms import FormError

TemplateChoice = tuple[str, str]
"""The id and the name of a prompt template."""


ROTATION_HELP = (
    "Save the new secret here first, then give it to the sender, then reject the previous ones "
    "here. At most three secrets are accepted."
)


@dataclass(frozen=True)
class SavedSecrets:
    """The hints of a webhook's form; without a saved secret there is none to rotate."""

    secret_help: str
    rotation_help: str


def describe_saved_secrets(count: int) -> SavedSecrets:
    """Return the hints for a webhook with this number of secrets."""
    if not count:
        return SavedSecrets("No secret is saved yet.", "")
    now_accepted = f"{count} secrets are accepted now. " if count > 1 else ""
    return SavedSecrets(
        "Leave this empty to keep the saved secret.", f"{now_accepted}{ROTATION_HELP}"
    )


@dataclass(frozen=True, kw_only=True)
class NewTaskPage(FormContext):
    """The variables of the form of a new task."""

    template = "new.html"

    is_run: bool
    trigger_kind: str
    presets: Sequence[tuple[str, str]]
    repo_urls: list[str]
    templates: list[TemplateChoice]


@dataclass(frozen=True, kw_only=True)
class EditBlueprintPage(FormContext):
    """The variables of the form of a blueprint."""

    template = "edit.html"

    blueprint_id: str
    blueprint_name: str
    has_repo: bool
    templates: list[TemplateChoice]
    warnings: Sequence[FormError]


@dataclass(frozen=True, kw_only=True)
class EditTriggerPage(FormContext):
    """The variables of the form of a trigger.

    `saved_secrets` describes a webhook's secrets. `offered_token` is a token that was sent to it,
    which an admin may save as its secret.
    """

    template = "trigger.html"

    blueprint_id: str
    blueprint_name: str
    trigger_kind: str
    saved_secrets: SavedSecrets
    offered_token: str | None
    warnings: Sequence[FormError]
