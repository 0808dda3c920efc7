"""`python -m infra.prose [--prune] [PATH …]`: report the faults of the project's English.

Named paths are checked even if the list of unfinished ones holds them. `--prune` removes from that
list all entries that pass.
"""

from __future__ import annotations

import sys
from dataclasses import astuple

from infra.prose.check import (
    find_faults,
    is_unfinished,
    prune_unfinished,
    read_unfinished,
    tracked_paths,
)


def main(arguments: list[str]) -> int:
    """Print each fault as path, line, rule and advice; return the exit code."""
    if arguments == ["--prune"]:
        print("\n".join(f"passes now: {entry}" for entry in prune_unfinished()) or "none passes")
        return 0
    unfinished = [] if arguments else read_unfinished()
    count = 0
    for path in tracked_paths():
        is_named = not arguments or is_unfinished(path, (name.rstrip("/") for name in arguments))
        if is_named and not is_unfinished(path, unfinished):
            for finding in sorted(set(find_faults(path)), key=astuple):
                count += 1
                print(f"{path}:{finding.line}: {finding.rule}: {finding.message}")
    print(f"prose: {count} faults; {len(unfinished)} paths left out (infra/prose/unfinished.txt)")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
