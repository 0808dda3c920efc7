"""Rights of each function by its policy, compared with the needs of its calls.

The policy of the current function is enforced around every stage of the tests: a call that it does
not allow is denied as on AWS. `make rights` runs the stories that justify each
right (ALL=1: every story, and chooses them again), each function as cold as a new process.
It prints the missing and the unused rights.
"""

from __future__ import annotations

import contextvars
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient
from botocore.exceptions import ClientError
from botocore.signers import RequestSigner
from chalice.test import TestHTTPClient, TestLambdaClient

from chalicelib import wiring
from chalicelib.settings import settings
from infra.package.resources import NOTIFY_MAPPING
from tests.support.policies import FUNCTIONS, Right, granted, of_lambda

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "tests" / "rights.json"
TRANSACTED = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}
SAME = {
    "s3:HeadObject": "s3:GetObject",
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "dynamodb:TransactGetItems": "dynamodb:GetItem",
}
REMEMBERED = ("_url", "_key", "_cipher", "_memory")
FOLDER = os.environ.get("OPTIO_RIGHTS", "")
Used = dict[tuple[str, str, str], set[str]]
used: Used = defaultdict(set)
"""The stories that needed a right, by function, action and what it is done to."""
denied: set[tuple[str, str, str]] = set()
_working = contextvars.ContextVar("working", default="")


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
        index = sent.get("IndexName")
        yield action, _table(sent["TableName"]) + (f"/index/{index}" if index else "")
    else:
        yield action, _place(service, sent)


def _table(name: str) -> str:
    return f"{name.removeprefix(settings.table_name('')).capitalize()}Table"


def _place(service: str, sent: dict[str, Any]) -> str:
    if service == "sqs":
        name = str(sent.get("QueueName") or sent["QueueUrl"].rpartition("/")[2])
        kind, dead, _ = name.removeprefix(settings.queue_name("")).partition("-dead")
        return kind.capitalize() + ("DeadLetters" if dead else "Queue")
    if service == "secretsmanager":
        name = str(sent.get("SecretId") or sent["Name"])
        return "secrets/*" if name.startswith(settings.secrets_prefix) else name
    if service == "ssm":
        return "data-key" if sent["Name"] == settings.data_key else str(sent["Name"])
    if service == "lambda":
        return NOTIFY_MAPPING if sent["UUID"] == settings.notify_mapping else str(sent["UUID"])
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
        used[function, action, name].add(_story())
        if (action, name) not in _granted(function):
            denied.add((function, action, name))
            said = f"{function} may not {action} {name}"
            told = {"Error": {"Code": "AccessDeniedException", "Message": said}}
            raise ClientError(told, operation)  # type: ignore[arg-type]


def _story() -> str:
    return os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0].partition("[")[0]


@contextmanager
def fenced() -> Iterator[None]:
    """Let each function do only what its policy allows; fail where one tried to do more.

    The denial is also raised at the end, because a step catches any error and tries again.
    """
    call, sign = BaseClient._make_api_call, RequestSigner.generate_presigned_url
    request, invoke = TestHTTPClient.request, TestLambdaClient.invoke
    submit = ThreadPoolExecutor.submit

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

    def submitted(self: Any, work: Any, *given: Any, **named: Any) -> Any:
        # A thread works for the function that started it.
        return submit(self, contextvars.copy_context().run, work, *given, **named)

    with (
        patch.object(BaseClient, "_make_api_call", checked),
        patch.object(RequestSigner, "generate_presigned_url", signed),
        patch.object(TestHTTPClient, "request", asked),
        patch.object(TestLambdaClient, "invoke", invoked),
        patch.object(ThreadPoolExecutor, "submit", submitted),
    ):
        yield
    told = _told(denied)
    denied.clear()  # a stage that failed must not fail those after it
    assert not told, f"denied by a policy: {told}"


def _as(function: str, work: Any, *given: Any, **named: Any) -> Any:
    token = _working.set(function)
    if FOLDER:
        _forget()
    try:
        return work(*given, **named)
    finally:
        _working.reset(token)


def _forget() -> None:
    """Start cold: what another function has read before would hide that this one needs it."""
    for part in vars(wiring.get_world()).values():
        for name in REMEMBERED:
            vars(part).pop(name, None)
        if "_known" in vars(part):
            part._known = None


def note() -> None:
    """Record the used rights, if requested."""
    if FOLDER and used:
        found = [[*right, sorted(stories)] for right, stories in sorted(used.items())]
        Path(FOLDER, f"{os.getpid()}.json").write_text(json.dumps(found))


def _noted(folder: str) -> Used:
    noted: Used = defaultdict(set)
    for file in Path(folder).glob("*.json"):
        for function, action, name, stories in json.loads(file.read_text()):
            noted[function, action, name].update(stories)
    return noted


def all_granted() -> set[tuple[str, str, str]]:
    """Return what the policies grant, but for what Lambda itself does."""
    return {
        (function, action, name)
        for function in FUNCTIONS
        for action, name in granted(function) - of_lambda(function)
    }


def recorded() -> dict[tuple[str, str, str], str]:
    """Return a story that needs each right, as `make rights` found it."""
    return {
        (function, *right.split(" ", 1)): story  # type: ignore[misc]
        for function, rights in json.loads(RECORD.read_text()).items()
        for right, story in rights.items()
    }


def few(noted: Used) -> dict[tuple[str, str, str], str]:
    """Return a story for each right, and as few of them in all as a simple choice finds."""
    needs: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for right, stories in noted.items():
        for story in stories:
            needs[story].add(right)
    chosen: dict[tuple[str, str, str], str] = {}
    while left := noted.keys() - chosen.keys():
        best = max(sorted(needs), key=lambda story: len(needs[story] & left))
        chosen |= dict.fromkeys(needs[best] & left, best)
    return chosen


def _keep(chosen: Mapping[tuple[str, str, str], str]) -> None:
    written: dict[str, dict[str, str]] = {function: {} for function in FUNCTIONS}
    for (function, action, name), story in sorted(chosen.items()):
        written[function][f"{action} {name}"] = story
    RECORD.write_text(json.dumps(written, indent=1) + "\n")


def _told(rights: set[tuple[str, str, str]]) -> list[str]:
    return sorted(f"{function}: {action} {name}" for function, action, name in rights)


def prove(stories: list[str]) -> tuple[bool, Used]:
    """Run stories behind the policies; return whether all went well, and what they needed."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-rf", "-m", "not warm", *stories],
            cwd=ROOT,
            env={**os.environ, "OPTIO_RIGHTS": folder},
            check=False,
        )
        return done.returncode == 0, _noted(folder)


def main() -> int:
    """Compare what is granted with what is needed; return 1 where they differ."""
    everything = bool(os.environ.get("ALL"))
    stories = ["tests/acceptance"] if everything else sorted(set(recorded().values()))
    passed, noted = prove(stories)
    missing, unused = noted.keys() - all_granted(), all_granted() - noted.keys()
    print("needed, and not granted:", *(_told(missing) or ["nothing"]), sep="\n  ")
    print("granted, and needed by no story:", *(_told(unused) or ["nothing"]), sep="\n  ")
    if everything and passed and not missing | unused:
        _keep(few(noted))
    return 0 if passed and not missing | unused else 1


if __name__ == "__main__":
    sys.exit(main())
