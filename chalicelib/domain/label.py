"""The normal form in which labels are compared."""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = re.compile(
    "[\u00ad\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]"
)
"""Characters without a visible shape: soft hyphen, zero width, variation selectors."""


def normal_label(label: str) -> str:
    """Return the form in which labels are compared, in which labels that look alike are equal.

    Compatibility composition (NFKC, Unicode Annex 15), no invisible characters, case folded.
    """
    visible = _INVISIBLE.sub("", unicodedata.normalize("NFKC", label))
    folded = unicodedata.normalize("NFKC", visible.casefold())
    return " ".join(folded.split())
