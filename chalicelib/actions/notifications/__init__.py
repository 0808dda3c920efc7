"""Webhook endpoints, announcements of events, and their delivery.

Webhooks that come in do not belong here: they are in `firing`.
May import the shared actions.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
