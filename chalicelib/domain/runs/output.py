"""Files that an agent leaves for its readers: their names, number and sizes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.domain.errors import Fault, Invalid

MAX_FILES = 100
MAX_TOTAL_BYTES = 10 * 1024 * 1024
"""The maximum size of all files of an attempt together."""
MAX_NAME_LENGTH = 200
DEFAULT_CONTENT_TYPE = "application/octet-stream"
RESERVED_NAMES = ("work.bundle", "work.patch")
"""Names of the runner's own files, so that an agent cannot forge them."""


@dataclass(frozen=True, kw_only=True)
class RunOutput:
    """One output file; `size` is in bytes."""

    name: str
    size: int
    content_type: str = DEFAULT_CONTENT_TYPE


def name_fault(name: str) -> str | None:
    """Return why a file of this name is not kept, or None if the name is valid."""
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        return "its name is not a plain file name"
    if name in RESERVED_NAMES:
        return "its name is reserved for work that could not be pushed"
    if not name.isprintable():
        return "its name has unprintable characters"
    if len(name.encode("utf-8", "replace")) > MAX_NAME_LENGTH:
        return f"its name is longer than {MAX_NAME_LENGTH} bytes"
    return None


def check_outputs(outputs: Iterable[RunOutput], field: str) -> tuple[RunOutput, ...]:
    """Return the outputs; raise `Invalid` with all faults of their names, sizes and number."""
    output_list = tuple(outputs)
    faults = [
        Fault(f"{field}.{number}.name", f"{output.name[:200]!r}: {reason}")
        for number, output in enumerate(output_list)
        if (reason := name_fault(output.name))
    ]
    if len({output.name for output in output_list}) < len(output_list):
        faults.append(Fault(field, "each name may occur only once"))
    if sum(output.size for output in output_list) > MAX_TOTAL_BYTES:
        faults.append(Fault(field, f"all files together may have at most {MAX_TOTAL_BYTES} bytes"))
    if len(output_list) > MAX_FILES:
        faults.append(Fault(field, f"there may be at most {MAX_FILES} files"))
    if faults:
        raise Invalid.from_faults(faults)
    return output_list
