"""Templates of prompts and titles. Names are keys and values are data, whatever they contain.

A template is split into tags here and becomes a Jinja2 template, in which every literal is a
constant and every name a look-up in the values. No part of a template or a value is parsed as
Jinja. The sandbox is a second line of defence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from jinja2 import Template as Compiled
from jinja2.sandbox import ImmutableSandboxedEnvironment

from chalicelib.domain import limits
from chalicelib.domain.blueprints.template_writer import LOOP_NAMES, TemplateWriter
from chalicelib.domain.errors import Invalid

_INDEX = re.compile(r"^[0-9]{1,9}$")
BUILT_IN_NAMES = ("now", "date", "scheduledTime", "trigger", "task", "blueprint", "repo")
"""Names that are defined in every firing, independent of its params."""
LOOK_UP_COST = 8
"""The cost of one look-up in bytes of output, which take as long to write."""
_MISSING = object()


@dataclass(frozen=True)
class RenderedTemplate:
    """A rendered text, with the names that had no value and the values that no name used."""

    text: str
    missing: tuple[str, ...]
    unused: tuple[str, ...]


@dataclass(frozen=True)
class CompiledTemplate:
    """A parsed template."""

    body: Compiled
    constants: tuple[str, ...]


@dataclass(frozen=True)
class _Item:
    """One iteration of a loop: a value with its key, its index, and whether it is the last."""

    value: object
    key: object
    index: int
    last: bool

    def look_up(self, name: str) -> object:
        values = {"this": self.value, "@key": self.key, "@index": self.index}
        return {**values, "@first": self.index == 0, "@last": self.last}[name]


@dataclass
class _RenderScope:
    """The look-ups of one rendering: the names that were used, and those without a value."""

    values: Mapping[str, object]
    missing: dict[str, None] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    room: int = limits.MAX_RENDERED_BYTES

    def find(self, path: str, scopes: Sequence[_Item]) -> object:
        head, *rest = path.split(".")
        self.spend_budget(LOOK_UP_COST * (1 + len(rest)))
        resolved: object
        if head in ("this", *LOOP_NAMES) and scopes:
            resolved = scopes[-1].look_up(head)
        else:
            self.used.add(head)
            resolved = self.values.get(head, _MISSING)
        for key in rest:
            resolved = _step_into(resolved, key)
        return resolved

    def show(self, path: str, scopes: Sequence[_Item]) -> str:
        resolved = self.find(path, scopes)
        if resolved is _MISSING or resolved is None:
            self.missing.setdefault(path)
            return ""
        return self.keep(to_plain_text(resolved))

    def test(self, path: str, scopes: Sequence[_Item]) -> bool:
        return is_truthy(self.find(path, scopes))

    def each(self, path: str, scopes: Sequence[_Item]) -> Iterator[list[_Item]]:
        resolved = self.find(path, scopes)
        pairs: Iterable[tuple[object, object]]
        if isinstance(resolved, Mapping):
            pairs = resolved.items()
        elif isinstance(resolved, list | tuple):
            pairs = enumerate(resolved)
        else:
            return
        for index, (key, value) in enumerate(pairs):
            self.spend_budget(LOOK_UP_COST)
            yield [*scopes, _Item(value, key, index, last=index + 1 == len(resolved))]

    def keep(self, text: str) -> str:
        self.spend_budget(len(text.encode("utf-8", "replace")))
        return text

    def spend_budget(self, room: int) -> None:
        """Charge `room` bytes of output to the budget; raise `Invalid` once it is exhausted.

        Look-ups are also charged, so that a loop without output ends.
        """
        self.room -= room
        if self.room < 0:
            raise Invalid("the rendered text is over 1 MB, or its loops take too long", "template")


def _step_into(value: object, key: str) -> object:
    if isinstance(value, Mapping):
        return value.get(key, _MISSING)
    if key == "length" and isinstance(value, list | tuple | str):
        return len(value)
    if isinstance(value, list | tuple) and _INDEX.match(key) and int(key) < len(value):
        return value[int(key)]
    return _MISSING


def is_truthy(value: object) -> bool:
    """Return whether `{{#if}}` takes its branch.

    It does not for missing values, null, false, "", "false", "0", 0, [] and {}.
    """
    if value is _MISSING or value is None:
        return False
    if isinstance(value, str):
        return value not in ("", "false", "0")
    return bool(value)


def to_plain_text(value: object) -> str:
    """Return a value as it is printed: text unchanged, everything else as compact JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def render_template(text: str, values: Mapping[str, object]) -> RenderedTemplate:
    """Return `text` with its names replaced; raise `Invalid` if it does not parse."""
    template = compile_template(text)
    look = _RenderScope(values)
    rendered = template.body.render(look=look, top=[], text=template.constants)
    unused = tuple(name for name in values if name not in look.used)
    return RenderedTemplate(rendered, tuple(look.missing), unused)


def check_template(text: str) -> None:
    """Raise `Invalid` naming the line and the fault of a template.

    The Jinja source that is generated from our tags always compiles, so it is compiled only for
    rendering, which is the expensive part. Only this check rejects a name such as @last outside a
    loop, because templates that are already stored must continue to render.
    """
    _write_template(text, strict=True)


def find_printed_names(text: str) -> tuple[str, ...]:
    """Return the names of a valid template that print a gap if they have no value.

    Names inside `{{#if name}}` and names of a loop are not included.
    """
    return tuple(_write_template(text, strict=False).printed)


@lru_cache(maxsize=256)
def compile_template(text: str) -> CompiledTemplate:
    """Return `text` as a template; raise `Invalid` naming the line and the fault."""
    writer = _write_template(text, strict=False)
    return CompiledTemplate(
        _environment().from_string("".join(writer.parts)), tuple(writer.constants)
    )


def _write_template(text: str, *, strict: bool) -> TemplateWriter:
    if len(text.encode("utf-8", "replace")) > limits.MAX_TEXT_LENGTH:
        raise Invalid("a template holds at most 256 KB", "template")
    writer = TemplateWriter(text, strict=strict)
    writer.write_tags()
    return writer


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(autoescape=False, keep_trailing_newline=True)
