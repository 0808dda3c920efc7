"""Reads the values of arguments: text, files, standard input, JSON and pairs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from optio_cli.core.errors import ExitCode, Failure


def read_text(argument: str) -> str:
    """Return a literal text, or the text of a file (`@FILE`) or of standard input (`-`)."""
    if argument == "-":
        return read_file(argument)
    if argument.startswith("@"):
        return read_file(argument[1:])
    return argument


def read_file(name: str) -> str:
    """Return the text of a file; `-` is standard input."""
    try:
        if name == "-":
            return check_sendable(sys.stdin.read())
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{name} cannot be read: {error}", ExitCode.USAGE) from None


def check_sendable(text: str) -> str:
    """Return text from standard input; bytes that are not valid UTF-8 are rejected."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Failure("the data on standard input is not valid UTF-8", ExitCode.USAGE) from None
    return text


def read_params(text: str, pairs: list[str]) -> dict[str, Any]:
    """Return params from a JSON object and from pairs; pairs override the object."""
    params = parse_json(text, "--params") if text else {}
    if not isinstance(params, dict):
        raise Failure("--params must be a JSON object", ExitCode.USAGE)
    return params | parse_pairs(pairs, "param")


def parse_pairs(pairs: list[str], what: str) -> dict[str, Any]:
    """Return the values of pairs: `key=text` is text, `key:=JSON` any JSON value."""
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.removesuffix(":"):
            raise Failure(
                f"{pair!r} is not a valid {what}: write key=text or key:=JSON", ExitCode.USAGE
            )
        is_json = key.endswith(":")
        values[key.removesuffix(":")] = parse_json(value, key) if is_json else value
    return values


def parse_json(text: str, what: str) -> Any:
    """Return the value of a JSON text."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise Failure(f"{what} is not valid JSON: {error}", ExitCode.USAGE) from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")
