"""Finds secrets in text, in time that grows with the text and hardly with the secrets.

Short forms are one regular expression, a trie. Of longer ones the index holds pieces of eight
characters. Every fifth position of the text is looked up among them, and a hit is compared with
the form in both directions. So a part of a long form is also found, such as a line or a cut half.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

from chalicelib.runner.output.secret_forms import LONG_SECRET_LENGTH, list_forms

PIECE_LENGTH = 8
"""Characters of a looked-up piece."""
STEP_LENGTH = 5
"""Characters from one looked-up position of a text to the next."""
INDEXED_LENGTH = PIECE_LENGTH + STEP_LENGTH - 1
"""Length from which on each occurrence of a form holds a looked-up position."""
DENSE_CHARACTERS = 400_000
"""Total length of forms up to which every piece is held."""
SPARSE_PERIOD = 50
"""With more, five pieces of each fifty are held: parts of 62 characters and more are found."""
PLAIN_RUN, CODED_RUN = 32, INDEXED_LENGTH
"""Lengths of a part that is redacted: of readable forms, of encoded ones."""
STRICT_PLAIN_RUN, STRICT_CODED_RUN = LONG_SECRET_LENGTH, 32
"""Lengths of a part that keeps a commit from being pushed."""
MAX_PLACES = 4096
"""Places that one piece is compared with: a value that repeats itself has thousands of them."""
LARGEST_DULL = 256
"""Characters of a part of a form that has no piece to be recognised by."""
CHUNK_LENGTH = 1000 * STEP_LENGTH
"""Characters that are looked up at once."""

_BORDER = "\0"


class SecretSpan(NamedTuple):
    """A secret's place in a text, and the name of the secret."""

    start: int
    end: int
    name: str


