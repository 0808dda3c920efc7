"""Git, run by us: with no configuration but our own, and the token in its memory alone.

Setup and agent may leave anything in the workspace: git hooks, filters, an fsmonitor, another
remote. So the token is only there while no process of theirs lives. Commits are made and pushed
from a repository of our own which merely borrows the workspace's objects, and the push names its
URL. Readers of the workspace run as the job's user, if it has one: then a link to a file that only
the runner may read leads nowhere. The token reaches git over a socket, which, unlike a pipe or an
environment, no other process can open through /proc.
"""

from __future__ import annotations

import math
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from chalicelib.domain.error_class import ErrorClass
from chalicelib.runner.errors import JobFailed, Overrun
from chalicelib.runner.job_control import JobControl
from chalicelib.runner.job_spec import CommitIdentity
from chalicelib.runner.output.log import JobLog
from chalicelib.runner.output.raw_output import RawLines
from chalicelib.runner.output.text import LineSplitter, last_lines
from chalicelib.runner.sandbox import shell
from chalicelib.runner.sandbox.job_users import JobUser
from chalicelib.runner.sandbox.namespaces import Confinement, Unconfined
from chalicelib.runner.sandbox.workspace import search_path

_ASKPASS = """#!/bin/sh
case "$1" in
*"//$OPTIO_ASKPASS_FOR': " | *"@$OPTIO_ASKPASS_FOR': ") ;;
*) exit 1 ;;
esac
case "$1" in
Username*) echo x-access-token ;;
*) exec "$OPTIO_ASKPASS_PYTHON" -I -S -c '
import os, sys
answer = b""
while not answer.endswith(b"\\n") and (byte := os.read(int(sys.argv[1]), 1)):
    answer += byte
os.write(1, answer)' "$OPTIO_ASKPASS_DESCRIPTOR" ;;
esac
"""
_ANSWERS = 16
"""How often one git may ask: it does not always remember the answer."""

_OVERRUN = "git did not end within {:.0f} s: a filter, a pipe or a very large file keeps it waiting"
_CONFIG = "[safe]\n\tdirectory = *\n"

SAFE_OPTIONS = (
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "protocol.ext.allow=never"),
    *("-c", "advice.addEmbeddedRepo=false"),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
    *("-c", "push.recurseSubmodules=no"),
    *("-c", "submodule.recurse=false"),
)

