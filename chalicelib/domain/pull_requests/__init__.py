"""Pull requests, their checks, and the forges that hold them.

Calls to a forge do not belong here: they are in `integrations.github`.
May import the shared values of the domain.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
