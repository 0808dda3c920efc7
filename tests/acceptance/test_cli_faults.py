"""The command line where something around it is wrong: one sentence, one exit code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.text import Text

from optio_cli.core import config
from optio_cli.core.errors import ExitCode, Failure
from optio_cli.core.output import CommandOutput
from optio_cli.files import documents
from tests.conftest import Stage
from tests.support.cli import Terminal, served


@pytest.fixture
def terminal(stage: Stage, tmp_path: Path) -> Iterator[Terminal]:
    with served(stage) as url:
        yield Terminal(url, tmp_path)


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({"OPTIO_URL": "https://[::1"}, id="half an address"),
        pytest.param({"OPTIO_URL": "https://a:b:c"}, id="no port"),
        pytest.param({"OPTIO_TOKEN": "optio_pat_…"}, id="the token of the manual"),
        pytest.param({"OPTIO_TOKEN": "optio_pat_a b"}, id="two words"),
        pytest.param({"ALL_PROXY": "socks5://127.0.0.1:9"}, id="a proxy nobody can use"),
        pytest.param({"ALL_PROXY": "gopher://x"}, id="a proxy of no kind"),
        pytest.param({"SSL_CERT_FILE": "/nowhere.pem"}, id="certificates that are not there"),
    ],
)
def test_a_bad_environment_is_told_in_one_sentence(terminal: Terminal, variables: dict[str, str]):
    code, said, errors = terminal.run("task", "list", **variables)
    assert code in (ExitCode.USAGE, ExitCode.UNAVAILABLE)
    assert said == ""
    assert errors.startswith("error: ")
    assert "Traceback" not in errors


def test_a_machine_without_a_home_may_say_all_by_variables(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("HOME")
    known = {"OPTIO_URL": "https://optio.example", "OPTIO_TOKEN": "optio_pat_x"}
    assert config.load_login(known).url == "https://optio.example"
    assert config.config_path({}).parts[-3:] == (".config", "optio", "config.json")


def test_a_login_that_cannot_be_kept_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    login = config.Login(url="https://optio.example", token="optio_pat_x")
    with pytest.raises(Failure, match=r"config\.json cannot be written"):
        config.save_login(login, {"XDG_CONFIG_HOME": str(tmp_path / "file")})


def test_a_path_keeps_its_own_query(terminal: Terminal):
    kept = ("--type", "standalone", "--agent", "command", "--agent-command", "true")
    terminal.ok("task", "new", "--prompt", "Look.", *kept)
    for kind, number in (("standalone", 1), ("repo-blueprint", 0)):
        found = json.loads(terminal.ok("api", "GET", f"/api/tasks?type={kind}&limit=1"))
        assert len(found["tasks"]) == number


def test_a_value_that_is_no_json_is_refused_before_it_is_sent(terminal: Terminal):
    code, _, errors = terminal.run("api", "POST", "/api/repos", "--data", '{"a": NaN}')
    assert (code, errors) == (2, "error: --data is not valid JSON: NaN is not a JSON value\n")


@pytest.mark.parametrize("sent", ['{"repoUrl": "\\ud800"}', '{"repoUrl": "\udcff"}'])
def test_what_no_encoding_can_write_is_not_sent(terminal: Terminal, sent: str):
    code, _, errors = terminal.run("api", "POST", "/api/repos", "--data", sent)
    assert (code, errors) == (2, "error: the data to send is not valid UTF-8\n")


def test_bytes_that_are_no_text_are_no_secret(terminal: Terminal):
    code, _, errors = terminal.run("secret", "set", "X", given="\udcff\udcfe")
    assert (code, errors) == (2, "error: the data on standard input is not valid UTF-8\n")


def bomb(form: str) -> str:
    """Return some lines of YAML that stand for a billion values."""
    lines = (f"a{n}: &a{n} {form.format(','.join([f'*a{n - 1}'] * 10))}\n" for n in range(1, 10))
    return "a0: &a0 {x: y}\n" + "".join(lines)


@pytest.mark.parametrize(
    "text, told",
    [
        ("blueprints:\n- name: a\n  prompt: x\n  prompt: y\n", "'prompt' is defined twice here"),
        ("blueprints: []\nrepos: []\nblueprints: []\n", "'blueprints' is defined twice here"),
        (
            "blueprints:\n- name: a\n  timeoutMinutes: .nan\n",
            "has a value that JSON cannot represent",
        ),
        (
            "blueprints:\n- name: a\n  prompt: !!binary aGk=\n",
            "has a value that JSON cannot represent",
        ),
        ("repos: &a\n- *a\n", "has a value that JSON cannot represent"),
        ("repos: !!int x\n", "is not valid YAML"),
        ("repos: !!bool x\n", "is not valid YAML"),
        ("repos: !!timestamp x\n", "is not valid YAML"),
        pytest.param("[" * 5000, "is not valid YAML", id="deep"),
        pytest.param(bomb("[{}]"), "characters in total", id="many are named again"),
        pytest.param(bomb("{{<<: [{}]}}"), "characters in total", id="many are merged again"),
    ],
)
def test_a_file_that_says_something_twice_or_nothing_sendable_is_refused(text: str, told: str):
    with pytest.raises(Failure, match=told):
        documents.parse_documents([("a.yaml", text)], {})


def test_what_is_merged_in_may_be_overridden():
    text = """
variables:
  usual: &usual {agentType: command, agentCommand: "true"}
  loud: &loud {<<: *usual, agentCommand: "echo hi"}
blueprints:
- {<<: *loud, name: a, prompt: x, agentCommand: "echo a"}
- {<<: *loud, name: b, prompt: x}
"""
    found = documents.parse_documents([("a.yaml", text)], {})
    assert [one["agentCommand"] for _, one in found.blueprints] == ["echo a", "echo hi"]


@pytest.mark.parametrize("said", [str, Text], ids=["a text", "a text with colours"])
def test_nothing_that_is_told_steers_the_terminal(
    capsys: pytest.CaptureFixture[str], said: Callable[[str], str | Text]
):
    out = CommandOutput(as_json=False)
    out.print_text(said("failed: \u202e\x1b]0;mine\x07[/red]\x9b2J[bold]x\u2066"))
    out.print_note("\x1b[2J[/red]")

    shown = capsys.readouterr()
    assert shown.out == "failed: ]0;mine[/red]2J[bold]x\n"
    assert shown.err == "[2J[/red]\n"
