"""JMESPath and JSON Schema, the languages in which filters and params are described."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from importlib import import_module
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions, signature
from jmespath.visitor import TreeInterpreter

from chalicelib.domain.errors import Fault, Invalid
from chalicelib.domain.limits import MAX_QUERY_BRACKETS, MAX_QUERY_LENGTH, MAX_QUERY_STEPS
from chalicelib.integrations.expressions import query_mistakes

Compare = Callable[[Any, Any], Any]
TOO_MANY_STEPS_MESSAGE = f"it takes more than {MAX_QUERY_STEPS:,} steps"
OPENING_BRACKETS = "[({!"
CHARACTERS_PER_STEP = 16
"""How many characters of a text that is made count as a step."""


class ExpressionEngine:
    """Expressions as the libraries of their fields read them."""

    @cached_property
    def _schemas(self) -> Any:
        # 100 ms of imports that few firings need.
        return import_module("chalicelib.integrations.expressions.json_schema")

    def check_query(self, query: str) -> None:
        """Raise `Invalid` if `query` is not a JMESPath."""
        _compile_query(query)

    def quoted_operands(self, query: str) -> list[str]:
        """Return the names in double quotes that were probably meant as texts.

        A stored query that is no longer accepted has none, so its page still renders.
        """
        try:
            return query_mistakes.find_quoted_operands(query, _compile_query(query).parsed)
        except Invalid:
            return []

    def evaluate_query(self, query: str, payload: object) -> object:
        """Return what `query` finds in `payload`, None when that is nothing."""
        try:
            result: object = _Bounded().visit(_compile_query(query).parsed, payload)
            _check_size(result)
        except (JMESPathError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
            # The library compares what is not comparable, and divides by what is nothing.
            raise Invalid(f"{query!r} cannot be applied: {error}") from error
        return result

    def check_schema(self, schema: Mapping[str, object]) -> None:
        """Raise `Invalid` if `schema` is not a self-contained JSON Schema (draft 2020-12)."""
        self._schemas.check_schema(schema)

    def find_violations(
        self, schema: Mapping[str, object], params: Mapping[str, object]
    ) -> list[Fault]:
        """Return where `params` break `schema`, each by the path of its param."""
        violations: list[Fault] = self._schemas.find_violations(schema, params)
        return violations


class _Bounded(TreeInterpreter):  # type: ignore[misc]
    """An interpreter that gives up: few characters can double a list repeatedly."""

    def __init__(self) -> None:
        super().__init__(jmespath.Options(custom_functions=_Functions(self.spend)))
        self._left = MAX_QUERY_STEPS
        self.COMPARATOR_FUNC = {
            name: self._counted(compare)
            for name, compare in TreeInterpreter.COMPARATOR_FUNC.items()
        }

    def spend(self, *values: object) -> None:
        """Take what it costs to look at the whole depth of some values."""
        self._left = _count_down(self._left, *values)

    def _counted(self, compare: Compare) -> Compare:
        """Return a comparison that costs what it looks at: Python's goes to the whole depth."""

        def counted(left: Any, right: Any) -> Any:
            if isinstance(left, list | dict) and isinstance(right, list | dict):
                self.spend(left if len(left) <= len(right) else right)
            return compare(left, right)

        return counted

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        result = super().visit(node, *args, **kwargs)
        self._left -= 1 + (len(result) if isinstance(result, list | dict) else 0)
        if isinstance(result, str):
            self._left -= len(result) // 1024
        if self._left < 0:
            raise ValueError(TOO_MANY_STEPS_MESSAGE)
        return result


class _Functions(Functions):  # type: ignore[misc]
    """The functions that make texts out of others: they look at the size before, not after."""

    def __init__(self, spend: Callable[..., None]) -> None:
        super().__init__()
        self._spend = spend

    @signature({"types": ["array", "string"]}, {"types": []})  # type: ignore[untyped-decorator]
    def _func_contains(self, subject: list[Any] | str, search: object) -> bool:
        if isinstance(search, list | dict):
            self._spend(subject)
        return search in subject

    @signature({"types": ["string"]}, {"types": ["array-string"]})  # type: ignore[untyped-decorator]
    def _func_join(self, separator: str, texts: list[str]) -> str:
        if (
            len(separator) * len(texts) + sum(map(len, texts))
            > MAX_QUERY_STEPS * CHARACTERS_PER_STEP
        ):
            raise ValueError(TOO_MANY_STEPS_MESSAGE)
        return separator.join(texts)

    @signature({"types": []})  # type: ignore[untyped-decorator]
    def _func_to_string(self, value: object) -> object:
        self._spend(value)
        _check_size(value)
        return super()._func_to_string(value)


def _check_size(value: object) -> None:
    """Refuse what grows when it is written: lists that hold one another many times over."""
    _count_down(MAX_QUERY_STEPS, value)


def _count_down(left: int, *values: object) -> int:
    """Return the steps that are left after a look at the whole depth of some values."""
    waiting = [*values]
    while waiting:
        value = waiting.pop()
        left -= 1 + (len(value) // CHARACTERS_PER_STEP if isinstance(value, str) else 0)
        if left < 0:
            raise ValueError(TOO_MANY_STEPS_MESSAGE)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError("the result is not a number")
        if isinstance(value, list | dict):
            waiting.extend(value.values() if isinstance(value, dict) else value)
    return left


@lru_cache(maxsize=1024)
def _compile_query(query: str) -> Any:
    if len(query) > MAX_QUERY_LENGTH:
        raise Invalid(f"a JMESPath expression has at most {MAX_QUERY_LENGTH} characters")
    if sum(map(query.count, OPENING_BRACKETS)) > MAX_QUERY_BRACKETS:
        raise Invalid(
            f"a JMESPath expression has at most {MAX_QUERY_BRACKETS} of "
            f"{' '.join(OPENING_BRACKETS)}"
        )
    try:
        return jmespath.compile(query)
    except (JMESPathError, RecursionError) as error:
        first = str(error).splitlines()[0] if str(error) else "too deeply nested"
        raise Invalid(f"{query[:100]!r} is not JMESPath: {first}") from error
