"""From an occurrence to a firing: schedules, inbound webhooks, policies, redelivery.

The further life of a run does not belong here.
May import blueprints, notifications, access and the shared actions.
"""

from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
