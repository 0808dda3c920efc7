"""What others do for us, as small protocols."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from chalicelib.domain.delivery import Reply
from chalicelib.domain.errors import Fault
from chalicelib.domain.launch import BuildEnd
from chalicelib.domain.log import LogLine, Stream
from chalicelib.domain.output import Output
from chalicelib.domain.repo import Repo
from chalicelib.domain.run import Run


class BuildRefused(Exception):
    """A build cannot be started as it was asked for; asking again does not help."""


class Builds(Protocol):
    """Machines that are started for one job."""

    def start(self, run: Run, token: str, repo: Repo | None) -> str: ...
    def end(self, build: str) -> BuildEnd | None: ...


class Vault(Protocol):
    """The values of users' secrets, and nothing else."""

    def put(self, key: str, value: str) -> None: ...
    def get(self, key: str) -> str | None: ...
    def remove(self, key: str) -> None: ...


class Queue(Protocol):
    """Messages to the steps. A message is a hint: it may come late, twice, or never."""

    def send(self, messages: Iterable[tuple[dict[str, str], timedelta]]) -> None: ...


class Posts(Protocol):
    """Requests to where a user points us; what keeps one from its answer is in the reply."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply: ...


class Logs(Protocol):
    """The log of a run, a stream for each attempt."""

    def write(self, stream: Stream, lines: Sequence[LogLine]) -> None: ...
    def after(self, stream: Stream, seq: int, limit: int) -> list[LogLine]: ...
    def before(self, stream: Stream, seq: int | None, limit: int) -> list[LogLine]: ...


class Outputs(Protocol):
    """The files that agents left. Each answer is an address that is good for minutes only."""

    def upload(self, run_id: str, attempt: int, output: Output) -> str: ...
    def download(self, run_id: str, attempt: int, output: Output) -> str: ...


class Expressions(Protocol):
    """Languages of others that configuration is written in: JMESPath and JSON Schema."""

    def check_query(self, query: str) -> None: ...
    def search(self, query: str, payload: object) -> object: ...
    def check_schema(self, schema: Mapping[str, object]) -> None: ...
    def violations(
        self, schema: Mapping[str, object], params: Mapping[str, object]
    ) -> list[Fault]: ...


class Seals(Protocol):
    """Short secrets that lie in a row, readable with the stage's own key only."""

    def seal(self, secret: str, about: str) -> str: ...
    def open(self, sealed: str, about: str) -> str: ...
    def sign(self, text: str) -> str: ...


class Metrics(Protocol):
    """What is counted, for dashboards and alarms."""

    def lateness(self, milliseconds: int) -> None: ...
    def committed(self, milliseconds: int) -> None: ...
    def rejected(self, reason: str) -> None: ...
    def ticked(self, sent: int, overdue: timedelta) -> None: ...
    def runner_missing(self) -> None: ...


class Policy(Protocol):
    """What the stage is configured with."""

    @property
    def interval(self) -> timedelta: ...
    @property
    def missed_after(self) -> timedelta: ...
    @property
    def max_concurrent(self) -> int: ...
    @property
    def runner(self) -> str: ...
    @property
    def pause_after_failures(self) -> int: ...
    @property
    def retention(self) -> timedelta: ...
    @property
    def public_url(self) -> str | None: ...
