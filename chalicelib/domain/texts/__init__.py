"""Texts that the service writes for others: pull requests, comments, prompts, descriptions.

Decisions do not belong here, nor the texts of the dashboard.
May import every other package of the domain; none of them imports this one.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
