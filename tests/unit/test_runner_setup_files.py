"""Setup hands variables, directories of the PATH and values to redact to the agent."""

from __future__ import annotations

import os
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.domain.blueprints.blueprint import AGENTS
from chalicelib.runner.errors import JobFailed
from chalicelib.runner.sandbox.setup_files import (
    MAX_BYTES,
    VARIABLE_FILES,
    make_setup_files,
    parse_path,
    parse_variables,
    read_setup_files,
)
from tests.support.fake_runner_api import PlayedApi, do, git, job

NAMES = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,20}\Z").map(lambda name: f"MY_{name}")
TEXTS = st.text(
    st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=60
) | st.text("<=\n EOF\t\"'$", max_size=30)


def as_bash_writes(variables: dict[str, str], multi_line: bool) -> str:
    """Write the file as scripts do: echo for a line, and a block with an end of its own."""
    written = ""
    for number, (name, value) in enumerate(variables.items()):
        if multi_line or "\n" in value:
            end = f"END_{number}"
            while end in value.split("\n"):
                end += "_"
            written += f"{name}<<{end}\n{value}\n{end}\n"
        else:
            written += f"{name}={value}\n"
    return written


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(variables=st.dictionaries(NAMES, TEXTS, max_size=5), multi_line=st.booleans())
def test_what_is_written_is_read(variables: dict[str, str], multi_line: bool):
    assert parse_variables(as_bash_writes(variables, multi_line)) == variables


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.text(string.printable, max_size=80))
def test_any_other_text_is_read_or_refused_by_its_line(text: str):
    variables, failure = {}, None
    try:
        variables = parse_variables(text)
    except JobFailed as refused:
        failure = refused
    assert failure is None or failure.error_class == "setup"
    assert failure is None or "of what setup wrote to $OPTIO_ENV" in failure.message
    assert all(name.isidentifier() and name.isascii() for name in variables)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("A=1\r\nB=2\n", {"A": "1", "B": "2"}),
        ("A=1\nA=2\n", {"A": "2"}),
        ("A==x<<y\n", {"A": "=x<<y"}),
        ("A<<E\nx=1\nE \nE\n", {"A": "x=1\nE "}),
        ("A<<E\nE\n", {"A": ""}),
        ("A<<=\n1\n=\n", {"A": "1"}),
        ("\n\nA=\n", {"A": ""}),
    ],
)
def test_a_table_of_files(text: str, expected: dict[str, str]):
    assert parse_variables(text) == expected


@pytest.mark.parametrize(
    "text, words",
    [
        ("OPTIO_TASK_ID=1", "line 1 "),
        ("A=1\nhttps_proxy=x", "line 2 "),
        ("ALL_PROXY=x", "not for setup"),
        ("ANTHROPIC_BASE_URL=x", "not for setup"),
        ("OPENAI_API_KEY<<E\nx\nE", "not for setup"),
        ("CODEX_HOME=x", "not for setup"),
        ("HOME=/x", "not for setup"),
        ("PATH=/x", "$OPTIO_PATH"),
        ("NPM_TOKEN=x", "is a secret of this job"),
        ("1A=x", "letters, digits"),
        ("A B=x", "letters, digits"),
        ("export A=x", "letters, digits"),
        ("no equals sign hunter2", "NAME=value"),
        ("A<<E\nhunter2", "is missing"),
        ("A<<\nx\n", "a word after <<"),
    ],
)
def test_what_is_refused_names_the_line_and_repeats_no_value(text: str, words: str):
    with pytest.raises(JobFailed) as refused:
        parse_variables(text, {"NPM_TOKEN"})
    assert words in refused.value.message
    assert "hunter2" not in refused.value.message


def test_every_variable_that_an_agent_takes_its_credential_from_is_refused():
    from chalicelib.integrations.agents import agent_for
    from chalicelib.integrations.agents.base import AgentTask

    names = {
        name
        for kind in AGENTS
        if (agent := agent_for(kind)) is not None
        for name in agent.build_invocation(
            AgentTask(command="x", model=None, max_turns=None), {}
        ).lacks
    }
    assert "OPENAI_API_KEY" in names
    for name in names:
        with pytest.raises(JobFailed, match="not for setup to change"):
            parse_variables(f"{name}=x")


