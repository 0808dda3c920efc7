"""Bounds of a ticket's text, and the words where something was left out."""

from __future__ import annotations

LONGEST_TEXT = 100_000
"""Characters of a description or a comment that reach an agent."""


def cut_text(text: str, where: str) -> str:
    """Return at most `LONGEST_TEXT` characters, with a sentence where the rest was left out."""
    if len(text) <= LONGEST_TEXT:
        return text
    notice = f"\n\n[The rest is left out: {len(text):,} characters in all. Read it in {where}.]"
    return text[: LONGEST_TEXT - len(notice)] + notice
