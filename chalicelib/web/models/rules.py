"""What has to hold between the fields of a request, told together with what is wrong in each.

A rule is a function of what was sent. It reads fields as if all were right: asking for one that is
at fault ends the rule, so that nobody is told of a contradiction with what makes no sense anyway.
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
from chalicelib.web.models.types import Model


class AtFault(Exception):
    """A rule asked for a field that is wrong already."""


WRONG = object()
"""What stands where a field is at fault."""


class Sent:
    """What a rule sees of a request: its fields; `was` is what the request is to change, if any.

    `raw` is the body as it came, for what can be said of a list whose elements are not all right.
    """

    def __init__(self, fields: Mapping[str, Any], raw: Mapping[str, Any], was: Any) -> None:
        self.raw = raw
        self.was = was
        self._fields = fields

    def __getattr__(self, name: str) -> Any:
        if name not in self._fields:
            raise AttributeError(f"no request has a field {name!r}")
        if self._fields[name] is WRONG:
            raise AtFault(name)
        return self._fields[name]


Rule = Callable[[Sent], Iterable[Fault]]


class Ruled(Model):
    """A request with rules between its fields: what breaks them is one refusal with the rest."""

    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="wrap")
    @classmethod
    def _as_a_whole(
        cls, body: Any, read: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        try:
            made = read(body)
        except ValidationError as refused:
            wrong = refused.errors(include_url=False)
            broken: list[Fault] = []
            if isinstance(body, Mapping):
                fields = _fields(cls, body, wrong, info.context)
                broken = _broken(cls.rules, Sent(fields, body, info.context))
            raise _refusal(cls, [*map(_again, wrong), *map(_told, broken)]) from None
        if broken := _broken(cls.rules, Sent(made.__dict__, body, info.context)):
            raise _refusal(cls, [*map(_told, broken)])
        return made


def _fields(
    model: type[Ruled], body: Mapping[str, Any], wrong: Iterable[Any], was: Any
) -> dict[str, Any]:
    """Return the fields that nothing is wrong with, and which are the others."""
    at_fault = {error["loc"][0] for error in wrong}
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        sent_as = str(field.alias)
        if sent_as in at_fault:
            found[name] = WRONG
        elif sent_as in body:
            found[name] = _type(model, name).validate_python(body[sent_as], context=was)
        else:
            found[name] = field.get_default(call_default_factory=True)
    return found


@cache
def _type(model: type[Ruled], name: str) -> TypeAdapter[Any]:
    return TypeAdapter(model.model_fields[name].rebuild_annotation())


def _broken(rules: Iterable[Rule], sent: Sent) -> list[Fault]:
    faults: list[Fault] = []
    for rule in rules:
        with suppress(AtFault):
            faults.extend(rule(sent))
    return faults


def _again(error: Any) -> InitErrorDetails:
    kind = PydanticCustomError(error["type"], error["msg"], error.get("ctx"))
    return InitErrorDetails(type=kind, loc=error["loc"], input=error["input"])


def _told(fault: Fault) -> InitErrorDetails:
    kind = PydanticCustomError("rule", fault.message)
    return InitErrorDetails(type=kind, loc=(fault.field,), input=None)


def said_by(check: Callable[..., object], *given: Any) -> Iterator[Fault]:
    """Yield what a check of the domain finds wrong."""
    try:
        check(*given)
    except Invalid as refused:
        yield from refused.faults


def _refusal(model: type[Ruled], errors: list[InitErrorDetails]) -> ValidationError:
    return ValidationError.from_exception_data(model.__name__, errors)
