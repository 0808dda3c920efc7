"""Notifications, the endpoints that receive them, and their deliveries.

Webhooks that fire triggers do not belong here: they are in `triggers`.
May import firing, blueprints, runs and the shared values of the domain.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
