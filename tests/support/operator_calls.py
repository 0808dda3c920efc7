"""The calls of AWS that `make deploy` and `make destroy` make, against the policy of the guide."""

from __future__ import annotations

import fnmatch
import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
POLICY = ROOT / "docs" / "guides" / "operator-policy.json"
RECORDING = """
import sys
from botocore.client import BaseClient
called = BaseClient._make_api_call
def record(self, operation, parameters):
    with open({path!r}, "a") as file:
        print(self.meta.service_model.signing_name + ":" + operation, file=file)
    return called(self, operation, parameters)
BaseClient._make_api_call = record
from infra.release.release import main
main()
"""
"""A program that does what `python -m infra.release` does, and notes each call."""
ACTIONS = {
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:ListObjectsV2": "s3:ListBucket",
}
"""The names of actions that differ from those of their calls."""


def policy_actions() -> list[str]:
    """Return what the policy of the guide allows."""
    policy: dict[str, Any] = json.loads(POLICY.read_text())
    return [action for statement in policy["Statement"] for action in statement["Action"]]


def find_refused(calls: list[str]) -> set[str]:
    """Return the actions of these calls that the policy does not allow."""
    allowed = policy_actions()
    wanted = {ACTIONS.get(call, call) for call in calls}
    return {
        action
        for action in wanted
        if not any(fnmatch.fnmatchcase(action.lower(), each.lower()) for each in allowed)
    }
