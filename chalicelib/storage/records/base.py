"""Attributes that all tables share."""

from __future__ import annotations

from typing import Any

from chalicelib.settings import settings


class TableMeta:
    """The `Meta` attributes that all tables have in common."""

    region = settings.region
    billing_mode = "PAY_PER_REQUEST"


def index_meta(name: str, projection: Any) -> Any:
    """Return the `Meta` of an index."""
    return type("Meta", (), {"index_name": name, "projection": projection})