def test_the_last_directory_comes_first_in_the_path():
    assert parse_path("/a/bin\r\n\n/b/bin\n") == ("/b/bin", "/a/bin")
    for text in ("bin", "/a:/b"):
        with pytest.raises(JobFailed, match=r"line 1 of what setup wrote to .OPTIO_PATH"):
            parse_path(text)


def replaced(path: Path, kind: str, tmp: Path) -> None:
    path.unlink()
    if kind == "a link":
        (tmp / "elsewhere").write_text("A=stolen\n")
        path.symlink_to(tmp / "elsewhere")
    elif kind == "another name of a file":
        (tmp / "elsewhere").write_text("A=stolen\n")
        path.hardlink_to(tmp / "elsewhere")
    elif kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a directory":
        path.mkdir()
    elif kind == "too much":
        path.write_bytes(b"A=" + b"x" * MAX_BYTES)
    elif kind == "no text":
        path.write_bytes(b"A=\xff")
    elif kind == "a zero byte":
        path.write_bytes(b"A=\0")


@pytest.mark.parametrize("name", sorted(VARIABLE_FILES.values()))
@pytest.mark.parametrize(
    "kind",
    [
        *("a link", "another name of a file", "a pipe", "a directory"),
        *("too much", "no text", "a zero byte"),
    ],
)
def test_what_is_no_plain_file_is_refused_at_once(kind: str, name: str, tmp_path: Path):
    folder = tmp_path / "setup"
    make_setup_files(folder, None)
    replaced(folder / name, kind, tmp_path)

    with pytest.raises(JobFailed) as refused:
        read_setup_files(folder, os.geteuid(), ())

    assert refused.value.error_class == "setup"
    assert "$OPTIO_" in refused.value.message


def test_nothing_is_taken_from_files_that_are_not_there_or_empty(tmp_path: Path):
    folder = tmp_path / "setup"
    make_setup_files(folder, None)
    (folder / "env").unlink()
    files = read_setup_files(folder, os.geteuid(), ())
    assert (files.variables, files.path_entries, files.masked) == ({}, (), ())


HAND_ON = r"""
mkdir -p "$HOME/tools" "$HOME/.local/bin"
printf '#!/bin/sh\necho own tool\n' > "$HOME/tools/mytool"
printf '#!/bin/sh\necho local tool\n' > "$HOME/.local/bin/localtool"
chmod +x "$HOME/tools/mytool" "$HOME/.local/bin/localtool"
echo "$HOME/tools" >> "$OPTIO_PATH"
echo "DATABASE_URL=postgres://local" >> "$OPTIO_ENV"
printf 'KEY<<END\nline one\nline two\nEND\n' >> "$OPTIO_ENV"
printf 'GIT_AUTHOR_NAME=Mallory\nGIT_DIR=/nowhere\n' >> "$OPTIO_ENV"
echo made-by-"setup"-7f > "$OPTIO_MASK"
echo abc >> "$OPTIO_MASK"
"""
SHOW = (
    'echo "$DATABASE_URL"; echo "$KEY"; mytool; localtool; echo made-by-setup-7f;'
    ' echo "env ${OPTIO_ENV-none}"; ls -d "$(dirname "$OPTIO_OUTPUT")/setup"; '
)


@pytest.mark.parametrize("sandbox", ["auto", "off"])
def test_agent_and_tests_have_what_setup_handed_on(
    api: PlayedApi, tmp: Path, origin: Path, sandbox: str
):
    repo = {"setupCommands": HAND_ON, "testCommand": SHOW + "exit 3"}
    command = SHOW + "unset GIT_DIR; echo 1 > made"

    report = do(api, tmp, job(command, origin, repo=repo), "--sandbox", sandbox)

    assert report["outcome"] == "succeeded", report["errorMessage"]
    assert report["resultSummary"].startswith(
        "postgres://local\nline one\nline two\nown tool\nlocal tool\n***\nenv none"
    )
    assert api.text.splitlines().count("own tool") == 2
    assert "No such file" in api.text
    assert "made-by-setup-7f" not in api.text
    assert "1 values in $OPTIO_MASK are shorter" in api.text
    log = git("log", "-1", "--format=%an", report["branch"], cwd=origin)
    assert log == "Optio", "what setup hands on reaches no git of the runner"


