"""Work that a run could not push: a bundle and a patch among the files of its attempt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.domain.errors import Fault, Invalid
from chalicelib.domain.output import RESERVED, Output

BUNDLE, PATCH = RESERVED
MOST_KEPT_BYTES = 64 * 1024 * 1024
"""For the bundle and the patch together."""


@dataclass(frozen=True, kw_only=True)
class KeptWork:
    """The kept work of one attempt, as far as it is not on the run's branch."""

    attempt: int
    base_sha: str
    files: tuple[Output, ...]
    finished: bool = False
    """Whether its agent had done all of its work, so that only the push is missing."""

    @property
    def bundle(self) -> Output | None:
        """The file from which a later attempt can go on."""
        return next((file for file in self.files if file.name == BUNDLE), None)


def check_kept_files(files: Iterable[Output], field: str) -> tuple[Output, ...]:
    """Return the files; raise `Invalid` where they are not a bundle and a patch within bounds."""
    listed = tuple(files)
    names = [file.name for file in listed]
    faults = [
        Fault(f"{field}.{number}.name", f"kept work is {BUNDLE} or {PATCH}, each at most once")
        for number, name in enumerate(names)
        if name not in RESERVED or name in names[:number]
    ]
    if not listed:
        faults.append(Fault(field, f"name {BUNDLE}, {PATCH} or both"))
    if sum(file.size for file in listed) > MOST_KEPT_BYTES:
        faults.append(Fault(field, f"kept work may have {MOST_KEPT_BYTES} bytes"))
    if faults:
        raise Invalid.of(faults)
    return listed
