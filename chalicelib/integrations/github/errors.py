"""Translates errors of PyGithub and the network into ours."""

from __future__ import annotations

import requests
from github import GithubException
from jwt import PyJWTError

from chalicelib.domain.egress import ForbiddenTarget
from chalicelib.domain.pull_requests.forge import (
    ForgeError,
    ForgeErrorKind,
    ForgeLocation,
    forge_error,
)
from chalicelib.integrations.github.calls import GitHubRefusal
from chalicelib.integrations.github.transport import Misdirected


class TranslatedErrors:
    """A block whose faults of PyGithub and of the network come out as `ForgeError`."""

    def __init__(self, location: ForgeLocation) -> None:
        self._location = location

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, GitHubRefusal):
            raise forge_error(
                error.status, error.refusal_message, error.headers, self._location
            ) from error
        if isinstance(error, Misdirected):
            raise ForgeError(ForgeErrorKind.MISDIRECTED, str(error)) from error
        if isinstance(error, GithubException):
            detail = error.data.get("message") if isinstance(error.data, dict) else str(error.data)
            raise forge_error(
                error.status, str(detail), error.headers or {}, self._location
            ) from error
        if isinstance(error, requests.RequestException):
            message = f"the forge cannot be reached ({type(error).__name__}); it is asked again"
            raise ForgeError(ForgeErrorKind.UNAVAILABLE, message, passes=True) from error
        if isinstance(error, ForbiddenTarget):
            raise ForgeError(ForgeErrorKind.UNAVAILABLE, str(error), passes=False) from error
        if isinstance(error, PyJWTError | ValueError | AssertionError):
            message = f"the credential or the answer makes no sense: {error}"
            raise ForgeError(ForgeErrorKind.UNAUTHORIZED, message[:500]) from error
