"""The rule for every credential that somebody types or pastes: nothing invisible at its ends."""

from __future__ import annotations

from chalicelib.domain.errors import Invalid

INVISIBLE = " \t\n\r\v\f\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff\u200b\u200c\u200d\u2060"
"""Blanks, line breaks and characters without a width, which come along when text is copied."""


def check_ends(value: str, field: str = "") -> str:
    """Return a credential, or raise `Invalid` where it begins or ends with something invisible.

    A text of several lines, such as a private key, may end with one line break: programs that
    read such files expect it.
    """
    inner = value.strip(INVISIBLE).strip()
    allowed = {inner}
    if "\n" in inner:
        allowed |= {f"{inner}\n", f"{inner}\r\n"}
    if value not in allowed:
        rule = "it begins or ends with a blank or a line break, which is not part of a credential"
        raise Invalid(f"{rule}: remove it", field)
    return value
