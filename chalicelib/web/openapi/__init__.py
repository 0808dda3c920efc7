"""The OpenAPI document of the API, made from its routes and schemas, and its HTML page.

Routes do not belong here.
May import `http` and `schemas`.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
