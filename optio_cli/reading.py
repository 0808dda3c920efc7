"""What a person gives to a command, as values."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from optio_cli.errors import Exit, Failure


def text_of(given: str) -> str:
    """Return a text as it stands, from a file (`@FILE`), or from standard input (`-`)."""
    if given == "-":
        return sys.stdin.read()
    if given.startswith("@"):
        return file_text(given[1:])
    return given


def file_text(name: str) -> str:
    """Return the text of a file; `-` is standard input."""
    if name == "-":
        return sys.stdin.read()
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{name} cannot be read: {error}", Exit.USAGE) from None


def params_of(text: str, pairs: list[str]) -> dict[str, Any]:
    """Return params: those of a JSON object, and those of the pairs, which win."""
    found = json_of(text, "--params") if text else {}
    if not isinstance(found, dict):
        raise Failure("--params must be a JSON object", Exit.USAGE)
    return found | pairs_of(pairs, "param")


def pairs_of(pairs: list[str], what: str) -> dict[str, Any]:
    """Return what pairs say: `key=text` is text, `key:=JSON` anything."""
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.removesuffix(":"):
            raise Failure(f"{pair!r} is no {what}: write key=text or key:=JSON", Exit.USAGE)
        typed = key.endswith(":")
        found[key.removesuffix(":")] = json_of(value, key) if typed else value
    return found


def json_of(text: str, what: str) -> Any:
    """Return what JSON text says."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise Failure(f"{what} is not valid JSON: {error}", Exit.USAGE) from None
