"""JSON Schema within bounds: nothing is fetched, no pattern runs away, and no check is endless.

The library looks up what a schema refers to, at any address, and matches patterns by trying back
and forth. Authors of schemas and params can cause neither here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from typing import Any

import jsonschema
from jsonschema import _keywords, _utils
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from chalicelib.domain.errors import Fault, Invalid
from chalicelib.domain.limits import MAX_SCHEMA_SECONDS, MAX_SCHEMA_STEPS, MAX_SCHEMA_VALUES
from chalicelib.domain.strict_json import count_values
from chalicelib.integrations.expressions import ecma_regex

Keyword = Callable[[Any, Any, Any, Any], Iterator[Any] | None]
TOO_MANY_STEPS_MESSAGE = f"it takes more than {MAX_SCHEMA_STEPS:,} steps"
MAX_FAULTS = 50
TOO_SLOW_MESSAGE = f"it takes more than {MAX_SCHEMA_SECONDS} s of computing"


@dataclass
class _Budget:
    """The remaining budget of a check: its steps, and the CPU time of this thread at its end.

    Steps count values, but a step may also look at one value to its whole depth, compare it or
    write it into a message. How long that takes no count of ours knows, so a deadline ends it.
    """

    steps: int
    ends_at: float

    def spend_steps(self, steps: int) -> None:
        """Take some steps; raise `Invalid` where the steps or the time are used up."""
        self.steps -= steps
        if self.steps < 0:
            raise Invalid(TOO_MANY_STEPS_MESSAGE)
        if time.thread_time() > self.ends_at:
            raise Invalid(TOO_SLOW_MESSAGE)


_budget: ContextVar[_Budget | None] = ContextVar("budget", default=None)
"""The budget of the check of ours that runs, if one does."""


class _Linear:
    """The library's `re`: in our checks an engine that never backtracks."""

    @staticmethod
    def search(pattern: str, text: str) -> object:
        budget = _budget.get()
        if budget is None:
            return re.search(pattern, text)
        budget.spend_steps(len(text) // 10)
        return ecma_regex.matches_pattern(pattern, text)


for _module in (_keywords, _utils):
    setattr(_module, "re", _Linear)  # noqa: B010


def check_schema(schema: Mapping[str, object]) -> None:
    """Raise `Invalid` if `schema` is not a self-contained JSON Schema (draft 2020-12)."""
    if count_values(schema) > MAX_SCHEMA_VALUES:
        raise Invalid(f"a schema holds at most {MAX_SCHEMA_VALUES:,} values")
    try:
        # Its formats hold patterns against Python, which knows others: ours come below.
        jsonschema.Draft202012Validator.check_schema(dict(schema), format_checker=None)
    except jsonschema.SchemaError as error:
        raise Invalid(f"not a JSON Schema: {error.message[:500]}") from error
    root: Any = DRAFT202012.create_resource(_without_dialect(schema))
    registry: Any = Registry()
    _check_parts(root, registry.resolver_with_root(root))


def find_violations(schema: Mapping[str, object], params: Mapping[str, object]) -> list[Fault]:
    """Return where `params` break `schema`, each by the path of its param."""
    registry: Any = Registry()
    validator: Any = _Bounded(_without_dialect(schema), registry=registry)
    begun = _budget.set(_Budget(MAX_SCHEMA_STEPS, time.thread_time() + MAX_SCHEMA_SECONDS))
    try:
        # Each message repeats what it is about, so no more of them are made than are shown.
        errors = list(islice(validator.iter_errors(dict(params)), MAX_FAULTS))
    except (Unresolvable, RecursionError, Invalid) as error:
        reason = "it refers to itself" if isinstance(error, RecursionError) else str(error)
        return [Fault("params", f"their schema cannot be applied: {reason[:400]}")]
    finally:
        _budget.reset(begun)
    return [
        Fault(".".join(["params", *map(str, error.path)]), error.message[:500])
        for error in sorted(errors, key=lambda error: [str(part) for part in error.path])
    ]


def _without_dialect(schema: Mapping[str, object]) -> dict[str, object]:
    """Return a schema that is read as draft 2020-12: the library would change to another one."""
    return {name: value for name, value in schema.items() if name != "$schema"}


def _check_parts(part: Resource[Any], resolver: Any) -> None:
    schema = part.contents
    if isinstance(schema, dict):
        if "$schema" in schema:
            raise Invalid("only a schema as a whole names its $schema")
        for pattern in (schema.get("pattern"), *schema.get("patternProperties", {})):
            if pattern is not None:
                ecma_regex.compile_pattern(pattern)
        for name in ("$ref", "$dynamicRef"):
            if name in schema:
                _check_reference(schema[name], resolver)
    for inner in part.subresources():
        _check_parts(inner, resolver.in_subresource(inner))


def _check_reference(reference: str, resolver: Any) -> None:
    try:
        resolver.lookup(reference)
    except Unresolvable:
        rule = "a schema refers to its own parts alone, such as #/$defs/name"
        raise Invalid(f"there is no {reference[:200]!r}: {rule}") from None


def _counted(keyword: Keyword) -> Keyword:
    """Return a keyword that takes what it costs from what a check may cost."""

    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        budget = _budget.get()
        if budget is not None:
            budget.spend_steps(1 + _size(value) + _size(instance))
        yield from keyword(validator, value, instance, schema) or ()

    return counted


def _size(value: object) -> int:
    return len(value) if isinstance(value, list | dict) else 0


def _unique(validator: Any, unique: bool, instance: Any, schema: Any) -> Iterator[Any]:
    """The library compares each with each where the items cannot be sorted."""
    if unique and isinstance(instance, list):
        distinct = {_frozen(item) for item in instance}
        if len(distinct) < len(instance):
            yield jsonschema.ValidationError(f"{str(instance)[:400]} has non-unique elements")


def _frozen(value: Any) -> object:
    """Return a value that can be hashed, and equals another one as JSON Schema has it."""
    if isinstance(value, dict):
        return frozenset((name, _frozen(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return (bool, value) if isinstance(value, bool) else value


_KEYWORDS = {**jsonschema.Draft202012Validator.VALIDATORS, "uniqueItems": _unique}
_Bounded = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    {name: _counted(keyword) for name, keyword in _KEYWORDS.items()},
)
