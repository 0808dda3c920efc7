"""What the package does without: the models of all the AWS services that nobody here talks to."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

CLIENT = re.compile(r"""\baws\.client\(\s*["']([a-z0-9-]+)["']""")
STORAGE = "dynamodb"
"""pynamodb makes this client, so no line of ours names it."""
UNUSED = ("aws_lambda_powertools/event_handler",)
"""A second way to route requests, with a browser for it: chalice does that here."""


def services(sources: Path) -> set[str]:
    """Return the services whose clients the sources make."""
    found = {STORAGE}
    for file in sources.rglob("*.py"):
        found.update(CLIENT.findall(file.read_text()))
    return found


def slimmed(folder: Path) -> None:
    """Remove from an unpacked package what describes other services, two thirds of its size."""
    kept = services(folder / "chalicelib")
    data = folder / "botocore" / "data"
    for model in data.iterdir():
        if model.is_dir() and model.name not in kept:
            shutil.rmtree(model)
    _slim_endpoints(data / "endpoints.json", kept)
    for name in UNUSED:
        shutil.rmtree(folder / name, ignore_errors=True)


def _slim_endpoints(file: Path, kept: set[str]) -> None:
    """Leave the addresses of other services out of the list, which each cold start reads."""
    known = json.loads(file.read_text())
    for partition in known["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in sorted(kept & set(services))}
    file.write_text(json.dumps(known, separators=(",", ":")))
