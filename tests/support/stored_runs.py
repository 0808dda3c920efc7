"""Runs for the stores."""

from __future__ import annotations

import uuid

from chalicelib.domain.runs.run import Run, queue_run
from tests.conftest import NOON

URL = "https://git.example.com/acme/web"


def new_id() -> str:
    return str(uuid.uuid4())


def run(**more: object) -> Run:
    fields = {
        "id": new_id(),
        "type": "repo-task",
        "title": "Nightly",
        "firing_id": new_id(),
        "repo_url": URL,
        "created_at": NOON,
        "updated_at": NOON,
    }
    return queue_run(Run(**(fields | more)), by="test", message="made")
