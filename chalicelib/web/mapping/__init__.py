"""Conversions: from requests to domain objects, and from those to responses.

Rules do not belong here, nor the checks of single fields.
May import `schemas`, `queries`, wiring, the actions and the domain.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
