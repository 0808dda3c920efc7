"""A forge that refuses pushes."""

from __future__ import annotations

from pathlib import Path


def refuse_pushes(origin: Path, words: str = "echo signed commits only >&2") -> Path:
    hook = origin / "hooks" / "pre-receive"
    hook.write_text(f"#!/bin/sh\n{words}\nexit 1\n")
    hook.chmod(0o755)
    return hook
