"""The decision about one occurrence, which is written completely or not at all."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.domain.firing.firing import Brief, Firing, IdempotencyClaim
from chalicelib.domain.ids import RunId, TriggerId
from chalicelib.domain.runs.run import Run
from chalicelib.domain.triggers.trigger import Trigger


@dataclass(frozen=True, kw_only=True)
class BlueprintContext:
    """The configuration that a decision is based on if a person fires a blueprint."""

    blueprint: Blueprint
    template: PromptTemplate | None = None

    @property
    def trigger_id(self) -> TriggerId | None:
        """The id of its trigger, None if a person fires."""
        return None

    @property
    def params_schema(self) -> dict[str, object] | None:
        """The schema of the params: the blueprint's own, otherwise its template's."""
        own = self.blueprint.params_schema
        return own or (self.template.params_schema if self.template else None)


@dataclass(frozen=True, kw_only=True)
class FiringContext(BlueprintContext):
    """The configuration that a decision about a trigger is based on, read in one snapshot."""

    trigger: Trigger
    active: frozenset[RunId] = frozenset()

    @property
    def trigger_id(self) -> TriggerId:
        return self.trigger.id


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A firing, the run that it creates, and the conditions that the decision relied on.

    `blueprint` is the blueprint, whose version is checked but never written: otherwise concurrent
    firings of one blueprint would conflict on its row. `trigger` is the trigger before and after.
    If both are the same object, only its version is checked. A run with an `overlap_key` joins the
    set of active runs. `active` is the expected content of that set, if the decision relied on it.
    """

    firing: Firing
    brief: Brief | None = None
    run: Run | None = None
    blueprint: Blueprint | None = None
    trigger: tuple[Trigger, Trigger] | None = None
    claim: IdempotencyClaim | None = None
    active: frozenset[RunId] | None = None
