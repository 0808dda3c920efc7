"""Starts ministack in its own virtual environment, guarded, with its state saved while it runs.

Bodies reach functions as bytes where the description of an API declares them, as on AWS. Two costs
that AWS does not have are left out.

It parses an expression again for each row of the partition that a query reads. After each
invocation of a silent function it waits 50 ms for something to be logged: see
docs/decisions/0027-what-a-page-reads.md. The pinned version has both under these names.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent.parent.parent))  # for `infra`, and only here

from infra.dev.bound import bind_to_parent
from infra.dev.emulator_guard import Credentials, GuardedApp
from infra.dev.emulator_state import EmulatorState

REMEMBERED = 4096
BINARY_TYPES = "x-amazon-apigateway-binary-media-types"
DEFAULT_TYPE = "application/json"
"""The type that the gateway of AWS takes a body for that does not state its own."""
SILENCE_SECONDS = 0.01
"""Log lines arrive before a function's answer; late ones are read with the next answer."""


def remember() -> None:
    """Keep what its two pure parsers answered."""
    dynamodb: Any = import_module("ministack.services.dynamodb")
    tokenize = functools.lru_cache(REMEMBERED)(dynamodb._tokenize)
    faults = functools.lru_cache(REMEMBERED)(dynamodb._condition_syntax_error)
    dynamodb._tokenize = tokenize
    dynamodb._condition_syntax_error = faults


def be_brief() -> None:
    """Wait less long for what a function may still log."""
    worker: Any = import_module("ministack.core.lambda_runtime").Worker
    _, idle, most = worker._drain_stderr_bounded.__defaults__
    worker._drain_stderr_bounded.__defaults__ = (SILENCE_SECONDS, idle, most)


def pass_bytes() -> None:
    """Read from the description of an API which bodies are bytes, which ministack ignores."""
    gateway: Any = import_module("ministack.services.apigateway_v1")
    import_api, matches = gateway._import_rest_api, gateway._media_type_matches

    def import_with_types(spec: Any, base_data: Any = None) -> Any:
        types = spec.get(BINARY_TYPES, [])
        return import_api(spec, {**(base_data or {}), "binaryMediaTypes": types})

    def matches_default(media_type: str | None, types: list[str]) -> Any:
        return matches(media_type or DEFAULT_TYPE, types)

    gateway._import_rest_api = import_with_types
    gateway._media_type_matches = matches_default


def protect() -> None:
    """Save the state while it changes, and admit only callers with a credential of this start.

    The credential is removed from the environment here, except the secret that functions sign with.
    """
    application: Any = import_module("ministack.app")
    state = EmulatorState(
        Path(os.environ["OPTIO_SNAPSHOTS"]),
        Path(os.environ["STATE_DIR"]),
        float(os.environ["OPTIO_SAVE_SECONDS"]),
    )
    state.install()
    credentials = Credentials(
        secret=os.environ["AWS_SECRET_ACCESS_KEY"], front=os.environ.pop("OPTIO_FRONT_CREDENTIAL")
    )
    application.app = GuardedApp(
        application.app, credentials, state.note_change, state.save_while_running
    )


if __name__ == "__main__":
    bind_to_parent(signal.SIGINT)
    remember()
    be_brief()
    pass_bytes()
    protect()
    sys.exit(import_module("ministack.app").main())
