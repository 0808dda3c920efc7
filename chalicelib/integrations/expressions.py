"""JMESPath and JSON Schema, the languages in which filters and params are described."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from importlib import import_module
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from chalicelib.domain.errors import Fault, Invalid

LONGEST_QUERY = 1024


class ExpressionEngine:
    """Expressions as the libraries of their fields read them."""

    @cached_property
    def _jsonschema(self) -> Any:
        # 100 ms of imports that few firings need.
        return import_module("jsonschema")

    def check_query(self, query: str) -> None:
        """Raise `Invalid` where `query` is no JMESPath."""
        _compiled(query)

    def search(self, query: str, payload: object) -> object:
        """Return what `query` finds in `payload`, None when that is nothing."""
        try:
            return _compiled(query).search(payload)
        except JMESPathError as error:
            raise Invalid(f"{query!r} cannot be applied: {error}") from error

    def check_schema(self, schema: Mapping[str, object]) -> None:
        """Raise `Invalid` where `schema` is no JSON Schema (draft 2020-12)."""
        validator = self._jsonschema.Draft202012Validator
        try:
            validator.check_schema(dict(schema))
        except self._jsonschema.SchemaError as error:
            raise Invalid(f"not a JSON Schema: {error.message}") from error

    def violations(self, schema: Mapping[str, object], params: Mapping[str, object]) -> list[Fault]:
        """Return where `params` break `schema`, each by the path of its param."""
        validator = self._jsonschema.Draft202012Validator(dict(schema))
        errors = validator.iter_errors(dict(params))
        found = sorted(errors, key=lambda error: [str(part) for part in error.path])
        return [
            Fault(".".join(["params", *map(str, error.path)]), error.message[:500])
            for error in found[:50]
        ]


@lru_cache(maxsize=1024)
def _compiled(query: str) -> Any:
    if len(query) > LONGEST_QUERY:
        raise Invalid(f"a JMESPath expression has at most {LONGEST_QUERY} characters")
    try:
        return jmespath.compile(query)
    except (JMESPathError, RecursionError) as error:
        first = str(error).splitlines()[0] if str(error) else "too deeply nested"
        raise Invalid(f"{query[:100]!r} is not JMESPath: {first}") from error
