"""Modules that a function loads at import and at its first request, as a complete list."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from app import app
from benchmarks.gateway import Api, blueprint, event, make_delivery, webhook_trigger
from benchmarks.stage import Stage, stage
from tests.support.shared import ROOT

PROGRAM = """
import json, sys
from types import ModuleType
asked = json.load(sys.stdin)
from app import app
def loaded():
    return sorted(name for name, module in sys.modules.items() if type(module) is ModuleType)
told = {"imported": loaded()}
answer = app(asked, None)
told |= {"status": answer["statusCode"], "answered": loaded()}
print("\\n" + json.dumps(told))
"""
IMPORTED = {"chalice"}
ANSWERED = IMPORTED | {
    "botocore",
    "urllib3",
    "certifi",
    "jmespath",
    "dateutil",
    "six",
    "pynamodb",
    "msgspec",
    "jinja2",
    "markupsafe",
    "cryptography",
    "aws_lambda_powertools",
    "typing_extensions",
}
"""The packages of others that a delivery needs: of AWS, of the store, of templates, of seals."""
DECIDING = {
    *("firing.inbound_webhooks", "firing.inbound_verification", "firing.payload_params"),
    *("firing.fire", "firing.firing", "firing.policies"),
    *("due_messages", "notifications.announce", "telemetry"),
}
"""The actions that a delivery goes through."""
HEAVY = ("schemas.", "mapping.", "openapi.")
"""Modules that a request of the API may need, and a delivery does not."""


@pytest.fixture(scope="module")
def emulated() -> Iterator[Stage]:
    with stage() as one:
        yield one


def cold(emulated: Stage, asked: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **emulated.environment},
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def others(names: list[str]) -> set[str]:
    """Return which packages of others are among modules; a stub is none."""
    tops = {name.partition(".")[0] for name in names}
    ours = {"app", "chalicelib", "__main__", "sitecustomize"}
    return {
        name
        for name in tops - ours - sys.stdlib_module_names
        if not name.startswith(("_", "__editable__"))
    }


def room(kind: str, names: list[str]) -> set[str]:
    """Return which modules of a room of ours are among modules; its packages hold no code."""
    start = f"chalicelib.{kind}."
    ours = [name for name in names if name.startswith(start)]
    return {
        name.removeprefix(start) for name in ours if not (ROOT / name.replace(".", "/")).is_dir()
    }


def test_a_delivery_loads_what_it_needs_and_nothing_else(emulated: Stage):
    Api(app, emulated.admin_key()).post("/api/tasks", blueprint(webhook_trigger("p")))
    told = cold(emulated, make_delivery("p", 1))
    assert told["status"] == 202
    assert others(told["answered"]) == ANSWERED
    assert room("actions", told["answered"]) == DECIDING
    assert room("web", told["answered"]) - room("web", told["imported"]) == {"http.headers"}


def test_importing_the_api_loads_the_routes_and_no_page_no_model_and_no_action(emulated: Stage):
    told = cold(emulated, event("GET", "/api/health", b"", {}))
    assert told["status"] == 200
    for names in (told["imported"], told["answered"]):
        assert others(names) == IMPORTED
        assert room("actions", names) == room("storage", names) == room("web.pages", names) == set()
        assert not [name for name in room("web", names) if name.startswith(HEAVY)]
