"""What each function may do by its policy, and what the calls that it makes need.

With OPTIO_RIGHTS the policy of the function that works stands around every stage of the tests: a
call that it does not allow fails there as it would on AWS, and the rights that were used are noted.
`make rights` runs all stories so, and tells what is missing and what nobody used.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient
from botocore.signers import RequestSigner
from chalice.test import TestHTTPClient, TestLambdaClient

from chalicelib.settings import settings

ROOT = Path(__file__).resolve().parents[1]
Right = tuple[str, str]
OF_LAMBDA = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
"""What Lambda itself does with a function's role, beside writing the function's own log."""
TRANSACTED = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}
SAME = {
    "s3:HeadObject": "s3:GetObject",
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "dynamodb:TransactGetItems": "dynamodb:GetItem",
}
FOLDER = os.environ.get("OPTIO_RIGHTS", "")
used: set[tuple[str, str, str]] = set()
_working: ContextVar[str] = ContextVar("working", default="")


def granted(function: str) -> set[Right]:
    """Return each action that a function may do, with the name of what it may do it to."""
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    file = config["stages"]["dev"]["lambda_functions"][function]["iam_policy_file"]
    statements = json.loads((ROOT / ".chalice" / file).read_text())["Statement"]
    return {
        (action, name)
        for one in statements
        for action in one["Action"]
        for name in map(_named, one["Resource"])
        if name != "its own log" and action not in OF_LAMBDA and "Visibility" not in action
    }


def _named(resource: Any) -> str:
    ((kind, value),) = resource.items()
    text = value[0] if kind == "Fn::GetAtt" else str(value)
    if "log-group:/aws/lambda/" in text:
        return "its own log"
    if "/secrets/*" in text:
        return "secrets/*"
    return re.sub(r"\$\{(\w+)\.Arn\}", r"\1", text)


def needed(service: str, operation: str, sent: dict[str, Any]) -> Iterator[Right]:
    """Yield the rights that a call needs."""
    action = SAME.get(f"{service}:{operation}", f"{service}:{operation}")
    if operation == "TransactWriteItems":
        for item in sent["TransactItems"]:
            ((kind, asked),) = item.items()
            verb = TRANSACTED.get(kind, "ConditionCheckItem")
            yield f"dynamodb:{verb}", _table(asked["TableName"])
    elif operation == "TransactGetItems":
        for item in sent["TransactItems"]:
            yield action, _table(item["Get"]["TableName"])
    elif "RequestItems" in sent:
        yield from ((action, _table(name)) for name in sent["RequestItems"])
    elif service == "dynamodb":
        index = "/index/*" if sent.get("IndexName") else ""
        yield action, _table(sent["TableName"]) + index
    else:
        yield action, _place(service, sent)


def _table(name: str) -> str:
    return f"{name.removeprefix(settings.table('')).capitalize()}Table"


def _place(service: str, sent: dict[str, Any]) -> str:
    if service == "sqs":
        name = str(sent.get("QueueName") or sent["QueueUrl"].rpartition("/")[2])
        return f"{name.removeprefix(settings.queue('')).capitalize()}Queue"
    if service == "secretsmanager":
        name = str(sent.get("SecretId") or sent["Name"])
        return "DataKeySecret" if name == settings.data_key else "secrets/*"
    places = {"s3": "BlobsBucket/*", "logs": "RunsLogGroup", "codebuild": "RunnerProject"}
    return places[service]


@cache
def _granted(function: str) -> frozenset[Right]:
    return frozenset(granted(function))


def _check(service: str, operation: str, sent: dict[str, Any]) -> None:
    function = _working.get()
    if not function:
        return
    for action, name in needed(service, operation, sent):
        used.add((function, action, name))
        assert (action, name) in _granted(function), f"{function} may not {action} {name}"


@contextmanager
def fenced() -> Iterator[None]:
    """Let each function do only what its policy allows."""
    call, sign = BaseClient._make_api_call, RequestSigner.generate_presigned_url
    request, invoke = TestHTTPClient.request, TestLambdaClient.invoke

    def checked(self: Any, operation: str, sent: Any) -> Any:
        _check(self.meta.service_model.service_name, operation, sent)
        return call(self, operation, sent)

    def signed(self: Any, request_dict: Any, operation_name: str, *given: Any, **named: Any) -> Any:
        _check("s3", operation_name, {})
        return sign(self, request_dict, operation_name, *given, **named)

    def asked(self: Any, *given: Any, **named: Any) -> Any:
        return _as("api_handler", request, self, *given, **named)

    def invoked(self: Any, name: str, *given: Any, **named: Any) -> Any:
        return _as(name, invoke, self, name, *given, **named)

    with (
        patch.object(BaseClient, "_make_api_call", checked),
        patch.object(RequestSigner, "generate_presigned_url", signed),
        patch.object(TestHTTPClient, "request", asked),
        patch.object(TestLambdaClient, "invoke", invoked),
    ):
        yield


def _as(function: str, work: Any, *given: Any, **named: Any) -> Any:
    token = _working.set(function)
    try:
        return work(*given, **named)
    finally:
        _working.reset(token)


def note() -> None:
    """Write down what was used, where somebody wants to know."""
    if FOLDER and used:
        Path(FOLDER, f"{os.getpid()}.json").write_text(json.dumps(sorted(used)))


def unused(noted: set[tuple[str, str, str]]) -> list[str]:
    """Return what the policies grant and nothing that was noted needed."""
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    functions = config["stages"]["dev"]["lambda_functions"]
    return sorted(
        f"{function}: {action} {name}"
        for function in functions
        for action, name in granted(function)
        if (function, action, name) not in noted
    )


def main() -> int:
    """Run all stories behind the policies; return 1 where a right is missing or too much."""
    with tempfile.TemporaryDirectory() as folder:
        told = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-rf", "tests/acceptance"],
            cwd=ROOT,
            env={**os.environ, "OPTIO_RIGHTS": folder},
        )
        noted = {
            (one[0], one[1], one[2])
            for file in Path(folder).glob("*.json")
            for one in json.loads(file.read_text())
        }
    rest = unused(noted)
    print("granted, and needed by no story:", *(rest or ["nothing"]), sep="\n  ")
    return 1 if told.returncode or rest else 0


if __name__ == "__main__":
    sys.exit(main())
