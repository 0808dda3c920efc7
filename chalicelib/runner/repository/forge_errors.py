"""Classes of failed conversations with a forge, by what git prints."""

from __future__ import annotations

import re

from chalicelib.domain.error_class import ErrorClass
from chalicelib.runner.repository.git import GitResult

_STATUS = re.compile(r"(?:returned error: |\bHTTP )([1-5]\d\d)\b")
_PASSING = frozenset({408, 425, 429})
_REFUSED = re.compile(r"\[remote rejected\]|pre-receive hook|protected branch", re.IGNORECASE)
_NETWORK = re.compile(
    r"could not resolve host|failed to connect|connection (refused|reset|timed out)|timed out"
    r"|early eof|RPC failed|remote end hung up|network is unreachable",
    re.IGNORECASE,
)
_CREDENTIAL = re.compile(
    r"authentication failed|could not read (username|password)|permission denied \(publickey"
    r"|invalid credentials",
    re.IGNORECASE,
)
MAX_FIRST_LINES, MAX_LAST_LINES, MAX_LINE_LENGTH = 5, 6, 140


def error_class_of(result: GitResult, default: ErrorClass) -> ErrorClass:
    """Return the class of a failed conversation with the forge: by its status, otherwise by words.

    Git reports every refusal over HTTP as a broken connection; the status shows a real one.
    """
    own = "\n".join(line for line in result.err.splitlines() if not line.startswith("remote:"))
    if status := _STATUS.search(own):
        return _kind_of_status(int(status[1]), default)
    if _REFUSED.search(own):
        return default
    if _NETWORK.search(own):
        return ErrorClass.NETWORK
    is_refused = default == ErrorClass.CLONE and _CREDENTIAL.search(result.err)
    return ErrorClass.CREDENTIAL if is_refused else default


def _kind_of_status(status: int, default: ErrorClass) -> ErrorClass:
    if status >= 500 or status in _PASSING:
        return ErrorClass.NETWORK
    is_refused = default == ErrorClass.CLONE and status in (401, 403)
    return ErrorClass.CREDENTIAL if is_refused else default


def refusal_words(result: GitResult) -> str:
    """Return a forge's refusal of a push: the heading of a long one, and its end."""
    lines = [line.rstrip()[:MAX_LINE_LENGTH] for line in result.err.splitlines() if line.strip()]
    if len(lines) > MAX_FIRST_LINES + MAX_LAST_LINES:
        lines = [*lines[:MAX_FIRST_LINES], "…", *lines[-MAX_LAST_LINES:]]
    return "\n".join(lines) or f"git exited {result.code}"
