"""`make bench`: measure, print one table, and fail where a budget is broken."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from pathlib import Path

from benchmarks import burst, cold, cost, firing, ingress, memory, redaction, saving, tick
from benchmarks.report import HEAD, Row, conditions, table

Part = Callable[[bool], Iterable[Row]]
PARTS: dict[str, Part] = {
    "cold": cold.measure,
    "memory": memory.measure,
    "firing": firing.measure,
    "tick": tick.measure,
    "ingress": ingress.measure,
    "burst": burst.measure,
    "redaction": redaction.measure,
    "saving": saving.measure,
    "cost": cost.measure,
}
"""The pages have a stage of their own to be filled: `make bench-pages`."""


def main() -> int:
    """Run the parts that are asked for, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="small sizes, to try things out")
    arguments = parser.parse_args()
    unknown = [part for part in arguments.parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}: {', '.join(PARTS)}")
    logging.disable(logging.CRITICAL)
    os.environ["OPTIO_HOOK_RATE"] = "100000"  # what is measured is no flood
    results: dict[str, list[Row]] = {}
    for part in arguments.parts or PARTS:
        began = time.monotonic()
        print(f"{part} …", file=sys.stderr, end=" ", flush=True)
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
            results[part] = list(PARTS[part](arguments.quick))
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(HEAD)
    for part, rows in results.items():
        print(table(part, rows))
    print(f"\n{conditions()}{'; QUICK: small sizes prove nothing' if arguments.quick else ''}")
    broken = [row.what for rows in results.values() for row in rows if row.broken]
    if broken:
        print(f"over budget: {'; '.join(broken)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
