"""`make simulate`: storms for a time or by number, with fresh seeds, and what they found."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from itertools import count, islice
from multiprocessing import get_context

from tests import conftest
from tests.simulation.checks import broken
from tests.simulation.seeds import fresh_seed
from tests.simulation.simulator import Simulator

assert conftest
MOST_TOLD = 5
TOLD_EVERY = 100


def findings(seed: int) -> tuple[int, list[str]]:
    """Return what a storm found broken, or how it broke itself."""
    try:
        return seed, broken(Simulator(seed).run())
    except Exception:
        return seed, [traceback.format_exc()]


def seeds(first: int, number: int | None, until: float | None) -> Iterator[int]:
    """Yield seeds up to a number of them, or up to a moment."""
    for seed in islice(count(first), number):
        if until is not None and time.monotonic() >= until:
            return
        yield seed


def storms(processes: int, chosen: Iterator[int]) -> Iterator[tuple[int, list[str]]]:
    """Yield what each storm found; no more seeds are taken than there are processes for them."""
    if processes == 1:
        yield from map(findings, chosen)
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        running = {pool.submit(findings, seed) for seed in islice(chosen, 2 * processes)}
        while running:
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for one in ended:
                running |= {pool.submit(findings, seed) for seed in islice(chosen, 1)}
                yield one.result()


def main(given: list[str]) -> int:
    """Run storms and print a line for each that found something; return the exit status."""
    parser = argparse.ArgumentParser(prog="make simulate")
    parser.add_argument("--seeds", type=int, help="how many")
    parser.add_argument("--minutes", type=float, help="for how long")
    parser.add_argument("--seed-from", type=int, help="the first seed; a fresh one otherwise")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args(given)
    first = fresh_seed() if asked.seed_from is None else asked.seed_from
    number = asked.seeds or (None if asked.minutes else 1000)
    until = time.monotonic() + 60 * asked.minutes if asked.minutes else None
    print(f"storms from seed {first}", flush=True)
    done, bad, last = 0, 0, first
    for seed, found in storms(asked.processes, seeds(first, number, until)):
        done, last = done + 1, max(last, seed)
        bad += bool(found)
        if found:
            print(f"seed {seed}: `make simulate SEED_FROM={seed} SEEDS=1` replays it")
            print(*(f"    {words}" for words in found[:MOST_TOLD]), sep="\n", flush=True)
        if done % TOLD_EVERY == 0:
            print(f"{done} storms, {bad} with findings", flush=True)
    print(f"{done} storms, seeds {first} to {last}: {bad} with findings")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
