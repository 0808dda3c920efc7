"""Writes templates as Jinja, so that a tested engine renders them and no text can be code.

All text becomes a constant, and every name a look-up in the values.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace

from chalicelib.domain import limits
from chalicelib.domain.blueprints.template_tags import Token, cut_template, tag_error
from chalicelib.domain.errors import Invalid

LOOP_NAMES = ("@index", "@first", "@last", "@key")
_PATH = re.compile(r"^@?[\w$-]+(?:\.[\w$@-]+)*\Z")
_BLOCKS = ("if", "unless", "each")


@dataclass(frozen=True)
class OpenBlock:
    """An open block. `tests` is the kind of its newest branch, such as `{{else unless x}}`."""

    kind: str
    name: str
    start: int
    chained: bool = False
    otherwise: bool = False
    tests: str = ""

    @property
    def closing_tag(self) -> str:
        return "{% endfor %}" if self.kind == "each" else "{% endif %}"

    def asks_for(self, head: str) -> bool:
        """Return whether this branch is taken only if the name has a value."""
        positive = (
            (self.tests or self.kind) == "unless"
            if self.otherwise
            else ((self.tests or self.kind) == "if")
        )
        return positive and self.name.partition(".")[0] == head


class TemplateWriter:
    """Translates our tags to Jinja; text outside tags becomes a numbered constant."""

    def __init__(self, text: str, *, strict: bool) -> None:
        self._text = text
        self._strict = strict
        self._open: list[OpenBlock] = []
        self.parts: list[str] = []
        self._tags = 0
        self.constants: list[str] = []
        self.printed: dict[str, None] = {}

    def write_tags(self) -> None:
        for token in cut_template(self._text):
            if token.kind == "text":
                self._literal(token.value)
            else:
                self._tag(token)
        if self._open:
            block = next(block for block in reversed(self._open) if not block.chained)
            message = f"{{{{#{block.kind}}}}} is never closed by {{{{/{block.kind}}}}}"
            raise self._error(message, block.start)

    def _literal(self, text: str) -> None:
        self.parts.append(f"{{{{ look.keep(text[{len(self.constants)}]) }}}}")
        self.constants.append(text)

    def _tag(self, token: Token) -> None:
        self._tags += 1
        if self._tags > limits.MAX_TEMPLATE_TAGS:
            raise self._error(
                f"a template holds at most {limits.MAX_TEMPLATE_TAGS:,} tags", token.start
            )
        if token.kind == "begin":
            self._begin(token.value, token.start, chained=False)
        elif token.kind == "end":
            self._end(token.value, token.start)
        elif token.kind == "else":
            self._else(token.value, token.start)
        elif token.kind == "show":
            path = self._path(token.value, token.start)
            self._note_printed(token.value)
            self.parts.append(f"{{{{ look.show({path}) }}}}")

    def _begin(self, inner: str, start: int, *, chained: bool) -> None:
        kind, name = self._block(inner, start)
        if len(self._open) == limits.MAX_TEMPLATE_DEPTH:
            raise self._error(f"blocks nest at most {limits.MAX_TEMPLATE_DEPTH} deep", start)
        path = self._path(name, start)
        if kind == "each":
            self._note_printed(name)
        self._open.append(OpenBlock(kind, name, start, chained=chained))
        if kind == "each":
            self.parts.append(f"{{% for {self._scope()} in look.each({path}) %}}")
        else:
            self.parts.append(f"{{% if {_condition(kind, path)} %}}")

    def _block(self, inner: str, start: int) -> tuple[str, str]:
        kind, *rest = inner.split(None, 1)[:2] or [""]
        name = rest[0].strip() if rest else ""
        if kind not in _BLOCKS:
            raise self._error(f"{{{{#{kind}}}}} is not known: use #if, #unless or #each", start)
        if kind == "each" and re.search(r"\sas\s*\|", name):
            short = name.split()[0]
            message = f"as |…| is not supported: write {{{{#each {short}}}}} and {{{{this}}}}"
            raise self._error(message, start)
        return kind, name

    def _else(self, inner: str, start: int) -> None:
        if not self._open or self._open[-1].otherwise:
            raise self._error("{{else}} is outside of a block, or occurs twice in one", start)
        block = self._open[-1]
        kind, name = self._block(inner, start) if inner else ("", "")
        if "each" not in (block.kind, kind) and inner:
            path = self._path(name, start)
            self._open[-1] = replace(block, kind=block.kind, tests=kind, name=name)
            self.parts.append(f"{{% elif {_condition(kind, path)} %}}")
            return
        self._open[-1] = replace(block, otherwise=True)
        self.parts.append("{% else %}")
        if inner:
            self._begin(inner, start, chained=True)

    def _end(self, kind: str, start: int) -> None:
        while self._open and self._open[-1].chained:
            self.parts.append(self._open.pop().closing_tag)
        if not self._open or self._open[-1].kind != kind:
            raise self._error(f"{{{{/{kind}}}}} does not match an open block", start)
        self.parts.append(self._open.pop().closing_tag)

    def _scope(self) -> str:
        depth = sum(1 for block in self._open if block.kind == "each" and not block.otherwise)
        return f"scope{depth}" if depth else "top"

    def _path(self, name: str, start: int) -> str:
        if len(name) > limits.MAX_TAG_NAME_LENGTH:
            raise self._error(
                f"the name in a tag has at most {limits.MAX_TAG_NAME_LENGTH} characters", start
            )
        name = "this" if name == "." else name
        if name.startswith(("../", "./", "this/")):
            rest = name.rpartition("/")[2]
            message = f"write {{{{{rest[:64]}}}}}: in every block, names refer to the params"
            raise self._error(message, start)
        if not _PATH.match(name):
            raise self._error(f"{name[:64]!r} is not a name such as param or a.b.0.c", start)
        outer = self._scope()
        if self._strict and name.startswith("@"):
            self._check_loop_name(name, start, outer)
        return f"{json.dumps(name, ensure_ascii=False)}, {outer}"

    def _check_loop_name(self, name: str, start: int, scope: str) -> None:
        if name not in LOOP_NAMES:
            loop_names = ", ".join(LOOP_NAMES)
            raise self._error(f"{name[:64]!r} is not one of {loop_names}", start)
        if scope == "top":
            raise self._error(f"{name} is outside of {{{{#each}}}}", start)

    def _note_printed(self, name: str) -> None:
        """Record a name that prints a gap without a value, unless a block tests it first."""
        head = name.partition(".")[0]
        if head.startswith("@") or (head in ("this", "") and self._scope() != "top"):
            return
        if not any(block.asks_for(head) for block in self._open):
            self.printed.setdefault(name)

    def _error(self, message: str, start: int) -> Invalid:
        return tag_error(self._text, message, start)


def _condition(kind: str, path: str) -> str:
    return f"{'not ' if kind == 'unless' else ''}look.test({path})"
