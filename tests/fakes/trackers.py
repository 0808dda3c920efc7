"""Stateful trackers over real HTTP, which refuse what the real ones would refuse."""

from __future__ import annotations

from tests.fakes.github_issues import FakeGitHub
from tests.fakes.jira import FakeJira
from tests.fakes.linear import FakeLinear
from tests.fakes.notion import FakeNotion
from tests.fakes.tracker import CREDENTIAL, FakeTracker, serving

FAKES: dict[str, type[FakeTracker]] = {
    fake.source: fake for fake in (FakeGitHub, FakeLinear, FakeJira, FakeNotion)
}
__all__ = ["CREDENTIAL", "FAKES", "FakeTracker", "serving"]
