"""Runs after they were fired: admission, transitions, failures, logs, bulk changes.

The reasons for a run do not belong here: they are in `firing`.
May import firing and the features below it.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
