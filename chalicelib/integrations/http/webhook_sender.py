"""Requests to webhooks: guarded, never redirected, and never waited for long."""

from __future__ import annotations

import time
from collections.abc import Mapping

import requests

from chalicelib.domain.egress import ForbiddenTarget
from chalicelib.domain.notifications.delivery import HttpResult
from chalicelib.integrations.http import guarded

CONNECT_SECONDS, READ_SECONDS = 5, 10
# The message of such an error repeats the URL, which may hold a credential; these do not.
_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (requests.exceptions.SSLError, "its certificate is not to be trusted"),
    (requests.exceptions.ConnectTimeout, f"no connection within {CONNECT_SECONDS} s"),
    (requests.exceptions.ReadTimeout, f"no answer within {READ_SECONDS} s"),
    (requests.exceptions.ConnectionError, "no connection, or it was cut"),
    (requests.RequestException, "the request could not be made"),
)


class GuardedWebhookSender:
    """Posts that go where they may, and nowhere else."""

    def send_request(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpResult:
        """Post a body; the answer's body is not needed, so it is not read."""
        begun = time.monotonic()
        try:
            with (
                guarded.make_session() as session,
                session.post(
                    url,
                    data=body,
                    headers=dict(headers),
                    timeout=(CONNECT_SECONDS, READ_SECONDS),
                    allow_redirects=False,
                    stream=True,
                ) as answer,
            ):
                return HttpResult(
                    milliseconds=_milliseconds_since(begun),
                    code=answer.status_code,
                    retry_after=str(answer.headers.get("Retry-After") or ""),
                )
        except ForbiddenTarget as error:
            return HttpResult(milliseconds=_milliseconds_since(begun), error=str(error))
        except requests.RequestException as error:
            reason = next(sentence for kind, sentence in _WORDS if isinstance(error, kind))
            return HttpResult(milliseconds=_milliseconds_since(begun), error=reason)


def _milliseconds_since(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)
