"""Pure rules of the subject, in a package for each feature, with shared values beside them.

I/O, clocks, process state and configuration do not belong here.
May import the standard library, the rule libraries (Jinja2, croniter) and itself.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
