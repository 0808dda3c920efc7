"""Rights and their record: API keys, scopes, names of secrets, login limits, the audit record.

The values of secrets and the stores of keys do not belong here.
May import repos, pull requests and the shared values of the domain.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
