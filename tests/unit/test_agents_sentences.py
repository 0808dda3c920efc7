"""The error sentences of the agents' programs: their classes, and when their limits end."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.integrations.agents import AGENTS
from chalicelib.integrations.agents.rate_limit_resets import parse_reset_time
from chalicelib.integrations.agents.sentences import (
    CLASS_PHRASES,
    SENTENCES,
    classify_error,
    sentence_table,
)
from tests.support.agent_streams import read
from tests.support.shared import ROOT

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)  # a Monday

EXAMPLES = [
    pytest.param(program, sentence.error_class, sentence.example, id=sentence.example[:40])
    for program, sentences in SENTENCES.items()
    for sentence in sentences
]
HEARD = [
    ("claude-code", "rate_limit", "Claude AI usage limit reached|1749924000"),
    ("claude-code", "rate_limit", "Claude usage limit reached. Your limit will reset at 1pm"),
    ("claude-code", "rate_limit", "You've hit your session limit · resets 3pm (America/Bogota)"),
    ("claude-code", "rate_limit", "Weekly limit reached · resets 10am (Asia/Seoul) · /upgrade"),
    ("claude-code", "rate_limit", "You're out of extra usage · resets 2pm (UTC)"),
    ("claude-code", "overloaded", "API Error: Repeated 529 Overloaded errors"),
    ("claude-code", "network", "API Error: Request timed out."),
    ("claude-code", "network", "API Error: Connection error."),
    ("claude-code", "network", "API Error: Stream idle timeout - no chunks received"),
    ("claude-code", "network", "read ECONNRESET"),
    ("claude-code", "credential", "Invalid API key · Please run /login"),
    ("claude-code", "context", "Prompt is too long"),
    ("codex", "rate_limit", "You've hit your usage limit. Try again in 4 days 20 hours 9 minutes."),
    ("codex", "rate_limit", '{"type":"usage_limit_reached","resets_in_seconds":13872}'),
    ("codex", "overloaded", "We are currently experiencing high demand."),
    ("codex", "credential", "unexpected status 401 Unauthorized: invalid x-api-key"),
    ("codex", "network", "Reconnecting... waiting for network (Connection failed)"),
    ("gemini", "rate_limit", "You exceeded your current quota. Please retry in 34.07s."),
    ("gemini", "rate_limit", "You have reached your daily gemini-2.5-pro quota limit."),
    ("gemini", "overloaded", "The model is overloaded. Please try again later."),
    ("gemini", "network", "exception TypeError: fetch failed sending request"),
    ("opencode", "rate_limit", "The usage limit has been reached"),
    ("opencode", "network", "The socket connection was closed unexpectedly."),
    (
        "copilot",
        "rate_limit",
        "You\u2019ve hit your rate limit. Please wait for your limit to reset",
    ),
    ("copilot", "rate_limit", '{"message":"rate limit exceeded","code":"rate_limited"}'),
    ("copilot", "overloaded", "CAPIError: 503"),
    ("copilot", "network", "HTTP/2 GOAWAY connection terminated"),
    ("copilot", "network", "Response was interrupted due to a server error. Retrying..."),
    ("copilot", "agent", "the tool has no such argument"),
]


@pytest.mark.parametrize("program, error_class, text", [*EXAMPLES, *HEARD])
def test_a_sentence_of_a_program_has_its_class(program: str, error_class: str, text: str):
    assert classify_error(program, text) == error_class
    assert error_class in CLASS_PHRASES


def test_a_programs_own_sentence_comes_before_the_status_and_that_before_common_words():
    busy = "Server is temporarily limiting requests (not your usage limit)"

    assert classify_error("claude-code", busy, 429) == "overloaded"
    assert classify_error("claude-code", "no words for it", 529) == "overloaded"
    assert classify_error("opencode", "the quota of the network", 401) == "credential"
    assert classify_error("opencode", "no words for it", 418) == "agent"


def test_every_agent_with_a_program_has_its_sentences_and_says_its_name():
    programs = set(AGENTS) - {"command"}

    assert set(SENTENCES) == programs
    assert {kind: getattr(AGENTS[kind].make_parser(), "program", "") for kind in programs} == {
        kind: kind for kind in programs
    }


def test_the_page_about_agents_shows_every_sentence():
    assert sentence_table() in (ROOT / "docs" / "guides" / "agents.md").read_text()


LIMITS = [
    ("Weekly limit reached · resets Dec 4, 10am (Asia/Seoul)", "2026-12-04T01:00"),
    ("or try again at Dec 3rd, 2026 9:12 PM.", "2026-12-03T21:12"),
    ("You've hit your limit · resets Mon 12:00 AM", "2026-12-07T00:00"),
    ("resets Tue 9am (Europe/Berlin)", "2026-12-01T08:00"),
    ("5-hour limit reached ∙ resets 11pm", "2026-11-30T23:00"),
    ("You've hit your session limit · resets 8:30pm (Asia/Tokyo)", "2026-12-01T11:30"),
    ("Your limit will reset at 1pm (Etc/GMT+5).", "2026-11-30T18:00"),
    ("Opus weekly limit reached ∙ resets Jan 2 at 5pm (UTC)", "2027-01-02T17:00"),
    ("Resets Jan 12, 10:59am (America/New_York)", "2027-01-12T15:59"),
    ("usage limit reached. It resets tomorrow at 7:30am", "2026-12-01T07:30"),
    ("limit reached, resets 15:30 UTC", "2026-11-30T15:30"),
    ("limit reached, resets 9am PST", "2026-11-30T17:00"),
    ("your limit resets on Dec 4", "2026-12-04T00:00"),
    ("try again at 7:04 PM", "2026-11-30T19:04"),
    ("quota resets at 2026-12-01 10:00 (UTC)", "2026-12-01T10:00"),
    ("quota resets at 2026-12-01T10:00:00+0200", "2026-12-01T08:00"),
    ('{"type":"usage_limit_reached","resets_at":1796050800}', "2026-11-30T15:00"),
    ('{"resets_at":1796050800000}', "2026-11-30T15:00"),
    ('{"type":"usage_limit_reached","resets_in_seconds":10800}', "2026-11-30T15:00"),
    ("Monthly usage limit reached. Resets in 6 days. To continue", "2026-12-06T12:00"),
    ("Your quota will reset after 3h20m0s.", "2026-11-30T15:20"),
    ("resets in 3h 20m", "2026-11-30T15:20"),
    ("try again in 2 days and 1 hour", "2026-12-02T13:00"),
    ("Please wait for your limit to reset in under a minute", "2026-11-30T12:01"),
    ("Please try again in 1 week", "2026-12-07T12:00"),
    ("retry-after: 120", "2026-11-30T12:02"),
]


@pytest.mark.parametrize("text, moment", LIMITS)
def test_the_end_of_a_limit_is_understood(text: str, moment: str):
    assert parse_reset_time(text, NOW) == datetime.fromisoformat(moment).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "try again later",
        "resets 3pm (Middle/Earth)",
        "resets 15pm",
        "resets at 25:00",
        "Resets 5 things",
        "resets Feb 30, 10am",
        "retried 5 times (total retry wait time: 380.35 seconds)",
        "resets Nov 29, 10am (UTC)",
        "resets Nov 29, 2026, 10am (UTC)",
        "Upgrade to Pro at 9:12 PM",
    ],
)
def test_a_sentence_without_a_future_end_has_none(text: str):
    assert parse_reset_time(text, NOW) is None


ZONES = ["UTC", "Asia/Seoul", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe",
         "America/St_Johns", "Pacific/Apia", "Etc/GMT+5"]  # fmt: skip
START = datetime(2025, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 7 * 365 * 86400).map(lambda seconds: START + timedelta(seconds=seconds))
MONTH = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
WEEKDAY = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def half(moment: datetime, blank: str = "", upper: bool = False) -> str:
    """Write a time of the day as people in America do."""
    words = f"{moment.hour % 12 or 12}:{moment.minute:02d}{blank}{'ap'[moment.hour >= 12]}m"
    return words.upper() if upper else words


def suffix(number: int) -> str:
    return {1: "st", 2: "nd", 3: "rd"}.get(0 if 10 < number < 20 else number % 10, "th")


FORMS: dict[str, tuple[timedelta, Callable[[datetime], str]]] = {
    "a date": (
        timedelta(days=150),
        lambda m: f"resets {MONTH[m.month - 1]} {m.day}, {half(m)}",
    ),
    "a date with its year": (
        timedelta(days=400),
        lambda m: (
            f"try again at {MONTH[m.month - 1]} {m.day}{suffix(m.day)}, {m.year}"
            f" {half(m, ' ', upper=True)}"
        ),
    ),
    "a weekday": (
        timedelta(days=6, hours=20),
        lambda m: f"resets {WEEKDAY[m.weekday()]} {half(m, ' ', upper=True)}",
    ),
    "a time": (timedelta(hours=22), lambda m: f"limit reached ∙ resets {half(m)}"),
    "24 hours": (timedelta(hours=22), lambda m: f"limit reached, resets at {m:%H:%M}"),
    "a moment": (timedelta(days=400), lambda m: f"available again at {m:%Y-%m-%d %H:%M}"),
}


@given(
    form=st.sampled_from(sorted(FORMS)),
    now=MOMENTS,
    ahead=st.floats(0.001, 1),
    zone=st.sampled_from(ZONES),
    named=st.booleans(),
)
def test_a_moment_that_a_program_writes_is_the_moment_that_is_read(
    form: str, now: datetime, ahead: float, zone: str, named: bool
):
    longest, write = FORMS[form]
    named = named and form != "a moment"
    target = (now + ahead * longest).replace(second=0, microsecond=0)
    local = target.astimezone(ZoneInfo(zone))
    assume(target > now)
    # Of an hour that comes twice, or near it, nobody can say which is meant.
    offsets = {(local + timedelta(hours=h)).utcoffset() for h in range(-26, 27)}
    assume(len(offsets) == 1 or form in ("a date with its year", "a moment"))
    assume(local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset())

    text = write(local) + (f" ({zone})" if named else "") + " · /upgrade to Max"

    assert parse_reset_time(text, now, UTC if named else ZoneInfo(zone)) == target


@given(
    now=MOMENTS,
    spans=st.tuples(st.integers(0, 6), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59)),
    words=st.sampled_from(["short", "long", "tight"]),
    trigger=st.sampled_from(["try again in", "resets in", "will reset after", "Please retry in"]),
)
def test_a_wait_that_a_program_writes_is_the_wait_that_is_read(
    now: datetime, spans: tuple[int, ...], words: str, trigger: str
):
    units = {
        "short": (" d", " h", " m", " s"),
        "long": (" days", " hours", " minutes", " seconds"),
        "tight": ("d", "h", "m", "s"),
    }[words]
    said = [f"{many}{unit}" for many, unit in zip(spans, units, strict=True) if many]
    assume(said)
    wait = timedelta(days=spans[0], hours=spans[1], minutes=spans[2], seconds=spans[3])

    text = f"{trigger} {('' if words == 'tight' else ' ').join(said)}. Upgrade for more."

    assert parse_reset_time(text, now) == now + wait


@given(st.text(max_size=40), st.sampled_from(["try again in ", "resets ", "resets Dec ", "until "]))
def test_no_text_breaks_the_reading_and_what_is_read_lies_ahead(text: str, before: str):
    found = parse_reset_time(before + text, NOW, ZoneInfo("Asia/Kolkata"))

    assert found is None or found > NOW


@pytest.mark.parametrize(
    "today, text, expected",
    [
        (date(2026, 12, 31), "resets Jan 2, 10am", datetime(2027, 1, 2, 10, tzinfo=UTC)),
        (date(2027, 1, 1), "resets Dec 31, 10am", None),
        (date(2028, 2, 27), "resets Feb 29, 10am", datetime(2028, 2, 29, 10, tzinfo=UTC)),
        (date(2027, 2, 27), "resets Feb 29, 10am", None),
    ],
)
def test_a_date_without_a_year_is_the_nearest_of_its_name(
    today: date, text: str, expected: datetime | None
):
    now = datetime.combine(today, datetime.min.time(), UTC) + timedelta(hours=12)

    if expected is None:
        found = parse_reset_time(text, now)
        assert found is None or found - now > timedelta(days=300)
    else:
        assert parse_reset_time(text, now) == expected


def limited(**info: object) -> str:
    event = {"resetsAt": 1796302800, "rateLimitType": "seven_day", **info}
    return json.dumps({"type": "rate_limit_event", "rate_limit_info": event})


def result(text: str, status: int | None = None, **more: object) -> str:
    base = {"type": "result", "subtype": "success", "is_error": True, "result": text}
    return json.dumps({**base, "api_error_status": status, **more})


def test_a_reset_time_counts_only_for_the_failure_it_belongs_to():
    rejected = limited(status="rejected")
    paid = limited(status="rejected", overageStatus="allowed", isUsingOverage=True)
    allowed = limited(status="allowed")

    assert read("claude-code", f"{rejected}\n{result('limit', 429)}")[0].resets_at is not None
    assert read("claude-code", f"{rejected}\n{result('read ECONNRESET')}")[0].resets_at is None
    assert read("claude-code", f"{paid}\n{result('limit', 429)}")[0].resets_at is None
    assert read("claude-code", f"{rejected}\n{allowed}\n{result('x', 429)}")[0].resets_at is None
    other = limited(status="allowed_warning", rateLimitType="five_hour")
    assert read("claude-code", f"{rejected}\n{other}\n{result('x', 429)}")[0].resets_at is not None
    good = result("done", is_error=False)
    assert read("claude-code", f"{rejected}\n{good}")[0].resets_at is None


def test_an_error_of_an_earlier_answer_does_not_name_the_class_of_a_later_one():
    limit = '{"type":"assistant","error":"rate_limit","message":{"content":[]}}'
    good = '{"type":"assistant","message":{"content":[{"type":"text","text":"on"}]}}'

    end, _ = read("claude-code", f"{limit}\n{good}\n{result('API Error: Request timed out.')}")

    assert end.error_class == "network"


@pytest.mark.parametrize(
    "errors, error_class",
    [
        (["read ECONNRESET"], "network"),
        (["API Error: 529 Overloaded"], "overloaded"),
        (["something else"], "agent"),
        ([], "agent"),
    ],
)
def test_an_error_during_execution_has_the_class_of_its_words(errors: list[str], error_class: str):
    event = {"type": "result", "subtype": "error_during_execution", "is_error": True}

    end, _ = read("claude-code", json.dumps({**event, "errors": errors}))

    assert end.error_class == error_class
    assert (errors or ["error_during_execution"])[0] in (end.error_message or "")


def test_the_last_error_of_codex_is_the_reason_where_the_turn_never_failed():
    stream = """
{"type":"turn.started"}
{"type":"error","message":"Reconnecting... 1/2"}
{"type":"error","message":"Selected model is at capacity. Please try a different model."}
"""
    end, _ = read("codex", stream, exit_code=1)

    assert end.error_class == "overloaded"
    assert "at capacity" in (end.error_message or "")


@pytest.mark.parametrize(
    "reason, exit_code, ok",
    [
        ("stop", 0, True),
        ("other", 0, True),
        ("other", 143, True),
        ("unknown", 0, False),
        ("tool-calls", 0, False),
        ("content-filter", 0, False),
        ("error", 0, False),
    ],
)
def test_the_last_reason_of_opencode_is_its_end(reason: str, exit_code: int, ok: bool):
    part = {"reason": reason, "cost": 0.1, "tokens": {"input": 1, "output": 1}}

    end, _ = read("opencode", json.dumps({"type": "step_finish", "part": part}), exit_code)

    assert end.ok is ok


def test_an_error_that_opencode_overcame_does_not_spoil_its_good_end():
    error = {"type": "error", "error": {"data": {"message": "Overloaded", "statusCode": 529}}}
    step = {"type": "step_finish", "part": {"reason": "stop", "tokens": {"output": 1}}}

    good, _ = read("opencode", f"{json.dumps(error)}\n{json.dumps(step)}")
    bad, _ = read("opencode", f"{json.dumps(step)}\n{json.dumps(error)}")

    assert good.ok
    assert (bad.ok, bad.error_class) == (False, "overloaded")


@pytest.mark.parametrize(
    "kind, event",
    [
        (
            "claude-code",
            {
                "type": "system",
                "subtype": "init",
                "mcp_servers": [
                    {"name": "files", "status": "connected"},
                    {"name": "search", "status": "failed"},
                    {"name": "wiki", "status": "needs-auth"},
                ],
            },
        ),
        (
            "copilot",
            {
                "type": "session.mcp_servers_loaded",
                "data": {
                    "servers": [
                        {"name": "files", "status": "connected"},
                        {"name": "search", "status": "failed", "error": "exit code 1"},
                        {"name": "wiki", "status": "needs-auth"},
                    ]
                },
            },
        ),
    ],
)
def test_an_mcp_server_that_did_not_start_has_one_line(kind: str, event: dict[str, object]):
    _, lines = read(kind, json.dumps(event))

    said = [line.content for line in lines if "MCP" in line.content]
    assert len(said) == 2
    assert said[0].startswith("the MCP server 'search' did not start: failed")
    assert said[1].startswith("the MCP server 'wiki' did not start: needs-auth")


@pytest.mark.parametrize(
    "error, said, error_class",
    [
        ("overloaded", "The service answered nothing.", "overloaded"),
        ("server_error", "The service answered nothing.", "overloaded"),
        ("oauth_org_not_allowed", "Your organization does not have access.", "credential"),
        ("account_on_hold", "Your account is on hold.", "credential"),
    ],
)
def test_each_error_that_claude_names_has_its_class(error: str, said: str, error_class: str):
    event = json.dumps({"type": "assistant", "error": error, "message": {"content": []}})

    end, _ = read("claude-code", f"{event}\n{result(said)}")

    assert end.error_class == error_class


@pytest.mark.parametrize(
    "said, error_class",
    [
        ("Loop detected, stopping execution", "agent"),
        ("Maximum session turns exceeded", "turn_limit"),
    ],
)
def test_gemini_that_stopped_its_model_has_failed_though_it_says_success(
    said: str, error_class: str
):
    stopped = json.dumps({"type": "error", "severity": "warning", "message": said})
    work = '{"type":"tool_use","tool_name":"shell","parameters":{}}'
    good = '{"type":"result","status":"success","stats":{"input_tokens":10}}'

    end, _ = read("gemini", f"{work}\n{stopped}\n{good}")
    overcome, _ = read("gemini", f"{stopped}\n{work}\n{good}")

    assert (end.ok, end.error_class, end.input_tokens) == (False, error_class, 10)
    assert said in (end.error_message or "")
    assert overcome.ok


def test_an_aborted_session_of_copilot_is_not_said_to_lack_its_end():
    idle = '{"type":"assistant.idle","data":{"aborted":true}}'

    end, _ = read("copilot", f'{idle}\n{{"type":"result","exitCode":0}}', 143)
    failed, _ = read("copilot", '{"type":"result","exitCode":3}', 3, "no such option")

    assert (end.error_class, failed.error_class) == ("no_output", "no_output")
    assert end.error_message == "the agent ended without a result: the session was aborted"
    said = "the agent ended without a result: the session ended with 3: no such option"
    assert failed.error_message == said


def test_the_message_of_an_opencode_that_printed_nothing_ends_with_its_exit_code():
    end, _ = read("opencode", "", 1)

    assert end.error_message == "the agent ended without a result: exit code 1"
