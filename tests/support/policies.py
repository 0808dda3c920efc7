"""The policies of the functions, read: what each may do, and to what."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from infra.package import resources

ROOT = Path(__file__).resolve().parents[2]
CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text())
FUNCTIONS: dict[str, dict[str, Any]] = CONFIG["stages"]["dev"]["lambda_functions"]
Right = tuple[str, str]
READS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")


def statements(function: str) -> list[dict[str, Any]]:
    """Return the statements of a function's policy."""
    file = ROOT / ".chalice" / FUNCTIONS[function]["iam_policy_file"]
    found: list[dict[str, Any]] = json.loads(file.read_text())["Statement"]
    return found


def granted(function: str) -> set[Right]:
    """Return each action that a function may do, with the name of what it may do it to."""
    return {
        (action, name)
        for one in statements(function)
        for action in one["Action"]
        for name in names(one)
    }


def names(statement: dict[str, Any]) -> list[str]:
    """Return what a statement is about, named as in the template."""
    about = statement["Resource"]
    return [_named(one) for one in (about if isinstance(about, list) else [about])]


def _named(resource: dict[str, Any]) -> str:
    ((kind, value),) = resource.items()
    text = value[0] if kind == "Fn::GetAtt" else str(value)
    if text.endswith(":secret:optio/@stage@/secrets/*"):
        return "secrets/*"
    if text.endswith(f":event-source-mapping:${{{resources.NOTIFY_MAPPING}}}"):
        return resources.NOTIFY_MAPPING
    if text.endswith(":parameter/optio/@stage@/data-key"):
        return "data-key"
    return re.sub(r"\$\{(\w+)\.Arn\}", r"\1", text)


def of_lambda(function: str) -> set[Right]:
    """Return what Lambda itself does in the name of a function: it reads its queue, writes its log.

    These are not calls of ours, so no story can need them.
    """
    queues = {
        str(source.queue).rpartition("-")[2].capitalize() + "Queue"
        for source in resources.queue_sources()
        if source.name == function
    }
    log = f"{resources.functions()[function]}LogGroup"
    reads = {(action, queue) for action in READS for queue in queues}
    return reads | {(action, log) for action in LOGS}
