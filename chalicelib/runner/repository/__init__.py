"""The job's git repository: clone, checkout, filters, submodules, LFS, its state after setup.

The choice of commits to push does not belong here: it is in `work`.
May import `sandbox`, `output` and the modules of the runner that import no package.
"""
