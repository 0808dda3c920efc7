"""Firings: the record of an occurrence, the decision about it, and loop detection.

The time at which a trigger is due does not belong here: see `triggers`.
May import blueprints, triggers, runs and the shared values of the domain.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
