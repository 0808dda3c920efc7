"""The agents' output, as real programs printed it and in miniature."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from chalicelib.integrations.agents import AGENTS, agent_for
from chalicelib.integrations.agents.base import AgentLine, AgentResult, AgentTask
from tests.support.agent_streams import MINIATURES, read

SHARED = Path(os.environ.get("OPTIO_SHARED") or Path(__file__).resolve().parents[3] / "shared")
STREAMS = SHARED / "data" / "agent-streams"

recorded = pytest.mark.skipif(
    not STREAMS.is_dir(), reason=f"NO RECORDED AGENT STREAMS at {STREAMS}: set OPTIO_SHARED"
)


def replay(kind: str, name: str) -> tuple[AgentResult, list[AgentLine]]:
    meta = STREAMS / f"{name}.meta.json"
    code = json.loads(meta.read_text())["exit_code"] if meta.exists() else 1
    stderr = (STREAMS / f"{name}.stderr").read_text(errors="replace")
    return read(kind, (STREAMS / f"{name}.jsonl").read_text(), code, stderr[-1000:])


@recorded
@pytest.mark.parametrize("kind", sorted(set(AGENTS) - {"command"}))
@pytest.mark.parametrize("scenario", ["success", "multi", "failtool"])
def test_a_good_run_is_good_with_its_summary_and_costs(kind: str, scenario: str):
    name = f"failtool-{kind}" if scenario == "failtool" else f"{kind}-{scenario}"

    end, lines = replay(kind, name)

    assert end.ok
    assert end.error_class is None
    assert end.summary == "Done: I created hello.txt."
    assert end.session_id
    assert end.turns
    assert {"tool_use", "text"} <= {line.type for line in lines}
    if kind != "copilot":
        assert end.input_tokens
        assert end.output_tokens
    if kind in ("claude-code", "opencode"):
        assert end.cost_usd
    if kind != "codex" and kind != "opencode":
        assert end.model


@recorded
@pytest.mark.parametrize(
    "name, error_class",
    [
        ("claude-code-e400", "credential"),
        ("claude-code-e401", "credential"),
        ("claude-code-e401-maxretries1", "credential"),
        ("claude-code-nokey", "credential"),
        ("claude-code-e429-maxretries2", "rate_limit"),
        ("claude-code-e500-maxretries2", "overloaded"),
        ("claude-code-e529", "overloaded"),
        ("claude-code-e529-maxretries2", "overloaded"),
        ("claude-code-nonet", "network"),
        ("claude-code-maxtok", "context"),
        ("claude-code-loop", "turn_limit"),
        ("claude-code-hang-sigterm", "no_output"),
        ("codex-e400", "credential"),
        ("codex-e401", "credential"),
        ("codex-e403", "credential"),
        ("codex-e429", "rate_limit"),
        ("codex-e500", "overloaded"),
        ("codex-e529", "overloaded"),
        ("codex-cut", "network"),
        ("codex-hang-sigterm", "no_output"),
        ("gemini-e401", "credential"),
        ("gemini-e500-long", "overloaded"),
        ("gemini-cut", "network"),
        ("gemini-nokey", "credential"),
        ("opencode-e401", "credential"),
        ("opencode-e500", "overloaded"),
        ("opencode-cut", "network"),
        ("opencode-slowtool-sigterm", "no_output"),
        ("opencode-hang-sigterm", "no_output"),
        ("copilot-e401", "credential"),
        ("copilot-e500", "overloaded"),
        ("copilot-e529", "overloaded"),
        ("copilot-nokey", "credential"),
        ("copilot-hang-sigterm", "no_output"),
    ],
)
def test_a_bad_run_has_its_class(name: str, error_class: str):
    kind = next(kind for kind in AGENTS if name.startswith(kind))

    end, _ = replay(kind, name)

    assert not end.ok
    assert end.error_class == error_class
    assert end.error_message


@recorded
def test_claude_says_why_it_stopped_at_the_turn_limit():
    end, _ = replay("claude-code", "claude-code-loop")

    assert "maximum number of turns (3)" in (end.error_message or "")


@recorded
@pytest.mark.parametrize("name", ["claude-code-cut-maxretries2", "claude-code-mid_error"])
def test_a_stream_that_claude_recovered_is_a_good_run_with_its_tokens(name: str):
    end, _ = replay("claude-code", name)

    assert end.ok
    assert end.input_tokens == 2400 + 1400 + 600  # of these, the last two were cached


@recorded
def test_opencode_is_given_up_when_it_would_retry_for_ever():
    agent = agent_for("opencode")
    assert agent is not None
    parser = agent.make_parser()

    fed = 0
    for line in (STREAMS / "opencode-cut.jsonl").read_text().splitlines():
        parser.feed_line(line)
        fed += 1
        if parser.abort_reason:
            break

    assert fed < 100


def test_an_api_error_is_an_error_though_claude_calls_it_success():
    result = {"type": "result", "subtype": "success", "is_error": True, "api_error_status": 529}

    end, _ = read("claude-code", json.dumps({**result, "result": "Overloaded"}))

    assert not end.ok
    assert end.error_class == "overloaded"
    assert end.error_message == "the model's service is overloaded or broken: Overloaded"


def test_errors_on_the_way_do_not_spoil_a_good_run_of_codex():
    stream = """
{"type":"thread.started","thread_id":"t1"}
{"type":"turn.started"}
{"type":"error","message":"Reconnecting... 1/2"}
{"type":"item.completed","item":{"type":"agent_message","text":"done"}}
{"type":"turn.completed","usage":{"input_tokens":10,"output_tokens":2}}
"""
    end, lines = read("codex", stream)

    assert end == AgentResult(
        ok=True, session_id="t1", turns=1, summary="done", input_tokens=10, output_tokens=2
    )
    assert lines == [AgentLine("system", "Reconnecting... 1/2"), AgentLine("text", "done")]


def test_gemini_that_exits_0_with_an_error_has_failed():
    end, _ = read("gemini", '{"type":"result","status":"error","error":{"message":"code 429"}}')

    assert end.error_class == "rate_limit"


@pytest.mark.parametrize("has_models", [True, False])
def test_input_that_claude_had_cached_is_input(has_models: bool):
    used = {"inputTokens": 3, "cacheReadInputTokens": 40, "cacheCreationInputTokens": 500}
    usage = {"input_tokens": 3, "cache_read_input_tokens": 40, "cache_creation_input_tokens": 500}
    result = {"type": "result", "subtype": "success", "result": "done", "usage": usage}

    end, _ = read(
        "claude-code", json.dumps(result | {"modelUsage": {"m": used} if has_models else {}})
    )

    assert end.input_tokens == 543


def test_pieces_of_a_message_of_gemini_become_one_line():
    stream = """
{"type":"message","role":"assistant","content":"the sec","delta":true}
{"type":"message","role":"assistant","content":"ret","delta":true}
{"type":"result","status":"success"}
"""
    end, lines = read("gemini", stream)

    assert lines == [AgentLine("text", "the secret")]
    assert end.summary == "the secret"


@pytest.mark.parametrize("kind", sorted(set(AGENTS) - {"command"}))
@pytest.mark.parametrize(
    "stream",
    [
        "",
        "plain words",
        "{",
        "[]",
        '{"type": 3}',
        '{"type":"assistant","message":7}',
        '{"type":"result","modelUsage":[]}\n{"type":"item.completed","item":"x"}',
        '{"type":"step_finish","part":"x"}',
        '{"type":"assistant.message","data":[1]}',
        "[" * 100_000,
    ],
)
def test_no_stream_breaks_a_parser(kind: str, stream: str):
    end, _ = read(kind, stream)

    assert not end.ok


@pytest.mark.parametrize("kind", sorted(AGENTS))
def test_neither_prompt_nor_key_is_an_argument(kind: str):
    agent = agent_for(kind)
    assert agent is not None
    keys = {"OPENAI_API_KEY": "sk-secret", "ANTHROPIC_API_KEY": "sk-secret"}

    call = agent.build_invocation(AgentTask(command="true", model="m1", max_turns=5), keys)

    assert "sk-secret" not in " ".join(call.argv)
    assert "sk-secret" not in "".join(call.files.values())


def test_a_command_is_judged_by_its_exit_code():
    end, lines = read("command", "one\ntwo", exit_code=3)

    assert lines == [AgentLine("agent", "one"), AgentLine("agent", "two")]
    assert end.error_class == "agent"
    assert end.error_message == "the agent failed: the command exited 3: one\ntwo"


def test_the_summary_of_a_command_is_the_end_of_its_output():
    end, _ = read("command", "x" * 10_000 + "\nlast words")

    assert end.ok
    assert len(end.summary or "") <= 4096
    assert (end.summary or "").endswith("last words")


def test_an_unknown_agent_is_nothing():
    assert agent_for("hal") is None


@pytest.mark.parametrize(
    "kind, model, environment, lacks",
    [
        ("codex", None, {}, ("OPENAI_API_KEY", "CODEX_API_KEY")),
        ("codex", None, {"OPENAI_API_KEY": "k"}, ()),
        ("opencode", "anthropic/claude", {"OPENAI_API_KEY": "k"}, ("ANTHROPIC_API_KEY",)),
        ("opencode", "anthropic/claude", {"ANTHROPIC_API_KEY": "k"}, ()),
        ("opencode", "anthropic/claude", {"OPENCODE_AUTH_CONTENT": "{}"}, ()),
        ("opencode", "mine/local", {}, ()),
    ],
)
def test_a_program_that_would_hang_without_a_key_is_not_started(
    kind: str, model: str | None, environment: dict[str, str], lacks: tuple[str, ...]
):
    call = AGENTS[kind].build_invocation(AgentTask(model=model), environment)

    assert call.lacks == lacks


def test_claude_tells_when_a_reached_limit_ends_and_a_warning_is_no_limit():
    info = {"status": "rejected", "resetsAt": 1777903200, "rateLimitType": "five_hour"}
    event = json.dumps({"type": "rate_limit_event", "rate_limit_info": info})
    warning = event.replace("rejected", "allowed_warning")
    result = {"type": "result", "subtype": "success", "is_error": True, "api_error_status": 429}

    end, _ = read("claude-code", f"{event}\n{json.dumps({**result, 'result': 'limit'})}")
    warned, _ = read("claude-code", f"{warning}\n{json.dumps({**result, 'result': 'limit'})}")

    assert end.error_class == "rate_limit"
    assert end.resets_at is not None
    assert end.resets_at.isoformat() == "2026-05-04T14:00:00+00:00"
    assert warned.resets_at is None


@pytest.mark.parametrize("kind", sorted(MINIATURES))
def test_a_small_run_of_each_program_is_read_whole(kind: str):
    end, lines = read(kind, MINIATURES[kind])

    assert (end.ok, end.session_id, end.turns, end.summary) == (True, "s1", 2, "done")
    assert (end.input_tokens, end.output_tokens) in ((10, 2), (None, None))
    assert (end.input_tokens is None) == (kind == "copilot")
    assert end.cost_usd == (0.5 if kind in ("claude-code", "opencode") else None)
    wanted = [
        AgentLine("tool_use", "shell: ls"),
        AgentLine("tool_result", "a file"),
        AgentLine("text", "done"),
    ]
    assert [line for line in lines if line.type != "system"] == wanted


@pytest.mark.parametrize("kind", sorted(MINIATURES))
def test_an_unknown_event_changes_nothing(kind: str):
    strange = '{"type":"tomorrow.news","data":{"x":[1]},"part":{},"message":"hm"}'
    mixed = "\n".join(f"{strange}\n{line}" for line in MINIATURES[kind].splitlines())

    assert read(kind, mixed)[0] == read(kind, MINIATURES[kind])[0]


@pytest.mark.parametrize("kind", sorted(MINIATURES))
def test_a_run_that_was_cut_off_is_no_success(kind: str):
    *most, last = MINIATURES[kind].splitlines()

    end, _ = read(kind, "\n".join([*most, last[: len(last) // 2]]), exit_code=143)

    assert not end.ok
    assert end.error_class == "no_output"


LIMIT_TEXT = "You have exceeded a secondary rate limit. Please try again at 9:12 PM."
ON_THE_WAY: dict[str, list[dict[str, object]]] = {
    "claude-code": [
        {"type": "assistant", "message": {"content": [{"type": "text", "text": LIMIT_TEXT}]}},
        {"type": "user", "message": {"content": [{"type": "tool_result", "content": LIMIT_TEXT}]}},
    ],
    "codex": [
        {"type": "error", "message": LIMIT_TEXT},
        {"type": "item.completed", "item": {"type": "error", "message": LIMIT_TEXT}},
    ],
    "gemini": [
        {"type": "error", "message": LIMIT_TEXT},
        {"type": "tool_result", "status": "error", "error": {"message": LIMIT_TEXT}},
    ],
    "opencode": [
        {"type": "error", "error": {"data": {"message": LIMIT_TEXT, "statusCode": 403}}},
        {"type": "text", "part": {"text": LIMIT_TEXT}},
    ],
    "copilot": [
        {"type": "session.error", "data": {"message": LIMIT_TEXT, "statusCode": 403}},
        {"type": "tool.execution_complete", "data": {"error": {"message": LIMIT_TEXT}}},
    ],
}


@pytest.mark.parametrize("kind", sorted(ON_THE_WAY))
def test_the_words_of_a_limit_do_not_spoil_a_good_run(kind: str):
    *most, last = MINIATURES[kind].splitlines()
    said = [json.dumps(event) for event in ON_THE_WAY[kind]]
    answer = [most.pop()] if kind in ("copilot", "codex", "opencode", "gemini") else []

    end, lines = read(kind, "\n".join([*most, *said, *answer, last]), tail=LIMIT_TEXT)

    assert (end.ok, end.error_class, end.error_message, end.resets_at) == (True, None, None, None)
    assert end.summary == "done"
    assert LIMIT_TEXT in " ".join(line.content for line in lines)
