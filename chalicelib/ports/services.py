"""Protocols of external services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.domain.errors import Fault
from chalicelib.domain.firing.firing import Firing
from chalicelib.domain.ids import RunId
from chalicelib.domain.messages import StepMessage
from chalicelib.domain.notifications.delivery import HttpResult
from chalicelib.domain.pool import Pool
from chalicelib.domain.runs.build import BuildEnd, BuildEnvironment
from chalicelib.domain.runs.log import LogLine, LogStream
from chalicelib.domain.runs.output import RunOutput
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import State
from chalicelib.domain.triggers.sns_message import SignedMessage

MAX_MESSAGE_DELAY = timedelta(seconds=900)


class BuildRefused(Exception):
    """The request for a build is invalid; repeating it does not help."""


class BuildCapacityExceeded(Exception):
    """The account's limit of concurrent builds is reached; another build must end first."""


class Builds(Protocol):
    """Machines that are started for one job each."""

    def start_build(self, run: Run, token: str, environment: BuildEnvironment) -> str:
        """Start the build of a run's launch and return its id; repeating returns the same build.

        Raises `BuildRefused` or `BuildCapacityExceeded`.
        """

    def find_build_end(self, build: str) -> BuildEnd | None:
        """Return the end of a build, None while it runs. An unknown build has ended."""


class Vault(Protocol):
    """The values of users' secrets, and nothing else."""

    def put(self, key: str, value: str) -> None:
        """Store or replace a value; raise `Conflict` while the key is being deleted."""

    def get(self, key: str, changed_at: datetime | None = None) -> str | None:
        """Return a value, None if there is none.

        `changed_at` is the time of its last change, from a row that is written after the value. A
        value that was read for the same time may then come from memory, for five minutes.
        """

    def remove(self, key: str) -> None:
        """Remove a value at once; do nothing if there is none."""


class QueueReader(Protocol):
    """The reading of a queue by its function. It is paused while nothing can be in the queue."""

    def resume(self) -> None:
        """Start the reading unless it has started; raise `Conflict` if that has to wait."""


class MessageQueue(Protocol):
    """Messages to the steps. A message is a hint: it may come late, twice, or never."""

    def send_messages(self, messages: Iterable[tuple[StepMessage, timedelta]]) -> None:
        """Send each message, to arrive no earlier than its delay, of which whole seconds count.

        Raises `ValueError` for a delay outside of 0 to `MAX_MESSAGE_DELAY`, or a message over
        256 KB. If it raises, some of the messages may have been sent.
        """

    def count_dead_letters(self) -> int:
        """Return the approximate number of messages that failed too often."""


