"""Work that a run could not push, kept as a bundle and a patch among the attempt's files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.domain.errors import Fault, Invalid
from chalicelib.domain.runs.output import RESERVED_NAMES, RunOutput

BUNDLE, PATCH = RESERVED_NAMES
MAX_KEPT_BYTES = 64 * 1024 * 1024
"""The maximum size of the bundle and the patch together."""


@dataclass(frozen=True, kw_only=True)
class UnpushedWork:
    """The kept work of one attempt: its commits that are not on the run's branch."""

    attempt: int
    base_sha: str
    files: tuple[RunOutput, ...]
    finished: bool = False
    """True if the agent finished its work, so only the push is missing."""

    @property
    def bundle_file(self) -> RunOutput | None:
        """The file that a later attempt can continue from, or None."""
        return next((file for file in self.files if file.name == BUNDLE), None)


def check_kept_files(files: Iterable[RunOutput], field: str) -> tuple[RunOutput, ...]:
    """Return the files; raise `Invalid` unless they are a small enough bundle, patch or both."""
    kept_files = tuple(files)
    names = [file.name for file in kept_files]
    faults = [
        Fault(
            f"{field}.{number}.name",
            f"kept work consists of {BUNDLE} and {PATCH}, each at most once",
        )
        for number, name in enumerate(names)
        if name not in RESERVED_NAMES or name in names[:number]
    ]
    if not kept_files:
        faults.append(Fault(field, f"name {BUNDLE}, {PATCH} or both"))
    if sum(file.size for file in kept_files) > MAX_KEPT_BYTES:
        faults.append(Fault(field, f"kept work may have at most {MAX_KEPT_BYTES} bytes"))
    if faults:
        raise Invalid.from_faults(faults)
    return kept_files
