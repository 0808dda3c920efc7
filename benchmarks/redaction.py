"""Redaction: a log with fifty large secrets to look for, against the same log with none."""

from __future__ import annotations

import base64
import random
import statistics
import time
from collections.abc import Iterable

from benchmarks.report import Row
from chalicelib.runner.output.log import JobLog
from chalicelib.runner.output.redact import Redactor
from chalicelib.runner.output.text import LineSplitter

SECRETS, SECRET_BYTES = 50, 64 * 1024
ROUNDS = 5
MOST_TIMES = 2.0


def measure(quick: bool) -> Iterable[Row]:
    """Compare in turns, so that a slower moment of the machine meets both."""
    random_bytes = random.Random(0)
    secrets = [
        base64.encodebytes(random_bytes.randbytes(SECRET_BYTES * 3 // 4)).decode()[:SECRET_BYTES]
        for _ in range(5 if quick else SECRETS)
    ]
    lines = _log_lines(random_bytes, 2_000 if quick else 20_000)
    plain, redactor = Redactor(()), Redactor(secrets)
    began = time.process_time()
    redactor.redact_text("a first line builds the index")
    built = time.process_time() - began
    ratios = []
    for _ in range(ROUNDS):
        without, with_secrets = _seconds(lines, plain), _seconds(lines, redactor)
        ratios.append(with_secrets / without)
    yield Row(what=f"building the index of {len(secrets)} secrets of 64 KB", value=built, unit="s")
    yield Row(
        what=f"{len(lines)} lines with them, against the same without",
        value=statistics.median(ratios),
        unit="x",
        most=MOST_TIMES,
    )


def _log_lines(source: random.Random, count: int) -> list[bytes]:
    """Return lines as builds print them: words, paths, numbers, now and then a digest."""
    words = ["compiling", "src/app/main.py", "warning:", "unused", "0.31s", "[info]", "tests", "ok"]
    lines = []
    for number in range(count):
        line = " ".join(source.choices(words, k=source.randint(3, 16)))
        digest = source.randbytes(32).hex() if number % 20 == 0 else ""
        lines.append(f"{number} {line} {digest}\n".encode())
    return lines


def _seconds(lines: list[bytes], redactor: Redactor) -> float:
    """Return the CPU time of the way from a program's bytes to the lines of its log."""
    log = JobLog(redactor)
    reader = LineSplitter(lambda line: log.add_line("agent", line), redactor)
    began = time.process_time()
    for line in lines:
        reader.feed_bytes(line)
    reader.feed_end()
    return time.process_time() - began
