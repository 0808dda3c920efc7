"""Files that an agent leaves for its readers: their names, number and sizes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.domain.errors import Fault, Invalid

MOST_FILES = 100
MOST_BYTES = 10 * 1024 * 1024
"""The maximum size of all files of an attempt together."""
LONGEST_NAME = 200
PLAIN = "application/octet-stream"
RESERVED = ("work.bundle", "work.patch")
"""Names of the runner's own files, so that an agent cannot forge them."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """One output file; `size` is in bytes."""

    name: str
    size: int
    content_type: str = PLAIN


def wrong_name(name: str) -> str | None:
    """Return why a file of this name is not kept, or None if the name is valid."""
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        return "its name is not a plain file name"
    if name in RESERVED:
        return "its name is reserved for work that could not be pushed"
    if not name.isprintable():
        return "its name has unprintable characters"
    if len(name.encode("utf-8", "replace")) > LONGEST_NAME:
        return f"its name is longer than {LONGEST_NAME} bytes"
    return None


def checked(outputs: Iterable[Output], field: str) -> tuple[Output, ...]:
    """Return the outputs; raise `Invalid` with all faults of their names, sizes and number."""
    found = tuple(outputs)
    faults = [
        Fault(f"{field}.{number}.name", f"{output.name[:200]!r}: {reason}")
        for number, output in enumerate(found)
        if (reason := wrong_name(output.name))
    ]
    if len({output.name for output in found}) < len(found):
        faults.append(Fault(field, "each name may occur only once"))
    if sum(output.size for output in found) > MOST_BYTES:
        faults.append(Fault(field, f"all files together may have at most {MOST_BYTES} bytes"))
    if len(found) > MOST_FILES:
        faults.append(Fault(field, f"there may be at most {MOST_FILES} files"))
    if faults:
        raise Invalid.of(faults)
    return found
