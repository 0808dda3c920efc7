"""Request models of the runner protocol."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from chalicelib.domain import limits
from chalicelib.domain.history import MOST_STAGES
from chalicelib.domain.output import MOST_FILES, PLAIN
from chalicelib.web import models
from chalicelib.web.models.types import Aware, Flag, Moment, shown, text, whole

Short = Annotated[str, text(limits.NAME)]
Number = Annotated[int, whole(0, 10**12)]
Cost = Annotated[float, Field(ge=0, le=10**9, allow_inf_nan=False, strict=True)]
Long = Annotated[str, text(limits.REPORTED)]


class Capabilities(models.Model):
    sandbox: Flag
    reason: Annotated[str, text(limits.URL)] | None = None


class Claim(models.Model):
    model_config = shown({"runner": "office-1", "capabilities": {"sandbox": True}})
    runner: Annotated[str, text(limits.NAME, 1)]
    exchanges: Flag = False
    capabilities: Capabilities | None = None


class Line(models.Model):
    seq: Annotated[int, whole(1, 10**9)]
    timestamp: Moment
    log_type: Annotated[str, StringConstraints(pattern=r"^[a-z_]+$", max_length=32)]
    content: Annotated[str, text(limits.LINE)]


RUN = "3f1a3c1e-6d3a-5f0e-9a3b-1c2d3e4f5a6b"
LINE = {"seq": 1, "timestamp": "2026-05-04T12:00:00Z", "logType": "text", "content": "hello"}


MediaType = Annotated[
    str, StringConstraints(pattern=r"^[\w.+-]{1,60}/[\w.+-]{1,60}$", max_length=121)
]


class OutputFile(models.Model):
    name: Annotated[str, text(limits.URL)]
    size: Number
    content_type: MediaType = PLAIN


OutputFiles = Annotated[list[OutputFile], Field(max_length=MOST_FILES)]


class Speaks(models.Model):
    """A request of a runner about one attempt."""

    model_config = shown({"runId": RUN, "attempt": 1})
    run_id: Short
    attempt: Number


class Uploads(Speaks):
    model_config = shown({"runId": RUN, "attempt": 1, "files": [{"name": "a.md", "size": 120}]})
    files: OutputFiles


JobStage = Literal["clone", "setup", "agent", "test", "push"]
SPAN = {"stage": "agent", "startedAt": "2026-05-04T12:00:00Z", "endedAt": None}


class Span(models.Model):
    """One phase of a job; the last one may have no end yet."""

    stage: JobStage
    started_at: Aware
    ended_at: Aware | None = None


class Beat(Speaks):
    model_config = shown(
        {"runId": RUN, "attempt": 1, "stage": "agent", "stages": [SPAN], "lines": [LINE]}
    )
    stage: JobStage | None = None
    stages: Annotated[list[Span], Field(max_length=MOST_STAGES)] = []
    lines: Annotated[list[Line], Field(max_length=limits.LINES)] = []


class AgentEnd(models.Model):
    session_id: Short | None = None
    model_used: Short | None = None
    input_tokens: Number | None = None
    output_tokens: Number | None = None
    cost_usd: Cost | None = None
    turns: Number | None = None


class Tests(models.Model):
    passed: Flag
    exit_status: Annotated[int, whole(-256, 256)] | None = None
    last_lines: Long = ""


class KeptWork(models.Model):
    """Work of the attempt that is not on any branch."""

    base_sha: Annotated[str, text(limits.NAME, 1)]
    files: OutputFiles
    finished: Flag = False


class Report(Beat):
    model_config = shown({"runId": RUN, "attempt": 1, "outcome": "succeeded", "lines": []})
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
