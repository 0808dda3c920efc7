"""parliament, which knows the actions, resources and conditions of every service's policies."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

PROGRAM = """
import importlib.util, json, pathlib, sys, types
if importlib.util.find_spec("pkg_resources") is None:
    def resource_filename(package, name):
        return str(pathlib.Path(importlib.util.find_spec(package).origin).parent / name)
    stand_in = sys.modules["pkg_resources"] = types.ModuleType("pkg_resources")
    stand_in.resource_filename = resource_filename
import parliament
policies = [parliament.analyze_policy_string(text) for text in json.load(sys.stdin)]
json.dump([[f"{one.issue} {one.detail}" for one in each.findings] for each in policies], sys.stdout)
"""
"""It needs one function of a module that setuptools has dropped, and is careless with files."""


def faults_of_policies(documents: Sequence[object]) -> list[list[str]]:
    """Return what is wrong with each policy; their references are resolved."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        input=json.dumps([json.dumps(document) for document in documents]),
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[list[str]] = json.loads(done.stdout)
    return found
