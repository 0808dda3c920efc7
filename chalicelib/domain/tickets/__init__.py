"""Tickets, their providers, and how far a provider has been read.

Clients of trackers do not belong here: they are in `integrations.trackers`.
May import firing, triggers and the shared values of the domain.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
