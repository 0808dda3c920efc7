"""Calls to GitHub through PyGithub's requester: it knows conditional requests, its objects not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from github import Auth, Github
from github.Requester import Requester

from chalicelib.domain.forge import Place
from chalicelib.integrations.github_faults import Translated
from chalicelib.integrations.github_guarded import client

TIMEOUT_SECONDS = 15


class Client:
    """One repo's API; the token is asked for with the first call."""

    def __init__(self, place: Place, token: Callable[[], str], root: str) -> None:
        self._place, self._token, self._root = place, token, root
        self._client: Github | None = None

    def ask(
        self,
        method: str,
        path: str,
        *,
        parameters: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        body: object = None,
    ) -> tuple[dict[str, Any], Any]:
        """Return the headers and the body of an answer; raise `ForgeError` for a refusal."""
        with Translated(self._place):
            return self._requester().requestJsonAndCheck(
                method, self._root + path, parameters, headers, body
            )

    def mutate(self, name: str, given: dict[str, Any], wanted: str) -> None:
        """Do what only GraphQL can."""
        with Translated(self._place):
            self._requester().graphql_named_mutation(name, given, wanted)

    def _requester(self) -> Requester:
        if self._client is None:
            self._client = client(
                auth=Auth.Token(self._token()),
                base_url=self._place.api_url,
                timeout=TIMEOUT_SECONDS,
                retry=None,  # waiting is done by the due index, not by a function that is paid
                seconds_between_requests=None,
                seconds_between_writes=None,
                lazy=True,
            )
        return self._client.requester
