"""A client of the API: retries where that is safe, and errors as sentences."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from optio_cli.config import Login
from optio_cli.errors import Exit, Failure

TIMEOUT_SECONDS = 60.0
TRIES = 4
LONGEST_WAIT_SECONDS = 20.0
PAGE = 100
Json = dict[str, Any]
Query = Mapping[str, object]


class Api:
    """Calls to one stage."""

    def __init__(self, login: Login, wait: Callable[[float], None] = time.sleep) -> None:
        self.url = login.url
        self._wait = wait
        self._http = _client(login)

    def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        key: str | None = None,
        query: Query | None = None,
    ) -> Any:
        """Return the JSON of the response, or raise `Failure`.

        Each POST carries an idempotency key, so it may be retried.
        """
        headers = {"Idempotency-Key": key or str(uuid.uuid4())} if method == "POST" else {}
        asked = {
            name: str(value) for name, value in (query or {}).items() if value not in (None, "")
        }
        for remaining in reversed(range(TRIES)):
            try:
                # httpx replaces the path's own query by any params, even by an empty mapping.
                answer = self._http.request(
                    method, path, params=asked or None, json=body, headers=headers
                )
            except httpx.InvalidURL as error:
                raise Failure(f"{path!r} is not a valid path: {error}", Exit.USAGE) from None
            except UnicodeEncodeError:
                raise Failure("the data to send is not valid UTF-8", Exit.USAGE) from None
            except httpx.HTTPError as error:
                if not remaining or isinstance(error, httpx.UnsupportedProtocol):
                    raise Failure(
                        f"{self.url} cannot be reached: {error}", Exit.UNAVAILABLE
                    ) from None
                self._wait(0.5 * (TRIES - remaining))
                continue
            if remaining and (answer.status_code >= 500 or answer.status_code == 429):
                self._wait(_pause(answer, TRIES - remaining))
                continue
            return _result(answer)
        raise AssertionError("the last try returns or raises")

    def download(self, path: str) -> bytes:
        """Return a file. A redirect leads to its storage, and the token is not sent there."""
        try:
            answer = self._http.get(path, follow_redirects=True)
        except httpx.HTTPError as error:
            raise Failure(f"the file cannot be fetched: {error}", Exit.UNAVAILABLE) from None
        if answer.is_success:
            return answer.content
        if answer.history:
            raise Failure(
                f"the file is no longer stored: HTTP {answer.status_code}", Exit.NOT_FOUND
            )
        return bytes(_result(answer))

    def pages(
        self, path: str, name: str, limit: int | None = None, query: Query | None = None
    ) -> Iterator[Json]:
        """Yield the entries of a list page by page, at most `limit` of them."""
        cursor: str | None = None
        left = limit
        while left is None or left > 0:
            size = PAGE if left is None else min(left, PAGE)
            asked = {**(query or {}), "limit": size, "cursor": cursor}
            page = self.call("GET", path, query=asked)
            yield from page[name]
            cursor = page.get("nextCursor")
            if left is not None:
                left -= len(page[name])
            if not cursor:
                return


def _client(login: Login) -> httpx.Client:
    try:
        return httpx.Client(
            base_url=login.url,
            timeout=TIMEOUT_SECONDS,
            headers={"Authorization": f"Bearer {login.token}"},
            # A stage's own URL does not redirect. A proxy set in the environment still works.
            follow_redirects=False,
        )
    except (httpx.InvalidURL, ImportError, OSError, ValueError) as error:
        # Environment variables name proxies and certificates; httpx reads both here.
        raise Failure(
            f"no HTTP client can be set up for {login.url}: {error}", Exit.USAGE
        ) from None


def _pause(answer: httpx.Response, tries: int) -> float:
    asked = answer.headers.get("Retry-After", "")
    wait = float(asked) if asked.isdigit() else 0.5 * tries
    return min(wait, LONGEST_WAIT_SECONDS)


def _result(answer: httpx.Response) -> Any:
    try:
        said = answer.json() if answer.content else None
    except json.JSONDecodeError:
        raise Failure(
            f"{answer.request.url} answered {answer.status_code} with something that is not JSON: "
            "is this the URL of a stage?",
            Exit.UNAVAILABLE,
        ) from None
    if answer.is_success:
        return said
    known = said if isinstance(said, dict) else {}
    message = known.get("error") or known.get("message") or f"HTTP {answer.status_code}"
    raise Failure(str(message), _code(answer.status_code), known.get("details") or ())


def _code(status: int) -> Exit:
    if status in (401, 403):
        return Exit.ACCESS
    if status == 404:
        return Exit.NOT_FOUND
    if status == 429 or status >= 500:
        return Exit.UNAVAILABLE
    return Exit.REFUSED
