"""Repositories of code under the normal form of their URL.

Pull requests and forges do not belong here.
May import the shared values of the domain.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
