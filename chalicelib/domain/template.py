"""Prompts and titles as templates. Names are keys and values are data, whatever they look like.

A template is cut into tags here and becomes a Jinja2 template in which every literal is a
constant and every name a look-up in the values: nothing a template or a value contains is ever
read as Jinja. The sandbox stands behind that as a second fence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from jinja2 import Template as Compiled
from jinja2.sandbox import ImmutableSandboxedEnvironment

from chalicelib.domain import limits
from chalicelib.domain.errors import Invalid

_PATH = re.compile(r"^@?[\w$-]+(?:\.[\w$@-]+)*$")
_INDEX = re.compile(r"^[0-9]{1,9}$")
_BLOCKS = ("if", "unless", "each")
LOOK_UP = 8
"""How many bytes of a rendering a look-up counts as: it takes as long as to write them."""
_MISSING = object()


@dataclass(frozen=True)
class Rendered:
    """A rendered text, with the names that had no value and the values that had no name."""

    text: str
    missing: tuple[str, ...]
    unused: tuple[str, ...]


@dataclass(frozen=True)
class Template:
    """A text that parsed."""

    body: Compiled
    constants: tuple[str, ...]


@dataclass
class _Look:
    """The look-ups of one rendering: what was asked for, and what was not there."""

    values: Mapping[str, object]
    missing: dict[str, None] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    room: int = limits.OUTPUT

    def find(self, path: str, scopes: Sequence[tuple[object, int]]) -> object:
        head, *rest = path.split(".")
        self.spend(LOOK_UP * (1 + len(rest)))
        found: object
        if head in ("this", "@index", "@first", "@last") and scopes:
            value, index = scopes[-1]
            found = {"this": value, "@index": index}.get(head, _MISSING)
        else:
            self.used.add(head)
            found = self.values.get(head, _MISSING)
        for key in rest:
            found = _step(found, key)
        return found

    def show(self, path: str, scopes: Sequence[tuple[object, int]]) -> str:
        found = self.find(path, scopes)
        if found is _MISSING or found is None:
            self.missing.setdefault(path)
            return ""
        return self.keep(plain(found))

    def test(self, path: str, scopes: Sequence[tuple[object, int]]) -> bool:
        return truthy(self.find(path, scopes))

    def each(
        self, path: str, scopes: Sequence[tuple[object, int]]
    ) -> Iterator[list[tuple[object, int]]]:
        found = self.find(path, scopes)
        if isinstance(found, Mapping):
            found = list(found.values())
        if not isinstance(found, list | tuple):
            return
        for index, value in enumerate(found):
            self.spend(LOOK_UP)
            yield [*scopes, (value, index)]

    def keep(self, text: str) -> str:
        self.spend(len(text.encode("utf-8", "replace")))
        return text

    def spend(self, room: int) -> None:
        """Take from what a rendering may cost: bytes and look-ups, so that no loop runs empty."""
        self.room -= room
        if self.room < 0:
            raise Invalid("the rendered text is over 1 MB, or its loops take too long", "template")


def _step(value: object, key: str) -> object:
    if isinstance(value, Mapping):
        return value.get(key, _MISSING)
    if isinstance(value, list | tuple) and _INDEX.match(key) and int(key) < len(value):
        return value[int(key)]
    return _MISSING


def truthy(value: object) -> bool:
    """Whether `{{#if}}` takes its branch: not for missing, null, false, "", "false", "0", 0, {}."""
    if value is _MISSING or value is None:
        return False
    if isinstance(value, str):
        return value not in ("", "false", "0")
    return bool(value)


def plain(value: object) -> str:
    """Return a value as it is printed: text as it stands, all else as compact JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def render(text: str, values: Mapping[str, object]) -> Rendered:
    """Return `text` with its names replaced; raise `Invalid` where it does not parse."""
    template = compile_template(text)
    look = _Look(values)
    rendered = template.body.render(look=look, top=[], text=template.constants)
    unused = tuple(name for name in values if name not in look.used)
    return Rendered(rendered, tuple(look.missing), unused)


def check_template(text: str) -> None:
    """Raise `Invalid` naming the line and what is wrong with a template.

    What is written of our tags is Jinja that compiles, so only what is rendered has to: that is
    what costs.
    """
    _written(text)


