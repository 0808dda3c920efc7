"""Errors that end a job early.

* JobError
  - JobFailed          the job cannot succeed: its class and message go into the report
    - Overrun          a command of git did not end in its time
  - JobStopped         its end is requested: a cancel, a newer attempt, the runner itself
* ApiError
  - ApiUnavailable     the API cannot be reached now: try again
  - ApiRejected        the API does not accept the request, and will not later
  - AttemptSuperseded  the run has moved on: drop the job
"""

from __future__ import annotations

from chalicelib.domain.error_class import ErrorClass


class JobError(Exception):
    """The base of what ends a job early."""


class JobFailed(JobError):
    """The job cannot succeed."""

    def __init__(self, error_class: ErrorClass, message: str) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.message = message


class Overrun(JobFailed):
    """A command of git did not end in its time: something that it opens keeps it waiting."""


class JobStopped(JobError):
    """The end of the job is requested."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ApiError(Exception):
    """The base of what the API may answer instead of an answer."""


class ApiUnavailable(ApiError):
    """The API cannot be reached now, or has a fault of its own."""


class ApiRejected(ApiError):
    """The API does not accept the request."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text}".strip())
        self.status = status


class AttemptSuperseded(ApiError):
    """The run has moved on without this attempt."""
