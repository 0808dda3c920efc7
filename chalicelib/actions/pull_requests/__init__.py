"""From a pushed branch to a merged or closed pull request, and the events of forges.

Calls to a forge do not belong here, nor comments on tickets.
May import tickets, jobs, runs and the features below them.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
