"""Log lines as JSON, each with the ids of what was being done."""

from __future__ import annotations

import logging

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from chalicelib import log_context


class JsonLogFormatter(LambdaPowertoolsFormatter):
    """Powertools' lines, with the trail of what is being done; a line's own ids win."""

    def format(self, record: logging.LogRecord) -> str:
        for name, identifier in log_context.current_ids().items():
            record.__dict__.setdefault(name, identifier)
        return super().format(record)


def make_formatter(stage: str) -> JsonLogFormatter:
    """Return what makes the lines of a stage."""
    formatter = JsonLogFormatter(utc=True, use_rfc3339=True)
    formatter.append_keys(stage=stage)
    return formatter
