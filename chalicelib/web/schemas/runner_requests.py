"""Request models of the runner protocol."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from chalicelib.domain import limits
from chalicelib.domain.runs.attempt import MAX_STAGES
from chalicelib.domain.runs.output import DEFAULT_CONTENT_TYPE, MAX_FILES
from chalicelib.web.schemas import requests
from chalicelib.web.schemas.requests.fields import (
    Aware,
    Flag,
    Moment,
    int_between,
    schema_extra,
    str_length,
)

Short = Annotated[str, str_length(limits.MAX_NAME_LENGTH)]
Number = Annotated[int, int_between(0, 10**12)]
Cost = Annotated[float, Field(ge=0, le=10**9, allow_inf_nan=False, strict=True)]
Long = Annotated[str, str_length(limits.MAX_REPORTED_LENGTH)]


class Capabilities(requests.Model):
    sandbox: Flag
    reason: Annotated[str, str_length(limits.MAX_URL_LENGTH)] | None = None


class Claim(requests.Model):
    model_config = schema_extra({"runner": "office-1", "capabilities": {"sandbox": True}})
    runner: Annotated[str, str_length(limits.MAX_NAME_LENGTH, 1)]
    exchanges: Flag = False
    capabilities: Capabilities | None = None


class Line(requests.Model):
    seq: Annotated[int, int_between(1, 10**9)]
    timestamp: Moment
    log_type: Annotated[str, StringConstraints(pattern=r"^[a-z_]+$", max_length=32)]
    content: Annotated[str, str_length(limits.MAX_LINE_LENGTH)]


RUN = "3f1a3c1e-6d3a-5f0e-9a3b-1c2d3e4f5a6b"
LINE = {"seq": 1, "timestamp": "2026-05-04T12:00:00Z", "logType": "text", "content": "hello"}


MediaType = Annotated[
    str, StringConstraints(pattern=r"^[\w.+-]{1,60}/[\w.+-]{1,60}$", max_length=121)
]


class OutputFile(requests.Model):
    name: Annotated[str, str_length(limits.MAX_URL_LENGTH)]
    size: Number
    content_type: MediaType = DEFAULT_CONTENT_TYPE


OutputFiles = Annotated[list[OutputFile], Field(max_length=MAX_FILES)]


class Speaks(requests.Model):
    """A request of a runner about one attempt."""

    model_config = schema_extra({"runId": RUN, "attempt": 1})
    run_id: Short
    attempt: Number


class Uploads(Speaks):
    model_config = schema_extra(
        {"runId": RUN, "attempt": 1, "files": [{"name": "a.md", "size": 120}]}
    )
    files: OutputFiles


JobStage = Literal["clone", "setup", "agent", "test", "push"]
SPAN = {"stage": "agent", "startedAt": "2026-05-04T12:00:00Z", "endedAt": None}


class Span(requests.Model):
    """One phase of a job; the last one may have no end yet."""

    stage: JobStage
    started_at: Aware
    ended_at: Aware | None = None


class Beat(Speaks):
    model_config = schema_extra(
        {"runId": RUN, "attempt": 1, "stage": "agent", "stages": [SPAN], "lines": [LINE]}
    )
    stage: JobStage | None = None
    stages: Annotated[list[Span], Field(max_length=MAX_STAGES)] = []
    lines: Annotated[list[Line], Field(max_length=limits.MAX_LINES_PER_BEAT)] = []


class AgentEnd(requests.Model):
    session_id: Short | None = None
    model_used: Short | None = None
    input_tokens: Number | None = None
    output_tokens: Number | None = None
    cost_usd: Cost | None = None
    turns: Number | None = None


class Tests(requests.Model):
    passed: Flag
    exit_status: Annotated[int, int_between(-256, 256)] | None = None
    last_lines: Long = ""


class KeptWork(requests.Model):
    """Work of the attempt that is not on any branch."""

    base_sha: Annotated[str, str_length(limits.MAX_NAME_LENGTH, 1)]
    files: OutputFiles
    finished: Flag = False


class Report(Beat):
    model_config = schema_extra({"runId": RUN, "attempt": 1, "outcome": "succeeded", "lines": []})
    outcome: Literal["succeeded", "no_changes", "failed"]
    error_class: Short | None = None
    error_message: Long | None = None
    transient: Flag = False
    retry_at: Aware | None = None
    branch: Short | None = None
    head_sha: Short | None = None
    base_sha: Short | None = None
    diff_stat: Long | None = None
    result_summary: Long | None = None
    tests: Tests | None = None
    agent: AgentEnd | None = None
    outputs: OutputFiles = []
    kept_work: KeptWork | None = None
