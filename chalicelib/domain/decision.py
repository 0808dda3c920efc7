"""What is decided about one occurrence, to be written as a whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.firing import Brief, Claim, Firing
from chalicelib.domain.prompt_template import PromptTemplate
from chalicelib.domain.run import Run
from chalicelib.domain.trigger import Trigger


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What a decision is made from, read together: all of today's configuration."""

    definition: Blueprint
    trigger: Trigger | None = None
    template: PromptTemplate | None = None
    active: frozenset[str] = frozenset()

    @property
    def params_schema(self) -> dict[str, object] | None:
        """What the params have to be: the definition's own schema, or else its template's."""
        own = self.definition.params_schema
        return own or (self.template.params_schema if self.template else None)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A firing, with what it spawns and what it relies on.

    `definition` is only checked, never written: firings of one definition that all wrote its row
    would cancel each other. `trigger` is the pair of before and after; where both are the same
    one, it is only checked, too. A run with an `overlap_key` enters the active runs behind it;
    `active` is what these had to be, where the decision relied on them.
    """

    firing: Firing
    brief: Brief | None = None
    run: Run | None = None
    definition: Blueprint | None = None
    trigger: tuple[Trigger, Trigger] | None = None
    claim: Claim | None = None
    active: frozenset[str] | None = None
