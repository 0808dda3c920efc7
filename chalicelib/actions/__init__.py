"""One function for each intention, in a package for each feature.

HTTP and AWS do not belong here: an action uses the ports of its world.
May import the domain, the ports and features below its own (see pyproject.toml).
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
