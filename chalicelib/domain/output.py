"""Files that an agent leaves for its readers: what they may be called, how many, how big."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.domain.errors import Fault, Invalid

MOST_FILES = 100
MOST_BYTES = 10 * 1024 * 1024
"""For all files of an attempt together."""
LONGEST_NAME = 200
PLAIN = "application/octet-stream"
RESERVED = ("work.bundle", "work.patch")
"""Names of the runner's own files, so that an agent cannot forge them."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """One file."""

    name: str
    size: int
    content_type: str = PLAIN


def wrong_name(name: str) -> str | None:
    """Return why a file of this name is not kept, or None where it may be."""
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        return "its name is not that of a file"
    if name in RESERVED:
        return "its name is reserved for work that could not be pushed"
    if not name.isprintable():
        return "its name cannot be written down"
    if len(name.encode("utf-8", "replace")) > LONGEST_NAME:
        return f"its name is longer than {LONGEST_NAME} bytes"
    return None


def checked(outputs: Iterable[Output], field: str) -> tuple[Output, ...]:
    """Return the outputs; raise `Invalid` with all that speaks against them."""
    found = tuple(outputs)
    faults = [
        Fault(f"{field}.{number}.name", f"{output.name[:200]!r}: {reason}")
        for number, output in enumerate(found)
        if (reason := wrong_name(output.name))
    ]
    if len({output.name for output in found}) < len(found):
        faults.append(Fault(field, "each name may come once"))
    if sum(output.size for output in found) > MOST_BYTES:
        faults.append(Fault(field, f"they may have {MOST_BYTES} bytes together"))
    if len(found) > MOST_FILES:
        faults.append(Fault(field, f"there may be {MOST_FILES} of them"))
    if faults:
        raise Invalid.of(faults)
    return found
