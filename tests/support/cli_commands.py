"""The commands of `optio`."""

from __future__ import annotations

import typer

from optio_cli.main import app


def commands() -> set[str]:
    found = set()
    groups = [("", app), *((f"{one.name} ", one.typer_instance) for one in app.registered_groups)]
    for prefix, group in groups:
        assert isinstance(group, typer.Typer)
        for one in group.registered_commands:
            assert one.callback is not None
            found.add(f"optio {prefix}{one.name or one.callback.__name__}")
    return found
