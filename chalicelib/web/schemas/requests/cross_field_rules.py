"""Rules between fields, run even if a field is invalid, so that one response has all faults.

Pydantic runs its own validators of a model only if every field is valid. A rule is a function of
the submitted request, and reads fields as if all were valid. Reading an invalid one ends the rule,
so that no contradiction with an invalid value is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, ClassVar, Self

from pydantic import ModelWrapValidatorHandler, TypeAdapter, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from chalicelib.domain.errors import Fault, Invalid
from chalicelib.web.schemas.requests.fields import Model


class DependsOnInvalidField(Exception):
    """A rule read a field that is already invalid."""


INVALID_FIELD = object()
"""The placeholder of an invalid field."""


class Submitted:
    """The fields of a request for a rule; `was` is the object that the request changes, if any.

    `raw` is the unparsed body, for rules about a list with invalid elements.
    """

    def __init__(self, fields: Mapping[str, Any], raw: Mapping[str, Any], was: Any) -> None:
        self.raw = raw
        self.was = was
        self._fields = fields

    def __getattr__(self, name: str) -> Any:
        if name not in self._fields:
            raise AttributeError(f"no request has a field {name!r}")
        if self._fields[name] is INVALID_FIELD:
            raise DependsOnInvalidField(name)
        return self._fields[name]


Rule = Callable[[Submitted], Iterable[Fault]]


class ModelWithRules(Model):
    """A request with rules between its fields; their faults join those of single fields."""

    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="wrap")
    @classmethod
    def _as_a_whole(
        cls, body: Any, read: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        try:
            request = read(body)
        except ValidationError as refused:
            wrong = refused.errors(include_url=False)
            broken: list[Fault] = []
            if isinstance(body, Mapping):
                fields = _valid_fields(cls, body, wrong, info.context)
                broken = _broken_rules(cls.rules, Submitted(fields, body, info.context))
            raise _validation_error(
                cls, [*map(_to_error_details, wrong), *map(_fault_details, broken)]
            ) from None
        if broken := _broken_rules(cls.rules, Submitted(request.__dict__, body, info.context)):
            raise _validation_error(cls, [*map(_fault_details, broken)])
        return request


def _valid_fields(
    model: type[ModelWithRules], body: Mapping[str, Any], wrong: Iterable[Any], was: Any
) -> dict[str, Any]:
    """Return the values of the valid fields, and placeholders for the invalid ones."""
    at_fault = {error["loc"][0] for error in wrong}
    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        sent_as = str(field.alias)
        if sent_as in at_fault:
            values[name] = INVALID_FIELD
        elif sent_as in body:
            values[name] = _type_adapter(model, name).validate_python(body[sent_as], context=was)
        else:
            values[name] = field.get_default(call_default_factory=True)
    return values


@cache
def _type_adapter(model: type[ModelWithRules], name: str) -> TypeAdapter[Any]:
    return TypeAdapter(model.model_fields[name].rebuild_annotation())


def _broken_rules(rules: Iterable[Rule], sent: Submitted) -> list[Fault]:
    faults: list[Fault] = []
    for rule in rules:
        with suppress(DependsOnInvalidField):
            faults.extend(rule(sent))
    return faults


def _to_error_details(error: Any) -> InitErrorDetails:
    kind = PydanticCustomError(error["type"], error["msg"], error.get("ctx"))
    return InitErrorDetails(type=kind, loc=error["loc"], input=error["input"])


def _fault_details(fault: Fault) -> InitErrorDetails:
    kind = PydanticCustomError("rule", fault.message)
    return InitErrorDetails(type=kind, loc=(fault.field,), input=None)


def faults_of_check(check: Callable[..., object], *args: Any) -> Iterator[Fault]:
    """Yield the faults that a check of the domain raises."""
    try:
        check(*args)
    except Invalid as refused:
        yield from refused.faults


def _validation_error(
    model: type[ModelWithRules], errors: list[InitErrorDetails]
) -> ValidationError:
    return ValidationError.from_exception_data(model.__name__, errors)
