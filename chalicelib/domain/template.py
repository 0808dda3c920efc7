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
from chalicelib.domain.errors import Invalid
from chalicelib.domain.template_writer import LOOP_NAMES, TemplateWriter

_INDEX = re.compile(r"^[0-9]{1,9}$")
ALWAYS_THERE = ("now", "date", "scheduledTime", "trigger", "task", "blueprint", "repo")
"""Names that are defined in every firing, independent of its params."""
LOOK_UP = 8
"""The cost of one look-up in bytes of output, which take as long to write."""
_MISSING = object()


@dataclass(frozen=True)
class Rendered:
    """A rendered text, with the names that had no value and the values that no name used."""

    text: str
    missing: tuple[str, ...]
    unused: tuple[str, ...]


@dataclass(frozen=True)
class Template:
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
class _Look:
    """The look-ups of one rendering: the names that were used, and those without a value."""

    values: Mapping[str, object]
    missing: dict[str, None] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    room: int = limits.OUTPUT

    def find(self, path: str, scopes: Sequence[_Item]) -> object:
        head, *rest = path.split(".")
        self.spend(LOOK_UP * (1 + len(rest)))
        found: object
        if head in ("this", *LOOP_NAMES) and scopes:
            found = scopes[-1].look_up(head)
        else:
            self.used.add(head)
            found = self.values.get(head, _MISSING)
        for key in rest:
            found = _step(found, key)
        return found

    def show(self, path: str, scopes: Sequence[_Item]) -> str:
        found = self.find(path, scopes)
        if found is _MISSING or found is None:
            self.missing.setdefault(path)
            return ""
        return self.keep(plain(found))

    def test(self, path: str, scopes: Sequence[_Item]) -> bool:
        return truthy(self.find(path, scopes))

    def each(self, path: str, scopes: Sequence[_Item]) -> Iterator[list[_Item]]:
        found = self.find(path, scopes)
        pairs: Iterable[tuple[object, object]]
        if isinstance(found, Mapping):
            pairs = found.items()
        elif isinstance(found, list | tuple):
            pairs = enumerate(found)
        else:
            return
        for index, (key, value) in enumerate(pairs):
            self.spend(LOOK_UP)
            yield [*scopes, _Item(value, key, index, last=index + 1 == len(found))]

    def keep(self, text: str) -> str:
        self.spend(len(text.encode("utf-8", "replace")))
        return text

    def spend(self, room: int) -> None:
        """Charge `room` bytes of output to the budget; raise `Invalid` once it is exhausted.

        Look-ups are also charged, so that a loop without output ends.
        """
        self.room -= room
        if self.room < 0:
            raise Invalid("the rendered text is over 1 MB, or its loops take too long", "template")


def _step(value: object, key: str) -> object:
    if isinstance(value, Mapping):
        return value.get(key, _MISSING)
    if key == "length" and isinstance(value, list | tuple | str):
        return len(value)
    if isinstance(value, list | tuple) and _INDEX.match(key) and int(key) < len(value):
        return value[int(key)]
    return _MISSING


def truthy(value: object) -> bool:
    """Return whether `{{#if}}` takes its branch.

    It does not for missing values, null, false, "", "false", "0", 0, [] and {}.
    """
    if value is _MISSING or value is None:
        return False
    if isinstance(value, str):
        return value not in ("", "false", "0")
    return bool(value)


def plain(value: object) -> str:
    """Return a value as it is printed: text unchanged, everything else as compact JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def render(text: str, values: Mapping[str, object]) -> Rendered:
    """Return `text` with its names replaced; raise `Invalid` if it does not parse."""
    template = compile_template(text)
    look = _Look(values)
    rendered = template.body.render(look=look, top=[], text=template.constants)
    unused = tuple(name for name in values if name not in look.used)
    return Rendered(rendered, tuple(look.missing), unused)


def check_template(text: str) -> None:
    """Raise `Invalid` naming the line and the fault of a template.

    The Jinja source that is generated from our tags always compiles, so it is compiled only for
    rendering, which is the expensive part. Only this check rejects a name such as @last outside a
    loop, because templates that are already stored must continue to render.
    """
    _write(text, strict=True)


def find_printed_names(text: str) -> tuple[str, ...]:
    """Return the names of a valid template that print a gap if they have no value.

    Names inside `{{#if name}}` and names of a loop are not included.
    """
    return tuple(_write(text, strict=False).printed)


@lru_cache(maxsize=256)
def compile_template(text: str) -> Template:
    """Return `text` as a template; raise `Invalid` naming the line and the fault."""
    writer = _write(text, strict=False)
    return Template(_environment().from_string("".join(writer.parts)), tuple(writer.constants))


def _write(text: str, *, strict: bool) -> TemplateWriter:
    if len(text.encode("utf-8", "replace")) > limits.TEXT:
        raise Invalid("a template holds at most 256 KB", "template")
    writer = TemplateWriter(text, strict=strict)
    writer.write()
    return writer


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(autoescape=False, keep_trailing_newline=True)
