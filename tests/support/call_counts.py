"""Calls to AWS, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import botocore.client
import pytest


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    calls: Counter[str] = Counter()
    real = botocore.client.BaseClient._make_api_call

    def call(self: Any, operation: str, given: Any) -> Any:
        calls[operation] += 1
        return real(self, operation, given)

    # pynamodb sends through a client of its own, past `_make_api_call`.
    sent = botocore.client.BaseClient._make_request

    def request(self: Any, model: Any, *rest: Any) -> Any:
        calls[f"http {model.name}"] += 1
        return sent(self, model, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(botocore.client.BaseClient, "_make_request", request)
        patch.setattr(botocore.client.BaseClient, "_make_api_call", call)
        yield calls


def requests(calls: Counter[str]) -> dict[str, int]:
    return {
        name.removeprefix("http "): number
        for name, number in calls.items()
        if name.startswith("http ") and name != "http GetQueueUrl"
    }
