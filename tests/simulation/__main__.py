"""`make sabotage`: the table of what was broken on purpose, and which seed saw it."""

from __future__ import annotations

from tests import conftest
from tests.simulation.sabotage import ALL, caught_by

assert conftest
print("| broken on purpose | seen by seed | as |")
print("|---|---|---|")
for sentence in sorted(ALL):
    seen = caught_by(sentence, range(200))
    seed, words = seen if seen else ("none", "-")
    print(f"| {sentence} | {seed} | {words} |", flush=True)
