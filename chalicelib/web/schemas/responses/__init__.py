"""Types of the API's responses, for the type checker and for the API's description.

Requests do not load this package; only the description does.
"""

from __future__ import annotations

from chalicelib.web.schemas.responses.activity import *  # noqa: F403
from chalicelib.web.schemas.responses.blueprints import *  # noqa: F403
from chalicelib.web.schemas.responses.configuration import *  # noqa: F403
from chalicelib.web.schemas.responses.legacy import *  # noqa: F403
from chalicelib.web.schemas.responses.runs import *  # noqa: F403
from chalicelib.web.schemas.responses.webhooks import *  # noqa: F403
