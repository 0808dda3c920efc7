"""Blueprints with their triggers, prompt templates and repos: created, changed, checked.

Firing them does not belong here.
May import notifications, access and the shared actions.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
