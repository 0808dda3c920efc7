"""Reads a form field by field; a value that cannot be read becomes a fault."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.errors import Fault, Invalid

DIGITS = 18
"""Maximum length of a number; no field accepts a longer one."""


class Typed:
    """The values of a form. Its `faults` are reported together with those of the API's models."""

    def __init__(self, form: Mapping[str, str]) -> None:
        self.form = form
        self.faults: list[Fault] = []

    def blame(self, name: str, message: str) -> None:
        self.faults.append(Fault(name, message))

    def check(self) -> None:
        """Raise `Invalid` with all values that could not be read."""
        if self.faults:
            raise Invalid.of(self.faults)

    def text(self, name: str) -> str:
        return self.form.get(name, "").strip()

    def texts(self, *names: str) -> dict[str, str]:
        """Return the unchanged texts of these fields, without empty ones."""
        return {name: self.form[name] for name in names if self.text(name)}

    def numbers(self, *names: str) -> dict[str, int]:
        """Return the whole numbers of these fields, without empty ones."""
        found: dict[str, int] = {}
        for name in names:
            text = self.text(name)
            if text.isascii() and text.removeprefix("-").isdigit() and len(text) <= DIGITS:
                found[name] = int(text)
            elif text:
                self.blame(name, f"{text[:60]!r} is not a whole number")
        return found

    def words(self, name: str) -> list[str]:
        return [part for part in self.text(name).replace(",", " ").split() if part]

    def labels(self, name: str) -> list[str]:
        """Return the values between commas; a value may contain spaces."""
        return [part.strip() for part in self.text(name).split(",") if part.strip()]

    def flags(self, *names: str) -> dict[str, bool]:
        return {name: self.form.get(name) == "true" for name in names}

    def variables(self, name: str) -> dict[str, str]:
        """Return the variables of lines of NAME=value."""
        found = {}
        for line in self.text(name).splitlines():
            variable, equals, value = line.partition("=")
            if line.strip() and not equals:
                self.blame(name, f"write {line.strip()[:60]!r} as NAME=value")
            elif variable.strip():
                found[variable.strip()] = value.strip()
        return found

    def mapping(self, name: str) -> dict[str, Any]:
        """Return the JSON object of a field; an empty field is an empty object."""
        try:
            found = json.loads(self.text(name) or "{}")
        except (ValueError, RecursionError) as error:
            self.blame(name, f"this is not valid JSON: {error}")
            return {}
        if not isinstance(found, dict):
            self.blame(name, 'write a JSON object, such as {"name": "value"}')
            return {}
        return found

    def params(self, schema: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the params of a manual run, from the fields of the schema and the JSON field."""
        found = self.mapping("params")
        for name, kind in ((schema or {}).get("properties") or {}).items():
            text = self.form.get(f"param.{name}", "")
            if text != "":
                found[name] = self._value(name, text, kind if isinstance(kind, dict) else {})
        return found

    def _value(self, name: str, text: str, kind: Mapping[str, Any]) -> object:
        named = kind.get("type", "string")
        types = named if isinstance(named, list) else [named]
        for choice in kind.get("enum") or ():
            if param_text(choice) == text:
                return choice
        if types == ["string"]:
            return text
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            if "string" in types:
                return text
            self.blame(f"param.{name}", f"{text[:60]!r} is not a {' or '.join(map(str, types))}")
            return None


def param_text(value: object) -> str:
    """Return a param as the text of its own field; values other than text become JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