class WebhookSender(Protocol):
    """Requests to URLs of users. Errors of the target are returned in the reply, not raised."""

    def send_request(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpResult:
        """Send one request without following redirects; the reply has its time in milliseconds."""


class RunLogs(Protocol):
    """The logs of runs, with one stream for each attempt."""

    def write_lines(self, stream: LogStream, lines: Sequence[LogLine]) -> None:
        """Append lines; a line with a number that is already stored is stored once for readers."""

    def read_after(self, stream: LogStream, seq: int, limit: int) -> list[LogLine]:
        """Return at most `limit` lines with numbers above `seq`, oldest first.

        Fewer lines may be returned although more follow; none are returned at the end. Lines that
        were stored a moment ago may be absent, also between others. Raises `RateLimited` if too
        many read at once.
        """

    def read_before(self, stream: LogStream, seq: int | None, limit: int) -> list[LogLine]:
        """Return the last `limit` lines with numbers below `seq` (all if None), oldest first.

        Raises `RateLimited` as `read_after` does.
        """


class Outputs(Protocol):
    """The files that agents left. Each method returns a URL that is valid for minutes."""

    def upload_url(self, run_id: RunId, attempt: int, output: RunOutput) -> str:
        """Return a URL for uploading exactly this file; the signature covers its size and type."""

    def download_url(self, run_id: RunId, attempt: int, output: RunOutput) -> str:
        """Return a URL for downloading a file, which browsers save and do not display."""


class Expressions(Protocol):
    """The languages of filters and schemas: JMESPath and JSON Schema (draft 2020-12)."""

    def check_query(self, query: str) -> None:
        """Raise `Invalid` unless a text is JMESPath."""

    def quoted_operands(self, query: str) -> list[str]:
        """Return the names in double quotes that were probably meant as texts."""

    def evaluate_query(self, query: str, payload: object) -> object:
        """Return the value that a query selects, None if there is none.

        Raises `Invalid` if the query cannot be applied to the payload or takes too many steps.
        """

    def check_schema(self, schema: Mapping[str, object]) -> None:
        """Raise `Invalid` unless a value is a JSON Schema without external references."""

    def find_violations(
        self, schema: Mapping[str, object], params: Mapping[str, object]
    ) -> list[Fault]:
        """Return the violations of a schema, each with the path of its param.

        Raises `Invalid` if the check takes too many steps or too long.
        """


class Sns(Protocol):
    """Amazon SNS. Both methods raise `RateLimited` while it cannot be reached."""

    def is_authentic(self, message: SignedMessage) -> bool:
        """Return whether Amazon SNS signed a message whose certificate URL was checked."""

    def confirm_subscription(self, url: str) -> bool:
        """Call a confirmation URL; return whether Amazon SNS accepted it."""


class Encryption(Protocol):
    """Encryption of short secrets in rows, with the stage's own key."""

    def encrypt_secret(self, secret: str, about: str) -> str:
        """Return a secret encrypted as text, bound to the id `about`."""

    def decrypt_secret(self, sealed: str, about: str) -> str:
        """Return the secret; raise an error for another id or another key."""

    def sign_text(self, text: str) -> str:
        """Return the hex HMAC-SHA256 of a text, always the same within a stage."""


class Metrics(Protocol):
    """Counters and measurements for dashboards and alarms; none of them raises an error."""

    def count_firing(self, firing: Firing) -> None:
        """Count the occurrences of a firing by outcome, and its lateness if a schedule fired it."""

    def record_commit_time(self, milliseconds: int) -> None:
        """Record the milliseconds until an occurrence was written.

        They start at its due time, or at the start of its message if that is later.
        """

    def count_rejection(self, reason: str) -> None:
        """Count a rejected webhook delivery."""

    def record_tick(self, sent: int, overdue: timedelta) -> None:
        """Record the number of messages that a tick sent, and the age of the oldest due row."""

    def count_missing_runner(self) -> None:
        """Count a run that waits for a runner, of which none claims it."""

    def count_move(self, state: State) -> None:
        """Count a run that entered a state."""

    def record_wait(self, span: timedelta) -> None:
        """Record the time of a run from its queue to its claim."""

    def record_step_time(self, step: str, span: timedelta) -> None:
        """Record the duration of a step."""

    def count_agent_failure(self, error_class: str) -> None:
        """Count a failed attempt by its error class."""

    def add_cost(self, dollars: float) -> None:
        """Add the cost of an attempt in US dollars."""

    def count_lost_activity(self) -> None:
        """Count an audit record that could not be stored."""


class StagePolicy(Protocol):
    """The configuration of the stage."""

    @property
    def tick_interval(self) -> timedelta:
        """The time between two ticks."""

    @property
    def missed_after(self) -> timedelta:
        """The lateness from which an occurrence counts as missed."""

    @property
    def max_concurrent(self) -> int:
        """The maximum number of runs of the stage that hold a slot."""

    @property
    def runner(self) -> Pool:
        """The pool that runs jobs, unless their repo names another."""

    @property
    def pause_after_failures(self) -> int:
        """The number of consecutive failures of one class that pauses a blueprint."""

    @property
    def retention(self) -> timedelta:
        """The time for which ledger records and final runs are kept."""

    @property
    def public_url(self) -> str | None:
        """The URL of the stage for links, without a slash at the end; None if unknown."""

    @property
    def allowed_private(self) -> tuple[str, ...]:
        """Private hosts, addresses and networks that requests may go to."""
