"""Rules of prose: each is a TOML file with its reason, its patterns and examples.

`[use]` maps a pattern to the better words. `openings` lists words that no sentence begins with, or
no passage where `opens = "passage"`. `max_words` bounds a sentence. `[at_most]` bounds how often a
pattern occurs in one passage. `kinds` limits a rule to some sorts of text.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from infra.prose.passages import Kind, Passage

RULES = Path(__file__).parent / "rules"
_SENTENCE_END = re.compile(r"(?<=[.!?])[)\"*_]*\s+(?=[A-Z\"(*_\[\u2588])")
_WORD = re.compile(r"[A-Za-z][\w'\u2019-]*")


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a text, with the line it is on."""

    line: int
    rule: str
    message: str


@dataclass(frozen=True)
class Rule:
    """A rule as its file states it."""

    name: str
    why: str
    use: dict[str, str] = field(default_factory=dict)
    openings: tuple[str, ...] = ()
    opens: str = "sentence"
    max_words: int = 0
    at_most: dict[str, int] = field(default_factory=dict)
    kinds: tuple[str, ...] = tuple(Kind)
    wrong: tuple[str, ...] = ()
    right: tuple[str, ...] = ()

    def find_faults(self, passage: Passage) -> Iterator[Finding]:
        """Yield the faults that this rule finds in a passage."""
        if passage.kind not in self.kinds:
            return
        for offset, message in self._faults(passage.text):
            line = passage.line + passage.text.count("\n", 0, offset)
            yield Finding(line, self.name, message)

    def _faults(self, text: str) -> Iterator[tuple[int, str]]:
        for pattern, better in self.use.items():
            for match in _compiled(pattern).finditer(text):
                yield match.start(), f"{_shown(match[0])!r}: use {better}"
        for pattern, most in self.at_most.items():
            count = len(_compiled(pattern).findall(text))
            if count > most:
                yield 0, f"{pattern!r} occurs {count} times, at most {most} are allowed"
        if self.openings or self.max_words:
            yield from self._sentence_faults(text)

    def _sentence_faults(self, text: str) -> Iterator[tuple[int, str]]:
        for offset, sentence in split_sentences(text):
            first = _WORD.match(sentence.lstrip("*_([ "))
            is_question = sentence.rstrip("*_) ").endswith("?")
            is_opening = offset == 0 or self.opens == "sentence"
            if first and first[0] in self.openings and is_opening and not is_question:
                yield offset, f"begins with {first[0]!r}: name the noun, or begin with a verb"
            count = len(_WORD.findall(sentence))
            if self.max_words and count > self.max_words:
                yield offset, f"{count} words in {_shown(sentence)!r}: at most {self.max_words}"


def split_sentences(text: str) -> Iterator[tuple[int, str]]:
    """Yield the sentences of a passage, each with its position."""
    begin = 0
    for end in _SENTENCE_END.finditer(text):
        yield begin, text[begin : end.start()]
        begin = end.end()
    yield begin, text[begin:]


@cache
def read_rules() -> tuple[Rule, ...]:
    """Return all rules, ordered by name."""
    return tuple(_read(path) for path in sorted(RULES.glob("*.toml")))


def _read(path: Path) -> Rule:
    values = tomllib.loads(path.read_text())
    values |= {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return Rule(name=path.stem, **values)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern whose spaces also match line breaks."""
    return re.compile(pattern.replace(" ", r"\s+"), re.IGNORECASE)


def _shown(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= 60 else f"{one_line[:59]}…"
