"""The runner's side of a run: claims, heartbeats, builds, secrets, outputs, reports.

The job itself does not belong here: it is in `chalicelib.runner`.
May import runs, firing and the features below them; not tickets.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
