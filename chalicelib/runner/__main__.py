"""`python -m chalicelib.runner`: a runner until it is stopped.

This module loads little: with a token in its environment the process starts a second time.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

_DESCRIPTOR = "OPTIO_RUNNER_TOKEN_DESCRIPTOR"


def main() -> int:
    token = _take_token()
    code: int = import_module("chalicelib.runner.command").run_command(token)
    return code


def _take_token() -> str:
    """Return the token, after it has left the environment of this process.

    The initial environment of a process stays readable in /proc for its whole life, to root in any
    case. So this process restarts itself, and reads the token from a descriptor.
    """
    if _DESCRIPTOR in os.environ:
        with os.fdopen(int(os.environ.pop(_DESCRIPTOR))) as stream:
            return stream.read()
    token = os.environ.pop("OPTIO_RUNNER_TOKEN", "").strip()
    if token:
        reading, writing = os.pipe()
        os.write(writing, token.encode())
        os.close(writing)
        os.set_inheritable(reading, True)
        environment = {**os.environ, _DESCRIPTOR: str(reading)}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
    return token


if __name__ == "__main__":
    sys.exit(main())
