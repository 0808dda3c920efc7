"""`optio`, the installed program, against the deployed package: every command there is."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import System, until
from tests.support.cli_commands import commands
from tests.support.documents import ROOT

pytestmark = pytest.mark.slow

OPTIO = str(ROOT / ".venv" / "bin" / "optio")
STYLE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
FILE = """
repos:
  - repoUrl: https://git.example.com/acme/shop
    setupCommands: "true"
templates:
  - name: greet
    template: Say hello to {{who}}.
blueprints:
  - name: Greet
    type: standalone
    promptTemplate: greet
    agentType: command
    agentCommand: "cat; sleep 1; echo; echo done; echo hello > $OPTIO_OUTPUT/greeting.txt"
    triggers:
      - type: schedule
        config: {cronExpression: "0 3 * * *", timezone: Europe/Berlin}
        paramMapping: {who: all}
      - type: webhook
        config: {path: greet, secret: {env: GREET_SECRET}}
"""


class Person:
    """A user with a home directory, who types `optio` and records the used commands."""

    def __init__(self, system: System, home: Path) -> None:
        self.system = system
        self.home = home
        self.used: set[str] = set()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "COLUMNS": "140",
            "TERM": "xterm-256color",
            "GREET_SECRET": "a secret of the greeter",
        }

    def run(self, *words: str, given: str = "") -> tuple[int, str, str]:
        self._note(words)
        done = subprocess.run(
            [OPTIO, *words],
            cwd=self.home,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def ok(self, *words: str, given: str = "") -> str:
        code, said, errors = self.run(*words, given=given)
        assert code == 0, (words, said, errors, self.system.story())
        return said

    def json(self, *words: str, given: str = "") -> Any:
        return json.loads(self.ok(*words, "--json", given=given))

    def lines(self, *words: str) -> list[Any]:
        return [json.loads(line) for line in self.ok(*words, "--json").splitlines()]

    def types(self, *words: str, answers: dict[str, str]) -> tuple[int, str]:
        """Type a command at a real terminal, and an answer to each question that it asks."""
        self._note(words)
        here, there = pty.openpty()
        process = subprocess.Popen(
            [OPTIO, *words],
            cwd=self.home,
            env=self.environment,
            stdin=there,
            stdout=there,
            stderr=there,
            start_new_session=True,
        )
        os.close(there)
        seen, left, end = "", dict(answers), time.monotonic() + 120
        while time.monotonic() < end:
            if select.select([here], [], [], 0.2)[0]:
                try:
                    seen += os.read(here, 65536).decode()
                except OSError:
                    break
            for question in [one for one in left if one in STYLE.sub("", seen)]:
                time.sleep(0.5)  # what is typed before the echo is off is thrown away
                os.write(here, f"{left.pop(question)}\n".encode())
        os.close(here)
        return process.wait(10), seen

    def _note(self, words: tuple[str, ...]) -> None:
        known = (f"optio {' '.join(words[:size])}" for size in (2, 1))
        self.used.update(name for name in known if name in commands())


@pytest.fixture
def person(system: System, tmp_path: Path) -> Person:
    made = Person(system, tmp_path)
    made.ok("login", "--url", system.card["url"], given=f"{system.card['token']}\n")
    (tmp_path / "blueprints.yaml").write_text(FILE)
    return made


def test_every_command_works_and_speaks_json(person: Person):
    person.ok("secret", "set", "NPM_TOKEN", given="hush-hush\n")
    assert [one["name"] for one in person.json("secret", "list")["secrets"]].count("NPM_TOKEN") == 1
    assert person.json("secret", "delete", "NPM_TOKEN")["deleted"] == "NPM_TOKEN"

    file = ("apply", "-f", "blueprints.yaml")
    assert person.run(*file, "--check")[0] == 7
    assert person.run(*file)[0] == 2
    done = person.json(*file, "--yes")
    assert (done["applied"], len(done["changes"])) == (True, 3)
    assert "nothing to do" in person.ok(*file, "--yes")
    person.ok("export", "--output", "all.yaml")
    assert "nothing to do" in person.ok("apply", "-f", "all.yaml", "--check")
    assert {"Greet"} <= {one["name"] for one in person.json("export")["blueprints"]}

    listed = person.json("schedule", "list")["schedules"]
    assert "Greet" in [one["taskName"] for one in listed]
    assert len(person.json("schedule", "next", "Greet")["schedules"][0]["nextFireTimes"]) == 5
    assert person.json("schedule", "pause", "Greet")["schedules"][0]["nextFireAt"] is None
    assert person.json("schedule", "resume", "Greet")["schedules"][0]["nextFireAt"]
    assert person.json("schedule", "explain", "Greet")["answers"][0]["answer"]

    *logs, last = person.lines("task", "run", "Greet", "-p", "who=ann", "--follow")
    assert "Say hello to ann." in [line["content"] for line in logs]
    run = last["run"]["id"]
    assert last["run"]["state"] == "completed"
    told = [line["content"] for line in person.lines("task", "logs", run)]
    assert "done" in told
    assert person.lines("task", "logs", run, "--follow")[-1]["run"]["id"] == run
    assert person.json("task", "show", run[:8])["task"]["id"] == run
    (left,) = person.json("task", "files", run[:8])["outputs"]
    assert left["name"] == "greeting.txt"
    person.ok("task", "files", run[:8], "--into", "saved")
    assert (person.home / "saved" / "greeting.txt").read_text() == "hello\n"
    assert run in [one["id"] for one in person.json("task", "list")["tasks"]]
    assert run in [one["taskId"] for one in person.json("task", "firings", "Greet")["firings"]]
    copy = person.json("task", "clone", "Greet")["task"]["id"]
    assert person.json("task", "delete", copy, "--yes")["deleted"] == copy
    assert person.json("api", "GET", "/api/health")

    words = ("--prompt", "Wait.", "--agent", "command", "--agent-command", "sleep 60")
    kept = person.json("task", "new", *words, "--type", "standalone", "--name", "Waits")
    second = person.json("task", "run", kept["task"]["id"])["runId"]

    def works() -> bool:
        return bool(person.json("task", "show", second)["task"]["state"] == "running")

    until(works, 60, person.system.story)
    assert person.json("task", "cancel", second)["tasks"][0]["state"] == "cancelled"
    code, said, _ = person.run("task", "logs", second, "--follow", "--json")
    assert (code, json.loads(said.splitlines()[-1])["run"]["state"]) == (1, "cancelled")
    assert person.json("task", "retry", second)["tasks"][0]["state"] == "queued"
    person.ok("task", "cancel", second)
    assert person.json("task", "pause", "Waits")["task"]["enabled"] is False
    assert person.json("task", "resume", "Waits")["task"]["enabled"] is True
    assert person.json("task", "delete", "Waits", "--yes")["deleted"] == kept["task"]["id"]

    def ticked() -> bool:
        return "the last tick was" in person.run("doctor")[1]

    until(ticked, 150, person.system.story)
    found = {one["check"]: one["verdict"] for one in person.json("doctor")["findings"]}
    assert {found[name] for name in ("login", "reach", "key", "scheduler")} == {"ok"}
    assert person.used == commands()


@pytest.mark.parametrize(
    "words, code",
    [
        pytest.param(("task", "show", "nobody-knows-it"), 4, id="not found"),
        pytest.param(("task", "new", "--prompt", "x", "--repo", "no repo"), 5, id="refused"),
        pytest.param(("task", "list", "--no-such-option"), 2, id="usage"),
        pytest.param(("apply", "-f", "not-there.yaml"), 2, id="no such file"),
    ],
)
def test_a_script_can_tell_why_it_failed(person: Person, words: tuple[str, ...], code: int):
    found, _, errors = person.run(*words, "--json")
    assert (found, json.loads(errors)["exitCode"]) == (code, code)


def test_a_wrong_token_and_a_stage_that_is_not_there_are_told_apart(person: Person):
    person.environment |= {"OPTIO_URL": person.system.card["url"], "OPTIO_TOKEN": "optio_pat_no"}
    assert person.run("task", "list")[0] == 3
    person.environment["OPTIO_URL"] = "http://127.0.0.1:9"
    assert person.run("task", "list")[0] == 6


def test_at_a_terminal_people_are_asked_shown_colours_and_not_their_secrets(person: Person):
    url, token = person.system.card["url"], person.system.card["token"]
    code, seen = person.types("login", answers={"URL of the stage": url, "Token": token})
    assert (code, token in seen) == (0, False)
    assert "logged in to" in STYLE.sub("", seen)

    changed = FILE.replace("Say hello to {{who}}.", "Say good evening to {{who}}.")
    (person.home / "blueprints.yaml").write_text(changed)
    code, seen = person.types("apply", "-f", "blueprints.yaml", answers={"Apply?": "n"})
    assert code == 1
    assert "nothing was changed" in STYLE.sub("", seen)
    code, seen = person.types("apply", "-f", "blueprints.yaml", answers={"Apply?": "y"})
    assert code == 0
    assert "\x1b[" in seen
    plain = STYLE.sub("", seen)
    assert re.search(r"(created|changed)", plain)

    code, seen = person.types("secret", "set", "DEPLOY_KEY", answers={"Value of": "hush-hush"})
    assert (code, "hush-hush" in seen) == (0, False)
    code, seen = person.types("task", "run", "Greet", "-p", "who=bob", "--follow", answers={})
    assert code == 0
    plain = STYLE.sub("", seen)
    assert "Say good evening to bob." in plain
    assert "── completed" in plain
    code, seen = person.types("task", "list", answers={})
    assert "Greet" in STYLE.sub("", seen)
