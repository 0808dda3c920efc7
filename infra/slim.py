"""What the package does without: the models of all the AWS services that nobody here talks to."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

CLIENT = re.compile(r"""\b(?:create_)?client\(\s*["']([a-z0-9-]+)["']""")
STORAGE = "dynamodb"
"""pynamodb makes this client, so no line of ours names it."""


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
    shutil.rmtree(folder / "boto3" / "examples", ignore_errors=True)
