"""PyGithub, over connections that go only where they may."""

from __future__ import annotations

from typing import Any

from github import Github
from github.Requester import (
    HTTPRequestsConnectionClass,
    HTTPSRequestsConnectionClass,
    Requester,
)

from chalicelib.integrations.outgoing import guard


class _Secure(HTTPSRequestsConnectionClass):
    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        guard(self.session, max_retries=self.retry, pool_maxsize=self.pool_size)


class _Plain(HTTPRequestsConnectionClass):
    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        guard(self.session, max_retries=self.retry, pool_maxsize=self.pool_size)


Requester.injectConnectionClasses(_Plain, _Secure)
# PyGithub takes injected classes for those of a test, and would connect anew for each request.
setattr(Requester, "_Requester__persist", True)  # noqa: B010


def client(**options: Any) -> Github:
    """Return a client of GitHub, or of a server like it, whose every connection is guarded."""
    return Github(**options)
