"""Blueprints, prompt templates, and the template language.

Triggers do not belong here, nor the runs of a blueprint.
May import runs, repos and the shared values of the domain.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
