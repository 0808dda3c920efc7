"""Judges whether the path of a webhook can be guessed."""

from __future__ import annotations

import re

SHORTEST_UNGUESSABLE = 16
FEWEST_CHANGES = 3
_CHANGE = re.compile(r"(?<=[0-9])(?=[A-Za-z])|(?<=[A-Za-z])(?=[0-9])")
_SEPARATORS = re.compile(r"[-._~]+")


def is_guessable(path: str) -> bool:
    """Return whether a path looks written by a person: short, or words and years.

    A random path mixes letters and digits inside its parts; `deploys-of-acme-2026` does not.
    """
    parts = _SEPARATORS.split(path)
    characters = sum(map(len, parts))
    changes = sum(len(_CHANGE.findall(part)) for part in parts)
    return characters < SHORTEST_UNGUESSABLE or changes < FEWEST_CHANGES