def test_a_refused_name_ends_the_job_before_the_agent(api: PlayedApi, tmp: Path, origin: Path):
    setup = 'echo "https_proxy=http://evil" > "$OPTIO_ENV"'
    report = do(api, tmp, job("echo ran", origin, repo={"setupCommands": setup}))

    assert (report["stage"], report["errorClass"]) == ("setup", "setup")
    assert "https_proxy is not for setup to change" in report["errorMessage"]
    assert "ran" not in api.text.splitlines()


@pytest.mark.parametrize("setup", ["false\necho on", "false | tee /dev/null\necho on"])
def test_setup_and_tests_end_at_the_first_line_that_fails(
    api: PlayedApi, tmp: Path, origin: Path, setup: str
):
    report = do(api, tmp, job("echo ran", origin, repo={"setupCommands": setup}))
    assert (report["stage"], report["errorClass"]) == ("setup", "setup")
    assert "ran" not in api.text.splitlines()

    api.reports.clear()
    report = do(api, tmp, job("false\necho 1 > made", origin, repo={"testCommand": setup}))
    assert report["outcome"] == "succeeded"
    assert (report["tests"]["passed"], report["tests"]["exitStatus"]) == (False, 1)


def test_the_runners_path_can_be_named_in_a_path(api: PlayedApi, tmp: Path):
    order = job("basename $(command -v bash); echo $PATH", environment={"PATH": "$HOME/x:${PATH}"})

    report = do(api, tmp, order)

    assert report["outcome"] == "succeeded", report["errorMessage"]
    name, path = report["resultSummary"].split("\n")
    assert name == "bash"
    assert path.split(":")[0].endswith("/home/x")
    assert path.endswith(os.environ["PATH"])


@pytest.mark.parametrize("sandbox", ["auto", "off"])
@pytest.mark.parametrize(
    "given, words",
    [
        ({"BIG": "x" * 200_000}, "the variable BIG takes 200,005 bytes"),
        ({f"N{n}": "x" * 100_000 for n in range(80)}, "take 8,"),
    ],
    ids=["one", "many"],
)
def test_an_environment_that_the_kernel_would_refuse_is_refused_before_the_agent(
    api: PlayedApi, tmp: Path, origin: Path, given: dict[str, str], words: str, sandbox: str
):
    report = do(api, tmp, job("echo ran", origin, secrets=given), "--sandbox", sandbox)

    assert (report["outcome"], report["errorClass"]) == ("failed", "setup")
    assert "the environment of this job is more than the kernel takes" in report["errorMessage"]
    assert words in report["errorMessage"]
    assert api.text.splitlines()[-1] == report["errorMessage"]


IDENTITY = {"name": 'Jo "the bot" \\ Doe', "email": "jo@example.com"}


@pytest.mark.parametrize(
    "identity, setup, expected",
    [
        (None, None, "Optio <optio@localhost>"),
        (IDENTITY, None, 'Jo "the bot" \\ Doe <jo@example.com>'),
        (IDENTITY, "git config user.name Own", "Own <jo@example.com>"),
        (IDENTITY, "git config --global user.email o@x", 'Jo "the bot" \\ Doe <o@x>'),
    ],
)
def test_git_of_a_job_has_an_identity_that_setup_may_change(
    api: PlayedApi,
    tmp: Path,
    origin: Path,
    identity: dict[str, str] | None,
    setup: str | None,
    expected: str,
):
    repo: dict[str, Any] = {"identity": identity, "setupCommands": setup}
    command = "echo 1 > a; git add a; git commit -qm own; echo 2 > a; git stash -q; git stash pop"

    report = do(api, tmp, job(command, origin, repo=repo))

    assert report["outcome"] == "succeeded", report["errorMessage"]
    log = git("log", "-2", "--format=%an <%ae>|%cn <%ce>", report["branch"], cwd=origin).split("\n")
    last = "Optio <optio@localhost>" if identity is None else 'Jo "the bot" \\ Doe <jo@example.com>'
    assert log == [f"{last}|{last}", f"{expected}|{expected}"]
