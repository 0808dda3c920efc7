"""Triggers: schedules, cron, time zones, and inbound webhooks with their senders.

Outbound webhook endpoints do not belong here: they are in `notifications`.
May import the shared values of the domain.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
