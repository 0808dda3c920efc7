"""API keys, sessions, login limits, the audit log, and credentials of forges.

The use that a caller makes of its rights does not belong here.
May import the shared actions.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
