"""Queries: what routes and pages read from the stores, as objects of the domain.

Writes do not belong here, nor JSON and HTML.
May import the actions, the ports and the domain; nothing else of `web`.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
