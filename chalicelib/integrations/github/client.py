"""Calls to one repo's API at GitHub; what is refused comes out as `ForgeError`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from github import Auth, Github
from github.Requester import Requester

from chalicelib.domain.pull_requests.forge import ForgeLocation
from chalicelib.integrations.github.calls import GitHubResponse, run_query, send_request
from chalicelib.integrations.github.errors import TranslatedErrors
from chalicelib.integrations.github.transport import make_client

TIMEOUT_SECONDS = 15


class GitHubClient:
    """One repo's API; the token is asked for with the first call."""

    def __init__(self, location: ForgeLocation, token: Callable[[], str], root: str) -> None:
        self._location, self._token, self._root = location, token, root
        self._client: Github | None = None

    def send_request(
        self,
        method: str,
        path: str,
        *,
        parameters: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        body: object = None,
        expects: type = dict,
    ) -> GitHubResponse:
        """Return the answer of a call that succeeded; raise `ForgeError` for any other."""
        with TranslatedErrors(self._location):
            return send_request(
                self._requester(),
                method,
                self._root + path,
                parameters=parameters,
                headers=headers,
                body=body,
                expects=expects,
            )

    def run_query(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Return the answer of a GraphQL query or mutation, which REST does not offer."""
        with TranslatedErrors(self._location):
            return run_query(self._requester(), document, variables)

    def _requester(self) -> Requester:
        if self._client is None:
            self._client = make_client(
                auth=Auth.Token(self._token()),
                base_url=self._location.api_url,
                timeout=TIMEOUT_SECONDS,
                retry=None,  # waiting is done by the due index, not by a function that is paid
                seconds_between_requests=None,
                seconds_between_writes=None,
                lazy=True,
            )
        return self._client.requester
