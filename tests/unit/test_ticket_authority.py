"""A stranger's issue with a label of a form fires nothing until a trusted user labels it."""

from __future__ import annotations

import pytest

from tests.fakes.github_issues import FakeGitHub
from tests.fakes.tracker import serving
from tests.support.fake_tracker_stage import Place

pytestmark = pytest.mark.usefixtures("loopback")


def reasons(place: Place) -> list[str | None]:
    return [row[0].reason for row in place.world.tables.all("firings")]


def test_a_label_of_a_stranger_fires_nothing_and_the_ledger_says_so():
    with serving(FakeGitHub(lambda: None)) as tracker:  # type: ignore[arg-type, return-value]
        place = Place(tracker)
        place.minutes(2)
        item = tracker.add("agent", author="mallory")
        place.minutes(5)
        assert not place.fired()
        assert reasons(place) == ["untrusted"]

        item.setters["agent"] = "ann"
        tracker.label(item, "agent")
        place.minutes(5)

        assert place.fired() == place.expected()
        assert reasons(place).count("untrusted") == 1
        assert place.provider.failures == 0
