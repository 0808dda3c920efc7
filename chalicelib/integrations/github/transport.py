"""PyGithub, over connections that go only where they may and follow redirects on their host."""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from github import Github
from github.Requester import (
    HTTPRequestsConnectionClass,
    HTTPSRequestsConnectionClass,
    Requester,
    RequestsResponse,
)

from chalicelib.integrations.http.guarded import MAX_REDIRECTS, guard_session

REDIRECT_STATUSES = (301, 302, 307, 308)
"""After which GitHub asks for the very same request at another path: the repo was renamed."""
FOLLOWED_HEADER = "x-followed-redirect"
"""The header that an answer gets here where a redirect led to it."""
_PORTS = {"https": 443, "http": 80}


class Misdirected(Exception):
    """A redirect to a location that is not followed; the message has advice."""


class _Guarded:
    """The part that both connections share: guarded sessions, and redirects followed whole.

    PyGithub would drop the query of a redirect, and take some redirects for a success.
    """

    session: Any
    retry: Any
    pool_size: int
    protocol: str
    host: str
    port: int
    verb: str
    url: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        guard_session(self.session, max_retries=self.retry, pool_maxsize=self.pool_size)

    def getresponse(self) -> RequestsResponse:
        requested_url = self.url
        for _ in range(MAX_REDIRECTS):
            answer: RequestsResponse = super().getresponse()  # type: ignore[misc]
            headers = {name.lower(): value for name, value in answer.getheaders()}
            if answer.status == 202 and self.verb in ("GET", "HEAD"):
                raise Misdirected("the forge is still preparing its answer (202): try later")
            if answer.status not in REDIRECT_STATUSES or "location" not in headers:
                if self.url != requested_url:
                    answer.headers[FOLLOWED_HEADER] = self.url
                return answer
            self.url = self._next_path(answer.status, headers["location"])
        raise Misdirected(f"the forge redirects in a circle: its last step led to {self.url[:200]}")

    def _next_path(self, status: int, location: str) -> str:
        """Return the path that a redirect leads to, with the query that was asked."""
        here = urlsplit(f"{self.protocol}://{self.host}:{self.port}{self.url}")
        target = urlsplit(urljoin(here.geturl(), location))
        if _origin(target) != _origin(here):
            raise Misdirected(
                f"the forge redirects ({status}) to another host, {target.hostname}, and no "
                f"credential is sent there: correct the URL of its API"
            )
        query = target.query or here.query
        return f"{target.path}?{query}" if query else target.path


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or _PORTS.get(url.scheme)


class _Secure(_Guarded, HTTPSRequestsConnectionClass):
    pass


class _Plain(_Guarded, HTTPRequestsConnectionClass):
    pass


Requester.injectConnectionClasses(_Plain, _Secure)
# PyGithub takes injected classes for those of a test, and would connect anew for each request.
setattr(Requester, "_Requester__persist", True)  # noqa: B010


def make_client(**options: Any) -> Github:
    """Return a client of GitHub, or of a server like it, whose every connection is guarded."""
    return Github(**options)
