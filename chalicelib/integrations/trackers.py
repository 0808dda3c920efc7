"""Trackers by the name of their source; the module of one is loaded when it is first opened."""

from __future__ import annotations

from datetime import datetime
from importlib import import_module

from chalicelib.domain.provider import Provider
from chalicelib.ports import Tracker

MODULES = {"github": "github_issues", "linear": "linear", "jira": "jira", "notion": "notion"}


class RealTrackers:
    """The trackers of others, over HTTPS."""

    def open(self, provider: Provider, credential: str, now: datetime) -> Tracker:
        """Return the tracker of a provider."""
        module = import_module(f"chalicelib.integrations.{MODULES[provider.source]}")
        tracker: Tracker = module.open_tracker(provider, credential, now)
        return tracker
