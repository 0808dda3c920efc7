"""Check of tracked files against the rules, and the list of files that do not pass yet."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from infra.dev.emulator import ROOT
from infra.prose.passages import Kind, Passage, blank_out_code, markdown_passages
from infra.prose.python_texts import python_passages
from infra.prose.rules import Finding, read_rules
from infra.prose.templates import template_passages

UNFINISHED = Path(__file__).parent / "unfinished.txt"
FILES = ("*.md", "*.py", "*.html", "Makefile")
_HELP = re.compile(r"## (.*)")


def tracked_paths() -> list[str]:
    """Return the paths of all files with prose, as git knows them."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *FILES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for path in listing.stdout.splitlines() if (ROOT / path).exists()]


def read_passages(path: str) -> Iterator[Passage]:
    """Yield the passages of a file."""
    text = (ROOT / path).read_text()
    if path.endswith(".md"):
        yield from markdown_passages(text, Kind.MARKDOWN)
    elif path.endswith(".py"):
        yield from python_passages(text)
    elif path.endswith(".html"):
        yield from template_passages(text)
    else:
        yield from _help_passages(text)


def _help_passages(makefile: str) -> Iterator[Passage]:
    """Yield the help text of each make target."""
    for number, line in enumerate(makefile.splitlines(), start=1):
        if match := _HELP.search(line):
            yield Passage(number, Kind.MARKDOWN, blank_out_code(match[1]))


def find_faults(path: str) -> Iterator[Finding]:
    """Yield the faults of a file."""
    for passage in read_passages(path):
        for rule in read_rules():
            yield from rule.find_faults(passage)


def read_unfinished() -> list[str]:
    """Return the paths, of files or of folders, that do not pass yet."""
    lines = UNFINISHED.read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def is_unfinished(path: str, unfinished: Iterable[str]) -> bool:
    """Return whether the list holds the path or a folder above it."""
    return any(path == entry or path.startswith(f"{entry}/") for entry in unfinished)


def passing_entries() -> list[str]:
    """Return the entries of the list that are to go, because no file below them has a fault."""
    paths = tracked_paths()

    def has_faults(entry: str) -> bool:
        below = (path for path in paths if is_unfinished(path, [entry]))
        return any(True for path in below for _ in find_faults(path))

    return [entry for entry in read_unfinished() if not has_faults(entry)]


def prune_unfinished() -> list[str]:
    """Remove the entries that pass from the list, and return them."""
    passing = passing_entries()
    lines = UNFINISHED.read_text().splitlines()
    UNFINISHED.write_text("".join(f"{line}\n" for line in lines if line not in passing))
    return passing
