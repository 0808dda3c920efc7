"""Deliveries that come at once: how many are answered 503, with one gate and with all of them."""

from __future__ import annotations

import re

import pytest

from chalicelib.storage import gates
from tests.simulation.contention import SCENES, Crowd, crush
from tests.support.shared import ROOT

DECISION = ROOT / "docs" / "decisions" / "0076-gates-of-a-blueprint.md"


def told() -> dict[str, tuple[int, int]]:
    """Return the table of the decision: how many were refused with one gate and with all."""
    rows = re.findall(r"^\| (.+?) \| (\d+) \| (\d+) \|$", DECISION.read_text(), re.MULTILINE)
    return {what: (int(one), int(many)) for what, one, many in rows}


@pytest.mark.parametrize("scene", SCENES)
def test_the_refused_deliveries_are_as_the_decision_states(scene: str):
    moments = SCENES[scene]
    before, after = crush(moments, 1), crush(moments, gates.GATES)
    assert (before.busy, after.busy) == told()[scene]


def test_each_delivery_has_its_firing_or_is_refused():
    crowd = Crowd()
    crowd.come(crowd.spread(500, 1), crowd.deliver)
    crowd.run()
    fired = {caller.result.firing.id for caller in crowd.callers if caller.result}
    assert len(fired) + crowd.busy() == 500
    assert {row[0].id for row in crowd.world.tables.all("firings")} == fired
    assert len(crowd.world.tables.all("runs")) == len(fired)
