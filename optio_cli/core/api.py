"""A client of the API: retries where that is safe, and errors as sentences."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from optio_cli.core.config import Login
from optio_cli.core.errors import ExitCode, Failure

TIMEOUT_SECONDS = 60.0
MAX_TRIES = 4
MAX_WAIT_SECONDS = 20.0
PAGE_SIZE = 100
Json = dict[str, Any]
Query = Mapping[str, object]


class ApiClient:
    """Calls to one stage."""

    def __init__(self, login: Login, wait: Callable[[float], None] = time.sleep) -> None:
        self.url = login.url
        self._wait = wait
        self._http = _make_client(login)

    def call_api(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        key: str | None = None,
        query: Query | None = None,
    ) -> Any:
        """Return the JSON of the response, or raise `JobFailed`.

        Each POST carries an idempotency key, so it may be retried.
        """
        headers = {"Idempotency-Key": key or str(uuid.uuid4())} if method == "POST" else {}
        parameters = {
            name: str(value) for name, value in (query or {}).items() if value not in (None, "")
        }
        for remaining in reversed(range(MAX_TRIES)):
            try:
                # httpx replaces the path's own query by any params, even by an empty mapping.
                answer = self._http.request(
                    method, path, params=parameters or None, json=body, headers=headers
                )
            except httpx.InvalidURL as error:
                raise Failure(f"{path!r} is not a valid path: {error}", ExitCode.USAGE) from None
            except UnicodeEncodeError:
                raise Failure("the data to send is not valid UTF-8", ExitCode.USAGE) from None
            except httpx.HTTPError as error:
                if not remaining or isinstance(error, httpx.UnsupportedProtocol):
                    raise Failure(
                        f"{self.url} cannot be reached: {error}", ExitCode.UNAVAILABLE
                    ) from None
                self._wait(0.5 * (MAX_TRIES - remaining))
                continue
            if remaining and (answer.status_code >= 500 or answer.status_code == 429):
                self._wait(_retry_delay(answer, MAX_TRIES - remaining))
                continue
            return _parse_answer(answer)
        raise AssertionError("the last try returns or raises")

    def download_file(self, path: str) -> bytes:
        """Return a file. A redirect leads to its storage, and the token is not sent there."""
        try:
            answer = self._http.get(path, follow_redirects=True)
        except httpx.HTTPError as error:
            raise Failure(f"the file cannot be fetched: {error}", ExitCode.UNAVAILABLE) from None
        if answer.is_success:
            return answer.content
        if answer.history:
            raise Failure(
                f"the file is no longer stored: HTTP {answer.status_code}", ExitCode.NOT_FOUND
            )
        return bytes(_parse_answer(answer))

    def iter_pages(
        self, path: str, name: str, limit: int | None = None, query: Query | None = None
    ) -> Iterator[Json]:
        """Yield the entries of a list page by page, at most `limit` of them."""
        cursor: str | None = None
        left = limit
        while left is None or left > 0:
            size = PAGE_SIZE if left is None else min(left, PAGE_SIZE)
            page_query = {**(query or {}), "limit": size, "cursor": cursor}
            page = self.call_api("GET", path, query=page_query)
            yield from page[name]
            cursor = page.get("nextCursor")
            if left is not None:
                left -= len(page[name])
            if not cursor:
                return


def _make_client(login: Login) -> httpx.Client:
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
            f"no HTTP client can be set up for {login.url}: {error}", ExitCode.USAGE
        ) from None


def _retry_delay(answer: httpx.Response, tries: int) -> float:
    retry_after = answer.headers.get("Retry-After", "")
    wait = float(retry_after) if retry_after.isdigit() else 0.5 * tries
    return min(wait, MAX_WAIT_SECONDS)


def _parse_answer(answer: httpx.Response) -> Any:
    try:
        body = answer.json() if answer.content else None
    except json.JSONDecodeError:
        raise Failure(
            f"{answer.request.url} answered {answer.status_code} with something that is not JSON: "
            "is this the URL of a stage?",
            ExitCode.UNAVAILABLE,
        ) from None
    if answer.is_success:
        return body
    fields = body if isinstance(body, dict) else {}
    message = fields.get("error") or fields.get("message") or f"HTTP {answer.status_code}"
    raise Failure(str(message), _exit_code(answer.status_code), fields.get("details") or ())


def _exit_code(status: int) -> ExitCode:
    if status in (401, 403):
        return ExitCode.ACCESS
    if status == 404:
        return ExitCode.NOT_FOUND
    if status == 429 or status >= 500:
        return ExitCode.UNAVAILABLE
    return ExitCode.REFUSED
