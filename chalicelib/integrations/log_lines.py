"""Log lines as JSON, each with the ids of what was being done."""

from __future__ import annotations

import logging

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from chalicelib.domain import trail


class Lines(LambdaPowertoolsFormatter):
    """Powertools' lines, with the trail of what is being done; a line's own ids win."""

    def format(self, record: logging.LogRecord) -> str:
        for name, found in trail.known().items():
            record.__dict__.setdefault(name, found)
        return super().format(record)


def lines(stage: str) -> Lines:
    """Return what makes the lines of a stage."""
    made = Lines(utc=True, use_rfc3339=True)
    made.append_keys(stage=stage)
    return made
