"""Reads a form field by field; a value that cannot be read becomes a fault."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.errors import Fault, Invalid

MAX_DIGITS = 18
"""Maximum length of a number; no field accepts a longer one."""


class SubmittedForm:
    """The values of a form. Its `faults` are reported together with those of the API's models."""

    def __init__(self, form: Mapping[str, str]) -> None:
        self.form = form
        self.faults: list[Fault] = []

    def add_fault(self, name: str, message: str) -> None:
        self.faults.append(Fault(name, message))

    def raise_faults(self) -> None:
        """Raise `Invalid` with all values that could not be read."""
        if self.faults:
            raise Invalid.from_faults(self.faults)

    def read_text(self, name: str) -> str:
        return self.form.get(name, "").strip()

    def read_texts(self, *names: str) -> dict[str, str]:
        """Return the unchanged texts of these fields, without empty ones."""
        return {name: self.form[name] for name in names if self.read_text(name)}

    def read_numbers(self, *names: str) -> dict[str, int]:
        """Return the whole numbers of these fields, without empty ones."""
        numbers: dict[str, int] = {}
        for name in names:
            text = self.read_text(name)
            if text.isascii() and text.removeprefix("-").isdigit() and len(text) <= MAX_DIGITS:
                numbers[name] = int(text)
            elif text:
                self.add_fault(name, f"{text[:60]!r} is not a whole number")
        return numbers

    def read_words(self, name: str) -> list[str]:
        return [part for part in self.read_text(name).replace(",", " ").split() if part]

    def read_labels(self, name: str) -> list[str]:
        """Return the values between commas; a value may contain spaces."""
        return [part.strip() for part in self.read_text(name).split(",") if part.strip()]

    def read_flags(self, *names: str) -> dict[str, bool]:
        return {name: self.form.get(name) == "true" for name in names}

    def read_variables(self, name: str) -> dict[str, str]:
        """Return the variables of lines of NAME=value."""
        variables = {}
        for line in self.read_text(name).splitlines():
            variable, equals, value = line.partition("=")
            if line.strip() and not equals:
                self.add_fault(name, f"write {line.strip()[:60]!r} as NAME=value")
            elif variable.strip():
                variables[variable.strip()] = value.strip()
        return variables

    def read_mapping(self, name: str) -> dict[str, Any]:
        """Return the JSON object of a field; an empty field is an empty object."""
        try:
            mapping = json.loads(self.read_text(name) or "{}")
        except (ValueError, RecursionError) as error:
            self.add_fault(name, f"this is not valid JSON: {error}")
            return {}
        if not isinstance(mapping, dict):
            self.add_fault(name, 'write a JSON object, such as {"name": "value"}')
            return {}
        return mapping

    def read_params(self, schema: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the params of a manual run, from the fields of the schema and the JSON field."""
        params = self.read_mapping("params")
        for name, kind in ((schema or {}).get("properties") or {}).items():
            text = self.form.get(f"param.{name}", "")
            if text != "":
                params[name] = self._read_value(name, text, kind if isinstance(kind, dict) else {})
        return params

    def _read_value(self, name: str, text: str, kind: Mapping[str, Any]) -> object:
        declared = kind.get("type", "string")
        types = declared if isinstance(declared, list) else [declared]
        for choice in kind.get("enum") or ():
            if param_to_text(choice) == text:
                return choice
        if types == ["string"]:
            return text
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            if "string" in types:
                return text
            self.add_fault(
                f"param.{name}", f"{text[:60]!r} is not a {' or '.join(map(str, types))}"
            )
            return None


def param_to_text(value: object) -> str:
    """Return a param as the text of its own field; values other than text become JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
