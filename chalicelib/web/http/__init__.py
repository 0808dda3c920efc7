"""Requests in and responses out: routes, query parameters, cursors, headers, the audit of writes.

Single resources do not belong here: they are in `api` and `pages`.
May import wiring, the actions and the domain; neither `api` nor `pages`.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
