"""Types of the API's responses, for the type checker and for the API's description.

Requests do not load this package; only the description does.
"""

from __future__ import annotations

from chalicelib.web.answers.activity import *  # noqa: F403
from chalicelib.web.answers.definitions import *  # noqa: F403
from chalicelib.web.answers.legacy import *  # noqa: F403
from chalicelib.web.answers.runs import *  # noqa: F403
from chalicelib.web.answers.settled import *  # noqa: F403
from chalicelib.web.answers.webhooks import *  # noqa: F403
