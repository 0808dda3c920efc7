"""The one way to call GitHub: through PyGithub's requester, and with success checked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from github.Requester import Requester

from chalicelib.integrations.github.transport import FOLLOWED_HEADER, Misdirected

SUCCESS_STATUSES = {
    "GET": (200,),
    "POST": (200, 201),
    "PATCH": (200,),
    "PUT": (200,),
    "DELETE": (204,),
}
"""The answers of each method that did what it was asked; any other is a failure."""


class GitHubRefusal(Exception):
    """An answer with an unexpected status, and its content."""

    def __init__(self, status: int, headers: dict[str, Any], text: str) -> None:
        super().__init__(f"{status}: {text[:200]}")
        self.status, self.headers, self.text = status, headers, text

    @property
    def refusal_message(self) -> str:
        """The reason that the answer gives, on one line."""
        try:
            data = json.loads(self.text)
        except ValueError:
            return " ".join(self.text.split())[:500]
        if not isinstance(data, dict):
            return str(data)[:500]
        parts = [data.get("message"), *_error_messages(data.get("errors"))]
        return ": ".join(str(part) for part in parts if part)[:500]


def _error_messages(errors: object) -> list[str]:
    error_list = errors if isinstance(errors, list) else [errors] if errors else []
    return [
        str(error.get("message") or error) if isinstance(error, dict) else str(error)
        for error in error_list
    ]


@dataclass(frozen=True)
class GitHubResponse:
    """The answer of a call that did what was asked; `data` is None where nothing changed."""

    headers: dict[str, Any]
    data: Any
    unchanged: bool = False

    @property
    def was_redirected(self) -> bool:
        """Return whether the repo has another name than the requested one."""
        return FOLLOWED_HEADER in self.headers


def send_request(
    requester: Requester,
    method: str,
    path: str,
    *,
    parameters: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
    body: object = None,
    expects: type = dict,
) -> GitHubResponse:
    """Return the answer of a call; raise `GitHubRefusal` or `Misdirected` if it is not a success.

    `expects` is the kind of JSON that the call answers with.
    """
    sent = dict(headers or {})
    status, answered, text = requester.requestJson(
        method, path, parameters=parameters, headers=sent, input=body
    )
    if status == 304 and "If-None-Match" in (headers or {}):
        return GitHubResponse(answered, None, unchanged=True)
    if status not in SUCCESS_STATUSES[method]:
        raise GitHubRefusal(status, answered, text)
    if status == 204:
        return GitHubResponse(answered, None)
    return GitHubResponse(answered, _parse_body(text, expects))


def _parse_body(text: str, expects: type) -> Any:
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    if not isinstance(data, expects):
        raise Misdirected(
            f"the forge answered something else than was asked for ({text.strip()[:100]!r}): "
            f"check the URL of its API"
        )
    return data


def run_query(requester: Requester, document: str, variables: dict[str, Any]) -> dict[str, Any]:
    """Return the data of a GraphQL document; an answer with errors is a refusal."""
    body = {"query": document, "variables": variables}
    answer = send_request(requester, "POST", requester.graphql_url, body=body)
    errors = answer.data.get("errors")
    data = answer.data.get("data")
    if errors or not isinstance(data, dict):
        kinds = {error.get("type") for error in errors or () if isinstance(error, dict)}
        status = 429 if "RATE_LIMITED" in kinds else 422
        raise GitHubRefusal(status, answer.headers, json.dumps(answer.data))
    return data
