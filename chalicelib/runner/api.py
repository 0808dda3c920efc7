"""The runner's side of the protocol: JSON over HTTP."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chalicelib.domain.runs.output import RunOutput
from chalicelib.runner.errors import ApiRejected, ApiUnavailable, AttemptSuperseded

_NAME = "optio-runner"
_AGAIN = frozenset({401, 403, 408, 425, 429})
"""Refusals that pass: a key that is being changed, a limit on requests."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would take the token elsewhere."""

    def redirect_request(self, *_: object) -> None:
        return None


@dataclass(frozen=True)
class RunnerApi:
    """The API of one installation, as one runner sees it."""

    url: str
    token: str

    def claim_job(
        self, runner: str, capabilities: Mapping[str, object] | None = None
    ) -> dict[str, Any] | None:
        """Return a job, or nothing when there is none.

        A build's token is exchanged: the job has the one that its attempt is to be reported with.
        """
        body = {"runner": runner, "exchanges": True, "capabilities": capabilities}
        answer = self._post_json("claim", body, timedelta(seconds=30))
        return answer["job"] if answer else None

    def send_heartbeat(self, body: Mapping[str, object]) -> str | None:
        """Return why the job has to stop, or nothing."""
        answer = self._post_json("beat", body, timedelta(seconds=10)) or {}
        return None if answer.get("continue", True) else str(answer.get("reason") or "cancelled")

    def fetch_git_token(self, run_id: str, attempt: int) -> str | None:
        """Return what may be pushed with now, or nothing where the API has none to give."""
        body = {"runId": run_id, "attempt": attempt}
        answer = self._post_json("token", body, timedelta(seconds=30)) or {}
        token = answer.get("token")
        return token if isinstance(token, str) else None

    def request_uploads(
        self, run_id: str, attempt: int, files: Iterable[RunOutput]
    ) -> dict[str, str]:
        """Return the address of each of these files, by its name."""
        body = {
            "runId": run_id,
            "attempt": attempt,
            "files": [output_payload(file) for file in files],
        }
        answer = self._post_json("outputs", body, timedelta(seconds=30)) or {}
        return {upload["name"]: upload["url"] for upload in answer.get("uploads", ())}

    def upload_file(self, address: str, content: bytes, kind: str) -> None:
        """Upload a file to the API's signed address, without a token of ours."""
        headers = {"Content-Type": kind, "User-Agent": _NAME}
        request = urllib.request.Request(address, content, headers, method="PUT")
        _read_response(request, timedelta(minutes=1))

    def send_report(self, body: Mapping[str, object]) -> None:
        self._post_json("report", body, timedelta(seconds=30))

    def _post_json(
        self, name: str, body: Mapping[str, object], timeout: timedelta
    ) -> dict[str, Any] | None:
        request = urllib.request.Request(
            f"{self.url.rstrip('/')}/api/runner/{name}",
            data=json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "Accept": "application/json",
                "User-Agent": _NAME,
            },
        )
        content = _read_response(request, timeout)
        try:
            answer = json.loads(content) if content.strip() else None
        except ValueError as error:
            raise ApiUnavailable(str(error)) from error
        return answer if isinstance(answer, dict) else None


def fetch_file(address: str, most_bytes: int) -> bytes:
    """Return a file of at most so many bytes, from an address that the API has signed."""
    request = urllib.request.Request(address, headers={"User-Agent": _NAME})
    content = _read_response(request, timedelta(minutes=2), most_bytes + 1)
    if len(content) > most_bytes:
        raise ApiUnavailable(f"it has more than {most_bytes} bytes")
    return content


def output_payload(output: RunOutput) -> dict[str, object]:
    """Return a file's description for the API."""
    return {"name": output.name, "size": output.size, "contentType": output.content_type}


def _read_response(
    request: urllib.request.Request, timeout: timedelta, most_bytes: int | None = None
) -> bytes:
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=timeout.total_seconds()) as response:
            content: bytes = response.read(most_bytes)
            return content
    except urllib.error.HTTPError as error:
        with error:
            raise _error_of(error) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ApiUnavailable(str(error) or type(error).__name__) from error


def _error_of(error: urllib.error.HTTPError) -> Exception:
    try:
        text = error.read(2000).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        text = ""
    if error.code in (404, 409, 410):
        return AttemptSuperseded(text)
    if error.code >= 500 or error.code < 400 or error.code in _AGAIN:
        return ApiUnavailable(f"{error.code} {text}")
    return ApiRejected(error.code, text)
