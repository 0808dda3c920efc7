"""A call to AWS without an answer ends before the calling function does."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from chalicelib import aws_session
from chalicelib.storage.dynamo.connection import SharedConnection

GATEWAY_SECONDS = 29
"""How long API Gateway waits for a function."""
BACKOFF_SECONDS = 1 + 2
"""The longest wait of botocore between three attempts, in its standard mode."""


class Silence:
    """An address where calls are taken and never answered."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.taken: list[socket.socket] = []
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        try:
            while True:
                self.taken.append(self._socket.accept()[0])
        except OSError:
            return

    def end(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        for one in [self._socket, *self.taken]:
            one.close()


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> Iterator[Silence]:
    monkeypatch.setattr(aws_session, "READ_SECONDS", 0.1)
    made = Silence()
    yield made
    made.end()


def secrets(address: str) -> Any:
    client = aws_session.make_client(
        "secretsmanager", region_name="us-east-1", endpoint_url=address
    )
    return client.get_secret_value(SecretId="x")


def tables(address: str) -> Any:
    return SharedConnection("us-east-1", host=address).boto_client.list_tables()


@pytest.mark.parametrize("call", [secrets, tables])
def test_a_call_that_nobody_answers_is_asked_again_and_then_fails(silence: Silence, call: Any):
    began = time.monotonic()
    with pytest.raises(ReadTimeoutError):
        call(silence.address)
    assert time.monotonic() - began < BACKOFF_SECONDS + 2
    assert len(silence.taken) == aws_session.MAX_ATTEMPTS


def test_a_request_and_a_step_outlive_a_call_that_nobody_answers():
    worst = (
        aws_session.MAX_ATTEMPTS * (aws_session.CONNECT_SECONDS + aws_session.READ_SECONDS)
        + BACKOFF_SECONDS
    )
    config = json.loads((Path(__file__).parents[2] / ".chalice" / "config.json").read_text())
    functions = config["stages"]["dev"]["lambda_functions"]
    given = {name: one["lambda_timeout"] for name, one in functions.items()}
    assert worst < min(GATEWAY_SECONDS, *given.values())
