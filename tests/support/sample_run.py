"""A run to show."""

from __future__ import annotations

from chalicelib.domain.runs.run import Run
from tests.conftest import NOON

RUN = Run(
    id="0b7d2f6e-0000-4000-8000-000000000001",
    type="repo-task",
    title="t",
    firing_id="f",
    created_at=NOON,
    updated_at=NOON,
    repo_url="https://git.example.com/acme/web",
)
