"""The minute tick, the dispatch of due runs, and the health of both.

The work on a due row does not belong here: it is in the row's feature.
May import every other feature; none imports this one.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
