"""What is decided about one occurrence, to be written as a whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.firing import Brief, Claim, Firing
from chalicelib.domain.run import Run
from chalicelib.domain.trigger import Trigger


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A firing, with what it spawns and what it relies on.

    `definition` is only checked, never written: firings of one definition that all wrote its row
    would cancel each other. `trigger` is the pair of before and after.
    """

    firing: Firing
    brief: Brief | None = None
    run: Run | None = None
    definition: Blueprint | None = None
    trigger: tuple[Trigger, Trigger] | None = None
    claim: Claim | None = None
