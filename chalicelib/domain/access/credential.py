"""A check of every pasted credential: no invisible characters at its ends."""

from __future__ import annotations

from chalicelib.domain.errors import Invalid

INVISIBLE = " \t\n\r\v\f\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff\u200b\u200c\u200d\u2060"
"""White space, line breaks and zero-width characters, which are easily copied along with text."""


def check_ends(value: str, field: str = "") -> str:
    """Return a credential; raise `Invalid` if it begins or ends with an invisible character.

    A text of several lines, such as a private key, may end with one line break, because programs
    that read such files expect it.
    """
    inner = value.strip(INVISIBLE).strip()
    allowed = {inner}
    if "\n" in inner:
        allowed |= {f"{inner}\n", f"{inner}\r\n"}
    if value not in allowed:
        rule = "it begins or ends with an invisible character, such as a space or a line break"
        raise Invalid(f"{rule}: remove it", field)
    return value