@lru_cache(maxsize=256)
def compile_template(text: str) -> Template:
    """Return `text` as a template; raise `Invalid` naming the line and what is wrong with it."""
    source, constants = _written(text)
    return Template(_environment().from_string(source), constants)


def _written(text: str) -> tuple[str, tuple[str, ...]]:
    if len(text.encode("utf-8", "replace")) > limits.TEXT:
        raise Invalid("a template holds at most 256 KB", "template")
    writer = _Writer(text)
    return writer.source(), tuple(writer.constants)


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(autoescape=False, keep_trailing_newline=True)


class _Writer:
    """Turns our tags into Jinja's; what is not a tag becomes a numbered constant."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._open: list[tuple[str, int, bool]] = []
        self._parts: list[str] = []
        self._tags = 0
        self.constants: list[str] = []

    def source(self) -> str:
        position = 0
        while (start := self._text.find("{{", position)) >= 0:
            end = self._text.find("}}", start + 2)
            if end < 0:
                raise self._wrong("a {{ is never closed", start)
            self._literal(self._text[position:start])
            self._tag(self._text[start + 2 : end].strip(), start)
            position = end + 2
        self._literal(self._text[position:])
        if self._open:
            kind, start, _ = self._open[-1]
            raise self._wrong(f"{{{{#{kind}}}}} is never closed by {{{{/{kind}}}}}", start)
        return "".join(self._parts)

    def _literal(self, text: str) -> None:
        if text:
            self._parts.append(f"{{{{ look.keep(text[{len(self.constants)}]) }}}}")
            self.constants.append(text)

    def _tag(self, inner: str, start: int) -> None:
        self._tags += 1
        if self._tags > limits.TAGS:
            raise self._wrong(f"a template holds at most {limits.TAGS:,} tags", start)
        if inner.startswith("#"):
            self._begin(inner[1:], start)
        elif inner.startswith("/"):
            self._end(inner[1:].strip(), start)
        elif inner == "else":
            self._else(start)
        else:
            self._parts.append(f"{{{{ look.show({self._path(inner, start)}) }}}}")

    def _begin(self, inner: str, start: int) -> None:
        kind, _, name = inner.partition(" ")
        if kind not in _BLOCKS:
            raise self._wrong(f"{{{{#{kind}}}}} is not known: use #if, #unless or #each", start)
        if len(self._open) == limits.BLOCKS:
            raise self._wrong(f"blocks nest at most {limits.BLOCKS} deep", start)
        path = self._path(name.strip(), start)
        self._open.append((kind, start, False))
        if kind == "each":
            self._parts.append(f"{{% for {self._scope()} in look.each({path}) %}}")
        else:
            negate = "not " if kind == "unless" else ""
            self._parts.append(f"{{% if {negate}look.test({path}) %}}")

    def _else(self, start: int) -> None:
        if not self._open or self._open[-1][2]:
            raise self._wrong("{{else}} stands outside of a block, or twice in one", start)
        kind, begun, _ = self._open[-1]
        self._open[-1] = (kind, begun, True)
        self._parts.append("{% else %}")

    def _end(self, kind: str, start: int) -> None:
        if not self._open or self._open[-1][0] != kind:
            raise self._wrong(f"{{{{/{kind}}}}} closes nothing that is open", start)
        self._open.pop()
        self._parts.append("{% endfor %}" if kind == "each" else "{% endif %}")

    def _scope(self) -> str:
        depth = sum(1 for kind, _, other in self._open if kind == "each" and not other)
        return f"scope{depth}" if depth else "top"

    def _path(self, name: str, start: int) -> str:
        if len(name) > limits.TAG:
            raise self._wrong(f"the name in a tag has at most {limits.TAG} characters", start)
        if not _PATH.match(name):
            raise self._wrong(f"{name[:64]!r} is not a name such as param or a.b.0.c", start)
        outer = self._scope()
        return f"{json.dumps(name, ensure_ascii=False)}, {outer}"

    def _wrong(self, message: str, start: int) -> Invalid:
        line = self._text.count("\n", 0, start) + 1
        return Invalid(f"line {line}: {message}", "template")
