"""Protocols of external services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from chalicelib.domain.delivery import Reply
from chalicelib.domain.errors import Fault
from chalicelib.domain.firing import Firing
from chalicelib.domain.launch import BuildEnd
from chalicelib.domain.log import LogLine, Stream
from chalicelib.domain.output import Output
from chalicelib.domain.repo import Repo
from chalicelib.domain.run import Run, State
from chalicelib.domain.sns_message import SignedMessage


class BuildRefused(Exception):
    """The request for a build is invalid; repeating it does not help."""


class BuildsFull(Exception):
    """The account's limit of concurrent builds is reached; another build must end first."""


class Builds(Protocol):
    """Machines that are started for one job each."""

    def start(self, run: Run, token: str, repo: Repo | None) -> str:
        """Start the build of a run's launch and return its id; repeating returns the same build.

        Raises `BuildRefused` or `BuildsFull`.
        """

    def end(self, build: str) -> BuildEnd | None:
        """Return the end of a build, None while it runs. An unknown build has ended."""


class Vault(Protocol):
    """The values of users' secrets, and nothing else."""

    def put(self, key: str, value: str) -> None:
        """Store or replace a value; raise `Conflict` while the key is being deleted."""

    def get(self, key: str) -> str | None:
        """Return a value, None if there is none."""

    def remove(self, key: str) -> None:
        """Remove a value at once; do nothing if there is none."""


class Queue(Protocol):
    """Messages to the steps. A message is a hint: it may come late, twice, or never."""

    def send(self, messages: Iterable[tuple[dict[str, str], timedelta]]) -> None:
        """Send each message, to arrive no earlier than its delay (0 to 900 s, whole seconds).

        Raises `ValueError` for a longer delay or a message over 256 KB.
        """

    def dead(self) -> int:
        """Return the approximate number of messages that failed too often."""


class Posts(Protocol):
    """Requests to URLs of users. Errors of the target are returned in the reply, not raised."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send one request without following redirects; the reply has its time in milliseconds."""


class Logs(Protocol):
    """The logs of runs, with one stream for each attempt."""

    def write(self, stream: Stream, lines: Sequence[LogLine]) -> None:
        """Append lines; a line with a number that is already stored is stored once for readers."""

    def after(self, stream: Stream, seq: int, limit: int) -> list[LogLine]:
        """Return at most `limit` lines with numbers above `seq`, oldest first."""

    def before(self, stream: Stream, seq: int | None, limit: int) -> list[LogLine]:
        """Return the last `limit` lines with numbers below `seq` (all if None), oldest first."""


class Outputs(Protocol):
    """The files that agents left. Each method returns a URL that is valid for minutes."""

    def upload(self, run_id: str, attempt: int, output: Output) -> str:
        """Return a URL for uploading exactly this file; the signature covers its size and type."""

    def download(self, run_id: str, attempt: int, output: Output) -> str:
        """Return a URL for downloading a file, which browsers save and do not display."""


class Expressions(Protocol):
    """The languages of filters and schemas: JMESPath and JSON Schema (draft 2020-12)."""

    def check_query(self, query: str) -> None:
        """Raise `Invalid` unless a text is JMESPath."""

    def quoted_operands(self, query: str) -> list[str]:
        """Return the names in double quotes that were probably meant as texts."""

    def search(self, query: str, payload: object) -> object:
        """Return the value that a query selects, None if there is none.

        Raises `Invalid` if the query cannot be applied to the payload or takes too many steps.
        """

    def check_schema(self, schema: Mapping[str, object]) -> None:
        """Raise `Invalid` unless a value is a JSON Schema without external references."""

    def violations(self, schema: Mapping[str, object], params: Mapping[str, object]) -> list[Fault]:
        """Return the violations of a schema, each with the path of its param.

        Raises `Invalid` if the check takes too many steps or too long.
        """


class Sns(Protocol):
    """Amazon SNS. Both methods raise `TooMany` while it cannot be reached."""

    def is_authentic(self, message: SignedMessage) -> bool:
        """Return whether Amazon SNS signed a message whose certificate URL was checked."""

    def confirm(self, url: str) -> bool:
        """Call a confirmation URL; return whether Amazon SNS accepted it."""


class Seals(Protocol):
    """Encryption of short secrets in rows, with the stage's own key."""

    def seal(self, secret: str, about: str) -> str:
        """Return a secret encrypted as text, bound to the id `about`."""

    def open(self, sealed: str, about: str) -> str:
        """Return the secret; raise an error for another id or another key."""

    def sign(self, text: str) -> str:
        """Return the hex HMAC-SHA256 of a text, always the same within a stage."""


class Metrics(Protocol):
    """Counters and measurements for dashboards and alarms.

    `committed` takes the milliseconds from the due time (or the start of the message, if later) to
    the write of an occurrence. `ticked` takes the number of sent messages and the age of the oldest
    due row. `waited` takes the time from queue to claim, `worked` the duration of a step, and
    `spent` US dollars.
    """

    def fired(self, firing: Firing) -> None: ...
    def committed(self, milliseconds: int) -> None: ...
    def rejected(self, reason: str) -> None: ...
    def ticked(self, sent: int, overdue: timedelta) -> None: ...
    def runner_missing(self) -> None: ...
    def moved(self, state: State) -> None: ...
    def waited(self, span: timedelta) -> None: ...
    def worked(self, step: str, span: timedelta) -> None: ...
    def agent_failed(self, error_class: str) -> None: ...
    def spent(self, dollars: float) -> None: ...
    def activity_lost(self) -> None: ...


class Policy(Protocol):
    """The configuration of the stage."""

    @property
    def interval(self) -> timedelta:
        """The time between two ticks."""

    @property
    def missed_after(self) -> timedelta:
        """The lateness from which an occurrence counts as missed."""

    @property
    def max_concurrent(self) -> int:
        """The maximum number of runs of the stage that hold a slot."""

    @property
    def runner(self) -> str:
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
