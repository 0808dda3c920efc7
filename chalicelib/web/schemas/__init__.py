"""The shapes of JSON at the API: fields of requests, and fields of responses.

Conversions to and from the domain do not belong here: they are in `mapping`.
May import pydantic, wiring and the domain.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
