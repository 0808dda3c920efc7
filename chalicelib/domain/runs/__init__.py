"""Runs: their states, attempts, builds, logs, outputs, test results and kept work.

The reasons for a run do not belong here, nor the work of its job.
May import pull requests and the shared values of the domain.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
