"""What answers hold, as types: the views are checked against them, the API described by them.

Nothing loads this room to answer; only the description does.
"""

from __future__ import annotations

from chalicelib.web.answers.activity import *  # noqa: F403
from chalicelib.web.answers.definitions import *  # noqa: F403
from chalicelib.web.answers.legacy import *  # noqa: F403
from chalicelib.web.answers.runs import *  # noqa: F403
from chalicelib.web.answers.settled import *  # noqa: F403
from chalicelib.web.answers.webhooks import *  # noqa: F403
