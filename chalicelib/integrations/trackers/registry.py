"""Trackers by the name of their source; the module of one is loaded when it is first opened."""

from __future__ import annotations

from datetime import datetime
from importlib import import_module

from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.ports import Tracker

TRACKER_MODULES = {
    "github": "github.issues",
    "linear": "trackers.linear",
    "jira": "trackers.jira",
    "notion": "trackers.notion",
}


class RealTrackers:
    """The trackers of others, over HTTPS."""

    def open_tracker(self, provider: TicketProvider, credential: str, now: datetime) -> Tracker:
        """Return the tracker of a provider."""
        module = import_module(f"chalicelib.integrations.{TRACKER_MODULES[provider.source]}")
        tracker: Tracker = module.open_tracker(provider, credential, now)
        return tracker
