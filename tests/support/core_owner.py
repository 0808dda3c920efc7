"""A blueprint for tests of the core."""

from __future__ import annotations

from typing import Any

from chalicelib.domain.blueprints.blueprint import Blueprint, Kind
from tests.conftest import NOON


def owner(**more: Any) -> Blueprint:
    return Blueprint(
        id="d",
        kind=Kind.STANDALONE,
        name="Watch",
        title="Watch",
        prompt="Go.",
        agent_type="command",
        agent_command="true",
        created_at=NOON,
        updated_at=NOON,
        **more,
    )
