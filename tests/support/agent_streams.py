"""Recorded streams of agent programs."""

from __future__ import annotations

from chalicelib.integrations.agents import agent_for
from chalicelib.integrations.agents.base import AgentLine, AgentResult


def read(
    kind: str, stream: str, exit_code: int = 0, tail: str = ""
) -> tuple[AgentResult, list[AgentLine]]:
    agent = agent_for(kind)
    assert agent is not None
    parser = agent.make_parser()
    lines = [line for raw in stream.splitlines() for line in parser.feed_line(raw)]
    return parser.judge_end(exit_code, tail), lines


MINIATURES = {
    "gemini": '{"type":"init","session_id":"s1","model":"m1"}\n'
    '{"type":"tool_use","tool_name":"shell","parameters":{"command":"ls"}}\n'
    '{"type":"tool_result","output":"a file"}\n'
    '{"type":"message","role":"assistant","content":"done","delta":true}\n'
    '{"type":"result","status":"success","stats":{"input_tokens":10,"output_tokens":2,'
    '"tool_calls":1,"models":{"m1":{"total_tokens":12}}}}',
    "opencode": '{"type":"tool_use","sessionID":"s1","part":{"tool":"shell","state":'
    '{"input":{"command":"ls"},"output":"a file"}}}\n'
    '{"type":"step_finish","sessionID":"s1","part":{"reason":"tool-calls","cost":0.25,'
    '"tokens":{"input":3,"output":1,"reasoning":0,"cache":{"read":2,"write":0}}}}\n'
    '{"type":"text","sessionID":"s1","part":{"text":"done"}}\n'
    '{"type":"step_finish","sessionID":"s1","part":{"reason":"stop","cost":0.25,'
    '"tokens":{"input":5,"output":0,"reasoning":1,"cache":{"read":0,"write":0}}}}',
    "copilot": '{"type":"assistant.turn_start","data":{}}\n'
    '{"type":"tool.execution_start","data":{"toolName":"shell","arguments":{"command":"ls"}}}\n'
    '{"type":"tool.execution_complete","data":{"result":{"content":"a file"}}}\n'
    '{"type":"assistant.turn_start","data":{}}\n'
    '{"type":"assistant.message","data":{"model":"m1","content":"done"}}\n'
    '{"type":"result","sessionId":"s1","exitCode":0}',
    "claude-code": '{"type":"system","subtype":"init","session_id":"s1","model":"m1"}\n'
    '{"type":"assistant","message":{"content":[{"type":"tool_use","name":"shell",'
    '"input":{"command":"ls"}}]}}\n'
    '{"type":"user","message":{"content":[{"type":"tool_result","content":"a file"}]}}\n'
    '{"type":"assistant","message":{"content":[{"type":"text","text":"done"}]}}\n'
    '{"type":"result","subtype":"success","is_error":false,"num_turns":2,"session_id":"s1",'
    '"result":"done","total_cost_usd":0.5,'
    '"modelUsage":{"m1":{"inputTokens":10,"outputTokens":2}}}',
    "codex": '{"type":"thread.started","thread_id":"s1"}\n{"type":"turn.started"}\n'
    '{"type":"item.started","item":{"type":"command_execution","command":"ls"}}\n'
    '{"type":"item.completed","item":{"type":"command_execution","command":"ls",'
    '"aggregated_output":"a file"}}\n'
    '{"type":"item.completed","item":{"type":"agent_message","text":"done"}}\n'
    '{"type":"turn.completed","usage":{"input_tokens":10,"output_tokens":2}}',
}
