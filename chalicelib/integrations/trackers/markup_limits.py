"""Bounds of a ticket's text, and the words where something was left out."""

from __future__ import annotations

MAX_TEXT_LENGTH = 100_000
"""Characters of a description or a comment that reach an agent."""


def cut_text(text: str, where: str) -> str:
    """Return at most `MAX_TEXT_LENGTH` characters, with a sentence where the rest was left out."""
    if len(text) <= MAX_TEXT_LENGTH:
        return text
    notice = f"\n\n[The rest is left out: {len(text):,} characters in all. Read it in {where}.]"
    return text[: MAX_TEXT_LENGTH - len(notice)] + notice
