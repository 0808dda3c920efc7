"""Writes the user database of a sandbox: the machine's, with an entry for the job's user."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from chalicelib.runner.sandbox.job_users import JobUser

USER_NAME = "optio"


def user_name(user: JobUser | None) -> str:
    """Return the name of the job's user: the runner's own, where it has no other."""
    if user is not None:
        return USER_NAME
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return USER_NAME


def write_accounts(directory: Path, home: Path, user: JobUser | None) -> None:
    """Write `passwd` and `group` in which the job's user has a name and this home."""
    number, group = (user.number, user.number) if user else (os.geteuid(), os.getegid())
    name = user_name(user)
    directory.mkdir()
    entries = {
        "passwd": f"{name}:x:{number}:{group}:Optio job:{home}:/bin/bash",
        "group": f"{name}:x:{group}:",
    }
    for database, entry in entries.items():
        own_number = number if database == "passwd" else group
        other_entries = _entries_of_others(Path("/etc", database), name, own_number)
        (directory / database).write_text("".join(f"{line}\n" for line in (*other_entries, entry)))
        (directory / database).chmod(0o644)
    directory.chmod(0o755)


def _entries_of_others(database: Path, name: str, number: int) -> list[str]:
    try:
        lines = database.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    fields = [(line, line.split(":")) for line in lines]
    return [
        line
        for line, parts in fields
        if len(parts) > 2 and parts[0] != name and parts[2] != str(number)
    ]
