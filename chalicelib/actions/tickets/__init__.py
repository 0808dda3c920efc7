"""Ticket providers, their syncs, the firings of tickets, and comments on them.

Clients of trackers do not belong here.
May import runs, firing and the features below them; not jobs.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
