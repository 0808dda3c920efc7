"""The classes of errors: the kinds of failures, which decide about retries and remedies."""

from __future__ import annotations

from enum import StrEnum


class ErrorClass(StrEnum):
    """The class of the error with which an attempt or a run fails.

    A runner of another version may report other classes, so a stored class is any text.
    """

    CREDENTIAL = "credential"
    RATE_LIMIT = "rate_limit"
    OVERLOADED = "overloaded"
    NETWORK = "network"
    CONTEXT = "context"
    NO_OUTPUT = "no_output"
    REFUSED_TOOL = "refused_tool"
    TIMEOUT = "timeout"
    TURN_LIMIT = "turn_limit"
    AGENT = "agent"
    MISSING_TOOL = "missing_tool"

    CLONE = "clone"
    SETUP = "setup"
    PUSH = "push"
    DISK = "disk"
    CRASH = "crash"

    ATTENTION = "attention"
    UNFINISHED = "unfinished"
    FILTER = "filter"
    SECRET = "secret"

    TESTS = "tests"
    MISSING_SECRET = "missing_secret"
    BRIEF_GONE = "brief_gone"
    LAUNCH = "launch"
    LOST_RUNNER = "lost_runner"
    INTERNAL = "internal"

    FORGE_UNAUTHORIZED = "forge_unauthorized"
    FORGE_FORBIDDEN = "forge_forbidden"
    FORGE_NOT_FOUND = "forge_not_found"
    FORGE_REFUSED = "forge_refused"
    FORGE_CONFLICT = "forge_conflict"
    FORGE_GONE = "forge_gone"
    FORGE_INVALID = "forge_invalid"
    FORGE_ARCHIVED = "forge_archived"
    FORGE_MISDIRECTED = "forge_misdirected"
    FORGE_TOO_MANY = "forge_too_many"
    FORGE_RATE_LIMITED = "forge_rate_limited"
    FORGE_UNAVAILABLE = "forge_unavailable"


LIMIT_CLASSES = frozenset({ErrorClass.TIMEOUT, ErrorClass.TURN_LIMIT})
"""The classes of an agent that reached a limit; its work so far is pushed."""
TRANSIENT_CLASSES = frozenset({ErrorClass.OVERLOADED, ErrorClass.NETWORK, ErrorClass.RATE_LIMIT})
"""The classes of a job that are retried automatically."""
FORGE_OUTAGE_CLASSES = frozenset({ErrorClass.FORGE_RATE_LIMITED, ErrorClass.FORGE_UNAVAILABLE})
"""The classes of an unavailable forge: they are temporary, and no fault of a blueprint."""