_FROM_RUNNER = (
    *("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "SSH_AUTH_SOCK"),
)


@dataclass(frozen=True)
class GitResult:
    """The answer of git."""

    code: int
    out: str
    err: str

    @property
    def failure_reason(self) -> str:
        return last_lines(self.err) or f"git exited {self.code}"


@dataclass(frozen=True)
class GitBytes:
    """Exit code and unchanged output of git."""

    code: int
    data: bytes
    err: str

    @property
    def failure_reason(self) -> str:
        return last_lines(self.err) or f"git exited {self.code}"


@dataclass(frozen=True)
class Git:
    """Git in one job; `private` makes directories that no program of the job has seen."""

    control: JobControl
    log: JobLog
    private: Callable[[], Path]
    token: str | None
    confinement: Confinement = field(default_factory=Unconfined)
    is_confined: bool = False
    plain_http: bool = False
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables of the job: they are for its own filters, and never beside the token."""
    identity: CommitIdentity = field(default_factory=CommitIdentity)
    locate_shared: Callable[[Path], Path] = lambda directory: directory
    """Returns where a private directory has to be moved for the job's programs to see it."""

    @property
    def job_user(self) -> JobUser | None:
        """The job's user, where that is another than the runner's."""
        return self.confinement.job_user

    def run_local(self, *arguments: str, cwd: Path, **extra: str) -> GitResult:
        """Run git without a token."""
        return self._run_git(arguments, cwd, extra)

    def run_with_token(self, *arguments: str, cwd: Path) -> GitResult:
        """Run git with the token, through a script that is written again each time.

        The token is for the host of the URL, which follows `--`, and for no host that it leads to.
        """
        private = self.private()
        config = private / "config"
        config.write_text(_CONFIG)
        extra = {"GIT_ASKPASS": "/bin/false", "GIT_CONFIG_GLOBAL": str(config)}
        if not self.token:
            return self._run_git(arguments, cwd, extra, shown=True)
        script = private / "askpass"
        script.write_text(_ASKPASS)
        script.chmod(0o700)
        ours, gits = socket.socketpair()
        with ours, gits:
            ours.sendall(f"{self.token}\n".encode() * _ANSWERS)
            ours.shutdown(socket.SHUT_WR)
            extra |= {
                "GIT_ASKPASS": str(script),
                "OPTIO_ASKPASS_FOR": urlsplit(arguments[arguments.index("--") + 1]).netloc,
                "OPTIO_ASKPASS_PYTHON": sys.executable,
                "OPTIO_ASKPASS_DESCRIPTOR": str(gits.fileno()),
            }
            return self._run_git(arguments, cwd, extra, shown=True, descriptors=(gits.fileno(),))

    def as_user(self) -> Git:
        """Return a git in the job's sandbox, as the job's user, and without a token."""
        return replace(self, token=None, is_confined=True)

    def as_runner(self) -> Git:
        """Return a git with the runner's rights, without a token and the job's variables."""
        return replace(self, token=None, is_confined=False, environment={})

    def as_job(self, environment: Mapping[str, str]) -> Git:
        """Return a git of the job's user whose filters see what the job's programs see."""
        return replace(self.as_user(), environment=environment)

    def read_bytes(
        self,
        *argv: str,
        cwd: Path,
        stdin: Path = Path(os.devnull),
        into: BinaryIO | None = None,
        seconds: float = math.inf,
        **extra: str,
    ) -> GitBytes:
        """Run a local program with git's environment, and return what it prints as bytes.

        Raises `Overrun` where that takes more than `seconds`; nothing of the job lives then.
        """
        out, err = RawLines(into), RawLines()
        program = self._make_program(argv, cwd, extra, stdin=stdin)
        end = time.monotonic() + seconds

        def is_over() -> bool:
            return time.monotonic() > end

        def check() -> None:
            self.control.raise_if_ended()
            if is_over():
                raise Overrun(ErrorClass.PUSH, _OVERRUN.format(seconds))

        code = shell.run_program(program, self.control, out=out, err=err, enough=is_over)
        check()
        return GitBytes(
            code, out.wait_for_end(check), err.wait_for_end(check).decode(errors="replace")
        )

    def run_checked(self, *arguments: str, cwd: Path, **extra: str) -> str:
        """Return what a local command prints; raise where it fails."""
        result = self.run_local(*arguments, cwd=cwd, **extra)
        if result.code != 0:
            raise JobFailed(ErrorClass.PUSH, f"git {arguments[0]} failed: {result.failure_reason}")
        return result.out.strip()

    def _run_git(
        self,
        arguments: tuple[str, ...],
        cwd: Path,
        extra: dict[str, str],
        *,
        shown: bool = False,
        descriptors: tuple[int, ...] = (),
    ) -> GitResult:
        out: list[str] = []
        err: list[str] = []

        def complain(line: str) -> None:
            err.append(line)
            if shown and line.strip():
                self.log.add_line("git", line)

        program = self._make_program(
            ("git", *SAFE_OPTIONS, *arguments), cwd, extra, descriptors=descriptors
        )
        code = shell.run_program(
            program,
            self.control,
            out=LineSplitter(out.append, None),
            err=LineSplitter(complain, self.log.redactor),
        )
        return GitResult(code, "\n".join(out), "\n".join(err))

    def _make_program(
        self,
        argv: tuple[str, ...],
        cwd: Path,
        extra: dict[str, str],
        *,
        stdin: Path = Path(os.devnull),
        descriptors: tuple[int, ...] = (),
    ) -> shell.Program:
        return shell.Program(
            argv=argv,
            cwd=cwd,
            environment=self._make_environment(extra),
            stdin=stdin,
            confinement=self.confinement if self.is_confined else Unconfined(),
            descriptors=descriptors,
        )

    def _make_environment(self, extra: dict[str, str]) -> dict[str, str]:
        # The list counts for redirects, too: what begins with https never goes on in clear.
        kinds = "https:ssh" + (":http" if self.plain_http else "")
        if os.environ.get("OPTIO_ALLOW_FILE_REPOS") == "1":
            kinds += ":file"
        inherited = {name: os.environ[name] for name in _FROM_RUNNER if name in os.environ}
        person = {"NAME": self.identity.name, "EMAIL": self.identity.email}
        names = {f"GIT_{who}_{k}": v for who in ("AUTHOR", "COMMITTER") for k, v in person.items()}
        job = {
            name: text
            for name, text in self.environment.items()
            if not name.startswith("GIT_") and "\0" not in name + text
        }
        programs = dict.fromkeys((search_path(), job.get("PATH", "")))
        return {
            **inherited,
            "HOME": "/nonexistent",
            **job,
            "PATH": os.pathsep.join(filter(None, programs)),
            **names,
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "GIT_ALLOW_PROTOCOL": kinds,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new",
            **extra,
        }
