"""Error sentences of each agent program, with the class that each one means.

A program's own sentences come first, then the status of the model's answer, then the words that
all vendors share. Every sentence has a real example; the tests and `docs/agents.md` read them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.domain.error_class import ErrorClass

CLASS_PHRASES: Mapping[ErrorClass, str] = {
    ErrorClass.AGENT: "the agent failed",
    ErrorClass.CREDENTIAL: "the agent's credential was not accepted",
    ErrorClass.RATE_LIMIT: "the model's rate limit was reached",
    ErrorClass.OVERLOADED: "the model's service is overloaded or broken",
    ErrorClass.CONTEXT: "the work was too long for the model",
    ErrorClass.TURN_LIMIT: "the limit of turns was reached",
    ErrorClass.NO_OUTPUT: "the agent ended without a result",
    ErrorClass.REFUSED_TOOL: "the agent was refused a tool that it needed",
    ErrorClass.NETWORK: "the model could not be reached",
    ErrorClass.MISSING_TOOL: "the agent's program is not installed on this runner",
}


@dataclass(frozen=True)
class Sentence:
    """One sentence of a program: its class, the pattern that knows it, and a real example."""

    error_class: ErrorClass
    pattern: str
    example: str


_S, _C = Sentence, ErrorClass
SENTENCES: Mapping[str, Sequence[Sentence]] = {
    "claude-code": (
        _S(_C.OVERLOADED, r"temporarily limiting requests", "API Error: Server is temporarily "
           "limiting requests (not your usage limit) · Rate limited"),
        _S(_C.RATE_LIMIT, r"limit reached|hit your .{0,40}limit|out of (extra )?usage|usage limit",
           "5-hour limit reached ∙ resets 11pm"),
        _S(_C.RATE_LIMIT, r"would exceed .{0,40}rate limit",
           "This request would exceed your account's rate limit. Please try again later."),
        _S(_C.CREDENTIAL, r"credit balance|please run /login|token has (expired|been revoked)",
           "Credit balance is too low"),
        _S(_C.CONTEXT, r"prompt is too long|output token maximum|conversation too long",
           "API Error: Claude's response exceeded the 32000 output token maximum."),
        _S(_C.NETWORK, r"stream idle timeout|partial response received|request timed out",
           "API Error: Stream idle timeout - partial response received"),
        _S(_C.TURN_LIMIT, r"maximum number of turns", "Reached maximum number of turns (30)"),
    ),
    "codex": (
        _S(_C.OVERLOADED, r"model is at capacity|high demand",
           "Selected model is at capacity. Please try a different model."),
        _S(_C.RATE_LIMIT, r"hit your usage limit|usage limit has been reached|usage_limit_reached",
           "You've hit your usage limit. Upgrade to Pro (https://openai.com/chatgpt/pricing) or "
           "try again at Dec 3rd, 2026 9:12 PM."),
        _S(_C.RATE_LIMIT, r"rate limit reached for|last status: 429|quota exceeded",
           "exceeded retry limit, last status: 429 Too Many Requests"),
        _S(_C.CONTEXT, r"context window|ran out of room", "Codex ran out of room in the model's "
           "context window. Start a new thread or clear earlier history before retrying."),
        _S(_C.NETWORK, r"stream disconnected|waiting for network|timeout waiting for|timed out",
           "stream disconnected before completion: stream closed before response.completed"),
    ),
    "gemini": (
        _S(_C.RATE_LIMIT, r"exhausted your .{0,40}(capacity|quota)|exceeded your current quota",
           "You have exhausted your capacity on this model. Your quota will reset after 8h44m7s."),
        _S(_C.RATE_LIMIT, r"daily .{0,60}quota|Resource has been exhausted",
           "Resource has been exhausted (e.g. check quota)."),
        _S(_C.OVERLOADED, r"no capacity available|model is overloaded",
           "No capacity available for model gemini-2.5-pro on the server"),
        _S(_C.CONTEXT, r"input token count", "The input token count (1200000) exceeds the maximum "
           "number of tokens allowed (1048576)."),
        _S(_C.TURN_LIMIT, r"max(imum)? session turns",
           "Reached max session turns for this session. "
           "Increase the number of turns by specifying maxSessionTurns in settings.json."),
        _S(_C.NETWORK, r"stream ended|no finish reason|empty response|fetch failed",
           "Model stream ended without a finish reason."),
    ),
    "opencode": (
        _S(_C.RATE_LIMIT, r"usage limit reached|usage exceeded|usage limit has been reached",
           "Monthly usage limit reached. Resets in 6 days."),
        _S(_C.NETWORK, r"cannot connect to API|unable to connect|connection was closed|SSE read",
           "Cannot connect to API: Unable to connect. Is the computer able to access the url?"),
        _S(_C.OVERLOADED, r"provider is overloaded|upstream error", "Provider is overloaded"),
    ),
    "copilot": (
        _S(_C.CREDENTIAL, r"no quota|premium request allowance", "402 You have no quota"),
        _S(_C.RATE_LIMIT, r"rate.?limit|quota exceeded",
           "Sorry, you've hit a rate limit that restricts the number of Copilot model requests you "
           "can make within a specific time period. Please try again in 2 hours."),
        _S(_C.NETWORK, r"missing finish_reason|GOAWAY|response was interrupted|stream (was )?cut",
           "missing finish_reason for choice 0"),
        _S(_C.CREDENTIAL, r"no authentication information|last error: 40[13]",
           "Error: No authentication information found."),
        _S(_C.RATE_LIMIT, r"last error: 429", "Failed to get response from the AI model; retried 5 "
           "times (total retry wait time: 380.35 seconds) Last error: 429 Too Many Requests"),
        _S(_C.OVERLOADED, r"transient API error|failed to get response from the AI model"
           r"|CAPIError: 5\d\d", "Failed to get response from the AI model; retried 5 times "
           "(total retry wait time: 5.93 seconds) Last error: Unknown error"),
    ),
}  # fmt: skip

COMMON_SENTENCES: Sequence[Sentence] = (
    _S(_C.RATE_LIMIT, r"\b429\b|rate.?limit|too many requests|usage limit|quota|RESOURCE_EXHAUSTED",
       "429 Too Many Requests"),
    _S(_C.OVERLOADED, r"\b5(00|02|03|04|29)\b|overloaded|high demand|internal server error"
       r"|at capacity", "529 Overloaded"),
    _S(_C.CREDENTIAL, r"\b40[13]\b|api.?key|unauthori[sz]ed|authenticat|not logged in"
       r"|credit balance|auth method|please run /login|permission_denied|billing",
       "401 Unauthorized"),
    _S(_C.CONTEXT, r"prompt is too long|context.?(window|length)|maximum context|output token max",
       "maximum context length"),
    _S(_C.NETWORK, r"connect|stream (disconnected|closed|ended|idle)|ECONN|ENOTFOUND|EAI_AGAIN"
       r"|ETIMEDOUT|EPIPE|timed.?out|lookup address|fetch failed|socket|network|hang up",
       "read ECONNRESET"),
)  # fmt: skip

_BY_STATUS = {
    401: ErrorClass.CREDENTIAL,
    402: ErrorClass.CREDENTIAL,
    403: ErrorClass.CREDENTIAL,
    408: ErrorClass.NETWORK,
    413: ErrorClass.CONTEXT,
    429: ErrorClass.RATE_LIMIT,
}


def classify_error(
    program: str,
    text: str,
    status: int | None = None,
    default: ErrorClass = ErrorClass.AGENT,
) -> ErrorClass:
    """Return the class of an error from the program's message and the model's status."""
    own = _matching_classes(SENTENCES.get(program, ()), text)
    return (
        next(own, None)
        or _class_of_status(status)
        or next(_matching_classes(COMMON_SENTENCES, text), default)
    )


def _matching_classes(sentences: Sequence[Sentence], text: str) -> Iterator[ErrorClass]:
    for sentence in sentences:
        if re.search(sentence.pattern, text, re.IGNORECASE):
            yield sentence.error_class


def _class_of_status(status: int | None) -> ErrorClass | None:
    if status is None:
        return None
    return ErrorClass.OVERLOADED if status >= 500 else _BY_STATUS.get(status)


def sentence_table() -> str:
    """Return the sentences as the rows of a Markdown table, for `docs/agents.md`."""
    rows = [
        f"| {program} | `{sentence.error_class}` | {sentence.example} |"
        for program, sentences in SENTENCES.items()
        for sentence in sentences
    ]
    return "\n".join(["| program | class | a sentence of it |", "|---|---|---|", *rows])
