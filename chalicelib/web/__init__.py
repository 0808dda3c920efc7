"""HTTP: the API, the dashboard, and their shared parts.

Decisions do not belong here, nor writes to a store; reads of stores are in `queries`.
May import wiring, the actions, the ports and the domain.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
