"""Builds the package again only when something that it is made of changed."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from infra.package.build import ROOT, build, digest

SOURCES = ("app.py", "chalicelib", ".chalice", "infra", "requirements.txt", "requirements/dev.txt")
OUTPUTS = ("sam.json", "deployment.zip")
STAMP = "made-from"
"""Beside the package: a digest of what it was made from, and its own."""


def build_if_changed(out: Path) -> str:
    """Return the digest of the package in `out`, built unless it is there from the same sources."""
    sources = digest_of_sources()
    stamp = out / STAMP
    if stamp.exists() and all((out / name).exists() for name in OUTPUTS):
        made_from, _, package = stamp.read_text().partition("\n")
        if made_from == sources and package == digest(out):
            return package
    stamp.unlink(missing_ok=True)
    package = build(out)
    stamp.write_text(f"{sources}\n{package}")
    return package


def digest_of_sources() -> str:
    """Return a digest of every file, setting and version that ends up in a package."""
    whole = hashlib.sha256(sys.version.encode())
    for name, text in sorted(os.environ.items()):
        if name in ("STAGE", "AWS_REGION") or (name.startswith("OPTIO_") and name != "OPTIO_STATE"):
            whole.update(f"\0{name}={text}".encode())
    for path in _files():
        whole.update(b"\0" + str(path.relative_to(ROOT)).encode() + b"\0")
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def _files() -> Iterator[Path]:
    for name in SOURCES:
        top = ROOT / name
        paths = [top] if top.is_file() else sorted(top.rglob("*"))
        for path in paths:
            hidden = {"__pycache__", "deployments", "deployed"} & set(path.parts)
            if path.is_file() and not hidden and path.suffix != ".pyc":
                yield path
