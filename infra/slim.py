"""What the package does without: the models of all the AWS services that nobody here talks to."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

CLIENT = re.compile(r"""\b(?:create_)?client\(\s*["']([a-z0-9-]+)["']""")
STORAGE = "dynamodb"
"""pynamodb makes this client, so no line of ours names it."""
UNUSED = ("boto3/examples", "aws_lambda_powertools/event_handler")
"""Examples, and a second way to route requests, with a browser for it: chalice does that here."""


def services(sources: Path) -> set[str]:
    """Return the services whose clients the sources make."""
    found = {STORAGE}
    for file in sources.rglob("*.py"):
        found.update(CLIENT.findall(file.read_text()))
    return found


def slimmed(folder: Path) -> None:
    """Remove from an unpacked package what describes other services, two thirds of its size."""
    kept = services(folder / "chalicelib")
    for library in ("botocore", "boto3"):
        data = folder / library / "data"
        for model in data.iterdir() if data.is_dir() else ():
            if model.is_dir() and model.name not in kept:
                shutil.rmtree(model)
    for name in UNUSED:
        shutil.rmtree(folder / name, ignore_errors=True)
