"""Secrets in every spelling, cut anywhere, among many: what leaves a job has none of them."""

from __future__ import annotations

import base64
import html
import json
import shlex
import string
import subprocess
from collections.abc import Callable
from textwrap import wrap

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.domain.runs.log import MAX_LINE_BYTES
from chalicelib.runner.output.log import JobLog
from chalicelib.runner.output.redact import Redactor
from chalicelib.runner.output.secret_forms import list_forms
from chalicelib.runner.output.secret_index import SecretIndex
from chalicelib.runner.output.text import LineSplitter

PASSWORD = 'it\'s "100%" `safe` & <sound> $HOME\\x, or {not}!'
TOKEN = "ghp_Zk7qX2mR9vLw4TfB8nYc1JsD6aHuEoPi3G5t"
visible = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs"))
values = st.text(visible, min_size=8, max_size=60)


def shown(text: str, *secrets: str) -> str:
    lines: list[str] = []
    reader = LineSplitter(lines.append, Redactor(secrets))
    reader.feed_bytes(text.encode())
    reader.feed_end()
    return "\n".join(lines)


def ask_bash(script: str, value: str) -> str:
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "SECRET": value},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout + done.stderr


SCRIPTS = {
    "set -x": 'set -x; : "$SECRET"',
    "export -p": "export -p",
    "printf %q": "printf '%q\\n' \"$SECRET\"",
    "@Q": 'echo "${SECRET@Q}"',
    "in C": 'LC_ALL=C; set -x; : "$SECRET"',
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
@pytest.mark.parametrize("value", [PASSWORD, "über'm $1\ttab", "a, b; c~d#e!f[g]", "~tilde^and=x"])
def test_bash_prints_no_secret_in_its_own_quoting(script: str, value: str):
    said = ask_bash(script, value)
    (kept,) = [line for line in shown(said, value).splitlines() if "***" in line]
    for word in value.replace("'", " ").split():
        assert len(word) < 4 or word not in kept


@settings(max_examples=40, deadline=None)
@given(st.text(st.sampled_from(string.printable[:94] + " éß"), min_size=8, max_size=40))
@example("########")
@example("~~~~''''")
def test_whatever_a_shell_quotes_is_redacted(value: str):
    if len(value.strip()) < 8:
        return
    for line in ask_bash(f"{SCRIPTS['printf %q']}; {SCRIPTS['@Q']}", value).splitlines():
        assert "***" in shown(line, value)
        assert len(shown(line, value).replace("***", "")) <= 4


@pytest.mark.parametrize("value", ["*" * 29, "!" * 600, "ab" * 2000, "a" * 300 + "b" * 300])
@pytest.mark.parametrize("spell", [str, lambda value: value.replace("*", "\\*"), str.upper])
def test_a_secret_of_few_different_characters_is_redacted(value: str, spell: Callable[[str], str]):
    text = spell(value)
    hidden = "***" in shown(f"> {text} <", value) and len(shown(f"> {text} <", value)) < 12
    assert hidden == (spell is not str.upper or text == value)


@settings(max_examples=50, deadline=None)
@given(values)
def test_each_spelling_is_redacted(value: str):
    spellings = (
        html.escape(value),
        html.escape(value, quote=False),
        shlex.quote(value)[1:-1] if shlex.quote(value) != value else value,
        json.dumps({"a": value})[7:-2],
        value.encode().hex(),
        base64.b64encode(value.encode()).decode(),
    )
    for spelling in spellings:
        assert shown(f"> {spelling}", value).replace("***", "").strip("> =") == ""


@settings(max_examples=60, deadline=None)
@given(
    st.text(visible, min_size=24, max_size=120),
    st.text(visible, max_size=90),
    st.text(visible, max_size=90),
    st.sampled_from([40, 64, 76, 80]),
)
def test_wrapped_base64_with_text_around_a_secret_is_redacted(
    secret: str, before: str, after: str, width: int
):
    encoded = base64.b64encode(f"{before}{secret}{after}".encode()).decode()
    kept = shown("\n".join(wrap(encoded, width)) + "\n", secret)

    first = len(before.encode()) * 8 // 6 + 2
    last = len(f"{before}{secret}".encode()) * 8 // 6 - 2
    inner = encoded[first:last]
    if len(encoded) > width:  # one line is found without its neighbours, shorter widths are not
        assert "***" in kept
        joined = kept.replace("\n", "")
        assert not any(inner[at : at + 6] in joined for at in range(len(inner) - 6))


@settings(max_examples=40, deadline=None)
@given(values, st.text(visible, max_size=30), st.text(visible, max_size=30))
def test_the_index_finds_what_a_plain_search_finds(value: str, before: str, after: str):
    index = SecretIndex([("NAME", value)])
    for form in list_forms(value):
        text = f"{before}{form.text}{after}"
        covered = [(span.start, span.end) for span in index.find_spans(text)]
        start, end = len(before), len(before) + len(form.text)
        assert all(any(a <= at < b for a, b in covered) for at in range(start, end)), form


@pytest.mark.parametrize("number", [1, 400])
def test_of_many_secrets_that_begin_alike_each_is_found(number: int):
    secrets = [f"sk-ant-api03-{place:05}-{TOKEN}" for place in range(number)]
    redactor = Redactor(secrets)
    for secret in secrets[:: max(1, number // 20)]:
        assert redactor.redact_text(f"x{secret}y") == "x***y"


LARGE = "".join(f"{number:05}x{number * 7919 % 99991:05}/" for number in range(5000))


def test_a_part_of_a_large_secret_is_found():
    redactor = Redactor([LARGE[:60_000]])
    for start in range(0, 59_000, 3977):
        part = LARGE[start : start + 64]
        assert "***" in redactor.redact_text(f"line: {part}")
        assert len(redactor.redact_text(f"line: {part}")) < 10 + 12
    encoded = base64.b64encode(LARGE[:60_000].encode()).decode()
    kept = [redactor.redact_text(line) for line in wrap(encoded, 76)]
    assert all(len(line) <= 2 * len("***") for line in kept[:-1])


def test_a_secret_at_the_place_where_a_line_is_cut_shows_no_half():
    for shift in range(-45, 5):
        log = JobLog(Redactor([TOKEN]))
        log.add_line("agent", "x" * (MAX_LINE_BYTES + shift) + TOKEN + "y" * 50_000)
        (entry,) = log.next_batch()
        assert not any(TOKEN[at : at + 5] in entry.content for at in range(len(TOKEN) - 5))
        line = shown("x" * (MAX_LINE_BYTES + shift) + TOKEN + "y" * 50_000 + "\n", TOKEN)
        assert not any(TOKEN[at : at + 5] in line for at in range(len(TOKEN) - 5))


def test_strings_inside_a_secret_are_redacted_where_they_are_printed_decoded():
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSi\nq83v\n-----END"
    account = json.dumps(
        {
            "type": "service_account",
            "region": "us-east-1",
            "private_key": key,
            "client_email": "robot@project.example.com",
            "auth_uri": "https://accounts.example.com/o/oauth2/auth",
            "nested": [{"password": "hunter2-hunter2"}],
        }
    )
    said = f"service_account us-east-1 https://accounts.example.com\n{key}\n"
    kept = shown(said + "password is hunter2-hunter2", account).splitlines()

    assert kept[0] == said.splitlines()[0]
    assert kept[2] == "***"
    assert kept[-1] == "password is ***"


def test_values_of_a_settings_file_and_passwords_of_a_url_are_redacted():
    settings_file = "REGION=eu-west-1\nexport DB_PASSWORD='correct-horse'\n"
    assert shown("it is correct-horse in eu-west-1", settings_file) == "it is *** in eu-west-1"
    url = "postgres://app:p%40ss-w0rd@db.example.com/app"
    assert shown("p@ss-w0rd and p%40ss-w0rd", url) == "*** and ***"


def test_the_border_of_a_key_file_is_no_secret():
    key = f"-----BEGIN PRIVATE KEY-----\n{TOKEN}{TOKEN}\n-----END PRIVATE KEY-----\n"
    assert shown(f"-----BEGIN PRIVATE KEY-----\n{TOKEN}{TOKEN}", key).splitlines() == [
        "-----BEGIN PRIVATE KEY-----",
        "***",
    ]


def test_a_strict_search_takes_no_ordinary_part_for_a_secret():
    account = json.dumps({"auth_uri": "https://accounts.example.com/o/oauth2/auth", "key": TOKEN})
    index = SecretIndex([("ACCOUNT", account)])
    text = 'url = "https://accounts.example.com/o/oauth2/auth"'

    assert index.find_spans(text, strict=True) == []
    (span, *_) = index.find_spans(f"{text} {TOKEN}", strict=True)
    assert span.name == "ACCOUNT"


@pytest.mark.parametrize(
    "said, lines",
    [
        pytest.param("1%\r2%\r3%\n", ["3%"], id="the last state"),
        pytest.param("".join(f"{n} of 9999\r" for n in range(999)), ["998 of 9999"], id="long"),
        pytest.param("a\r\nb\r\n", ["a", "b"], id="line ends of Windows"),
        pytest.param("a\r\r\nb", ["a", "b"], id="doubled"),
    ],
)
def test_of_a_line_that_is_written_over_the_last_state_is_kept(said: str, lines: list[str]):
    assert shown(said).splitlines() == lines
    pieces: list[str] = []
    reader = LineSplitter(pieces.append, None)
    for char in said:
        reader.feed_bytes(char.encode())
    reader.feed_end()
    assert pieces == lines


def test_a_question_is_shown_while_its_program_waits_for_an_answer():
    lines: list[str] = []
    reader = LineSplitter(lines.append, Redactor([TOKEN]))
    reader.feed_bytes(b"ready\nPassword: ")
    reader.flush_unfinished()
    assert lines == ["ready", "Password: "]
    reader.feed_bytes(f"token {TOKEN[:20]}".encode())
    reader.flush_unfinished()
    assert lines[2:] == ["token "]
    reader.feed_bytes(f"{TOKEN[20:]}\n".encode())
    reader.flush_unfinished()
    assert lines[3:] == ["***"]


def test_lines_of_a_protocol_are_never_shown_by_halves():
    lines: list[str] = []
    reader = LineSplitter(lines.append, None)
    reader.feed_bytes(b'{"type":')
    reader.flush_unfinished()
    reader.feed_bytes(b'"end"}\n')
    assert lines == ['{"type":"end"}']
