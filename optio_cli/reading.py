"""Reads the values of arguments: text, files, standard input, JSON and pairs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from optio_cli.errors import Exit, Failure


def text_of(given: str) -> str:
    """Return a literal text, or the text of a file (`@FILE`) or of standard input (`-`)."""
    if given == "-":
        return file_text(given)
    if given.startswith("@"):
        return file_text(given[1:])
    return given


def file_text(name: str) -> str:
    """Return the text of a file; `-` is standard input."""
    try:
        if name == "-":
            return sendable(sys.stdin.read())
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{name} cannot be read: {error}", Exit.USAGE) from None


def sendable(text: str) -> str:
    """Return text from standard input; bytes that are not valid UTF-8 are rejected."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Failure("the data on standard input is not valid UTF-8", Exit.USAGE) from None
    return text


def params_of(text: str, pairs: list[str]) -> dict[str, Any]:
    """Return params from a JSON object and from pairs; pairs override the object."""
    found = json_of(text, "--params") if text else {}
    if not isinstance(found, dict):
        raise Failure("--params must be a JSON object", Exit.USAGE)
    return found | pairs_of(pairs, "param")


def pairs_of(pairs: list[str], what: str) -> dict[str, Any]:
    """Return the values of pairs: `key=text` is text, `key:=JSON` any JSON value."""
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.removesuffix(":"):
            raise Failure(
                f"{pair!r} is not a valid {what}: write key=text or key:=JSON", Exit.USAGE
            )
        typed = key.endswith(":")
        found[key.removesuffix(":")] = json_of(value, key) if typed else value
    return found


def json_of(text: str, what: str) -> Any:
    """Return the value of a JSON text."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        raise Failure(f"{what} is not valid JSON: {error}", Exit.USAGE) from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")