class SecretIndex:
    """The forms of some named secrets, ready to be looked for."""

    def __init__(self, secrets: Iterable[tuple[str, str]]) -> None:
        short: dict[str, str] = {}
        long: dict[str, tuple[str, bool]] = {}
        for name, value in secrets:
            for form in list_forms(value):
                if len(form.text) < INDEXED_LENGTH or not _has_telling_piece(form.text):
                    for part in _dull_parts(form.text):
                        short.setdefault(part, name)
                elif _BORDER not in form.text:
                    long.setdefault(form.text, (name, form.coded))
        self._short = short
        self._trie = re.compile(_trie_pattern(short)) if short else None
        self._names = [name for name, _ in long.values()]
        self._coded = [coded for _, coded in long.values()]
        self._forms = _BORDER.join(("", *long, ""))
        self._starts = _form_starts(long)
        self._pieces = _form_pieces(long)
        self._heads = sorted({*short, *(form[:64] for form in long)})

    def __bool__(self) -> bool:
        return bool(self._short or self._pieces)

    def find_spans(self, text: str, *, strict: bool = False) -> list[SecretSpan]:
        """Return where secrets are in `text`, in order; with `strict` only what is beyond doubt."""
        spans = [*self._short_spans(text), *self._long_spans(text, strict=strict)]
        return sorted(spans) if spans else spans

    def held_length(self, text: str) -> int:
        """Return the length of the longest end of `text` that may be the beginning of a form."""
        for start in range(max(0, len(text) - 63), len(text)):
            end = text[start:]
            head_index = bisect_right(self._heads, end)
            if head_index < len(self._heads) and self._heads[head_index].startswith(end):
                return len(end)
        return 0

    def _short_spans(self, text: str) -> Iterator[SecretSpan]:
        match = self._trie.search(text) if self._trie else None
        while match and self._trie:
            yield SecretSpan(match.start(), match.end(), self._short[match.group()])
            match = self._trie.search(text, match.start() + 1)

    def _long_spans(self, text: str, *, strict: bool) -> Iterator[SecretSpan]:
        if not self._pieces:
            return
        done = 0
        for at in self._hits(text):
            if at + PIECE_LENGTH <= done:
                continue
            span = self._longest_at(text, at, strict=strict)
            if span:
                done = span.end
                yield span

    def _hits(self, text: str) -> Iterator[int]:
        """Yield the looked-up places of `text` whose piece is held."""
        last = len(text) - PIECE_LENGTH + 1
        for chunk in range(0, last, CHUNK_LENGTH):
            end = min(last, chunk + CHUNK_LENGTH)
            part = text[chunk : end + PIECE_LENGTH] if last > CHUNK_LENGTH else text
            pieces = _piece_getter(-(-(end - chunk) // STEP_LENGTH))(part)
            if not self._pieces.isdisjoint(pieces):
                positions = range(chunk, end, STEP_LENGTH)
                yield from (
                    at for at, piece in zip(positions, pieces, strict=True) if piece in self._pieces
                )

    def _longest_at(self, text: str, at: int, *, strict: bool) -> SecretSpan | None:
        """Return the longest acceptable part of a form that covers the piece at `at`."""
        piece = text[at : at + PIECE_LENGTH]
        best: SecretSpan | None = None
        form_position = self._forms.find(piece)
        for _ in range(MAX_PLACES):
            if form_position < 0:
                break
            span = self._extend(text, at, form_position, strict=strict)
            if span and (best is None or span.end - span.start > best.end - best.start):
                best = span
            form_position = self._forms.find(piece, form_position + 1)
        return best

    def _extend(self, text: str, at: int, form_position: int, *, strict: bool) -> SecretSpan | None:
        """Return the run that text and form have in common around a piece, where it counts."""
        number = bisect_right(self._starts, form_position) - 1
        first, after = self._starts[number], self._starts[number + 1] - 1
        left = _common_end(text, at, self._forms, form_position, first)
        right = _common_start(text, at, self._forms, form_position, after)
        needed = _needed_run(after - first, coded=self._coded[number], strict=strict)
        if left + right < needed:
            return None
        return SecretSpan(at - left, at + right, self._names[number])


@cache
def _piece_getter(number: int) -> Callable[[str], Sequence[str]]:
    """Return a getter of the first `number` looked-up pieces of a text, faster than a loop."""
    slices = [slice(at, at + PIECE_LENGTH) for at in range(0, number * STEP_LENGTH, STEP_LENGTH)]
    if number == 1:
        return lambda text: (text[slices[0]],)
    return itemgetter(*slices)


def _needed_run(whole: int, *, coded: bool, strict: bool) -> int:
    """Return the length from which on a part of a form with `whole` characters counts."""
    if coded:
        return min(whole, STRICT_CODED_RUN if strict else CODED_RUN)
    return (STRICT_PLAIN_RUN if strict else PLAIN_RUN) if whole >= LONG_SECRET_LENGTH else whole


def _common_start(text: str, at: int, forms: str, form_position: int, after: int) -> int:
    """Return how many characters text and form have in common from these places on."""
    most = min(len(text) - at, after - form_position)
    low, size = 0, PIECE_LENGTH
    while low < most:
        size = min(size, most - low)
        if (
            text[at + low : at + low + size]
            == forms[form_position + low : form_position + low + size]
        ):
            low, size = low + size, size * 2
        elif size == 1:
            break
        else:
            size //= 2
    return low


def _common_end(text: str, at: int, forms: str, form_position: int, first: int) -> int:
    """Return how many characters text and form have in common before these places."""
    most = min(at, form_position - first)
    low, size = 0, PIECE_LENGTH
    while low < most:
        size = min(size, most - low)
        if (
            text[at - low - size : at - low]
            == forms[form_position - low - size : form_position - low]
        ):
            low, size = low + size, size * 2
        elif size == 1:
            break
        else:
            size //= 2
    return low


def _form_starts(forms: Iterable[str]) -> list[int]:
    """Return where each form begins among the joined ones, and where one more would."""
    starts, position = [], 1
    for form in forms:
        starts.append(position)
        position += len(form) + 1
    return [*starts, position]


def _has_telling_piece(form: str) -> bool:
    positions = range(max(1, len(form) - PIECE_LENGTH + 1))
    return len(form) < LONG_SECRET_LENGTH or any(
        _is_telling(form[at : at + PIECE_LENGTH]) for at in positions
    )


def _is_telling(piece: str) -> bool:
    """Rows of one or two characters are not evidence, and would be compared repeatedly."""
    return len(set(piece)) > 2


def _dull_parts(form: str) -> set[str]:
    """Return a form in parts that a trie can hold: each is looked for as a whole."""
    starts = (*range(0, len(form) - LARGEST_DULL, LARGEST_DULL), max(0, len(form) - LARGEST_DULL))
    return {form[at : at + LARGEST_DULL] for at in starts}


def _form_pieces(forms: dict[str, tuple[str, bool]]) -> set[str]:
    dense = sum(map(len, forms)) <= DENSE_CHARACTERS
    pieces: set[str] = set()
    for form, (_, coded) in forms.items():
        if len(form) < LONG_SECRET_LENGTH:
            last = (
                len(form) - PIECE_LENGTH + 1 if coded else STEP_LENGTH
            )  # a readable one is only found whole
            pieces.update(form[position : position + PIECE_LENGTH] for position in range(last))
            continue
        last = len(form) - PIECE_LENGTH + 1
        positions = range(last) if dense else _sparse_places(last)
        parts = (form[position : position + PIECE_LENGTH] for position in positions)
        pieces.update(part for part in parts if _is_telling(part))
    return pieces


def _sparse_places(last: int) -> Iterator[int]:
    for head in range(0, last, SPARSE_PERIOD):
        yield from range(head, min(head + STEP_LENGTH, last))


def _trie_pattern(words: Iterable[str]) -> str:
    """Return a pattern that matches the longest of `words` at a place, without trying each."""
    root: dict[str, Any] = {}
    for word in words:
        node = root
        for char in word:
            node = node.setdefault(char, {})
        node[""] = {}
    return _node_pattern(root)


def _node_pattern(node: dict[str, Any]) -> str:
    ends = "" in node
    branches = [re.escape(char) + _node_pattern(below) for char, below in node.items() if char]
    if not branches:
        return ""
    if len(branches) == 1 and not ends:
        return branches[0]
    return f"(?:{'|'.join(branches)}){'?' if ends else ''}"
