"""The command line against the real app: what people see, and what scripts rely on."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest
import requests

from chalicelib import wiring
from chalicelib.domain.runs.state import State
from chalicelib.settings import settings
from tests.conftest import RUNNER_TOKEN, TOKEN, Stage
from tests.support.cli import Terminal
from tests.support.cli_findings import findings
from tests.support.cli_findings import terminal as terminal
from tests.support.failing_blueprint import BODY as BREAKING
from tests.support.failing_blueprint import ran
from tests.support.runner_calls import claimed, line, runner

FILE = """
repos:
  - repoUrl: Acme/Web.git
    setupCommands: |
      npm ci
      npm test
templates:
  - name: bump
    template: |
      Bump {{what}}.
      Run the tests.
blueprints:
  - name: Weekly bump
    repoUrl: acme/web
    promptTemplate: bump
    agentType: command
    agentCommand: "true"
    triggers:
      - type: schedule
        config:
          cronExpression: "0 6 * * 1"
          timezone: Europe/Berlin
          startAt: 2026-06-01T08:00:00+02:00
        paramMapping: {what: everything}
      - type: webhook
        config: {path: bump, signature: github, secret: {env: BUMP_SECRET}}
  - name: Nightly report
    prompt: Write it.
    agentType: command
    agentCommand: "true"
    environment: {TONE: dry}
    triggers:
      - {type: schedule, config: {cronExpression: "0 2 * * *"}}
      - {type: schedule, config: {cronExpression: "0 3 * * *", overlapPolicy: skip}}
"""
SECRET = "a secret of sixteen"


def applied(terminal: Terminal, text: str = FILE, *words: str) -> str:
    (terminal.home / "blueprints.yaml").write_text(text)
    return terminal.ok("apply", "-f", "blueprints.yaml", "--yes", *words, BUMP_SECRET=SECRET)


def test_a_login_is_tried_and_then_kept_for_its_owner_alone(terminal: Terminal):
    url = terminal.environment.pop("OPTIO_URL")
    del terminal.environment["OPTIO_TOKEN"]
    code, _, errors = terminal.run("task", "list")
    assert (code, "optio login" in errors) == (3, True)

    code, _, errors = terminal.run("login", "--url", url, given="optio_pat_wrong\n")
    assert (code, "not known" in errors) == (3, True)
    assert not (terminal.home / ".config").exists()

    terminal.ok("login", "--url", url + "/", given=f"{TOKEN}\n")
    file = terminal.home / ".config" / "optio" / "config.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text()) == {"url": url, "token": TOKEN}
    assert terminal.json("task", "list") == {"tasks": []}


def test_the_kept_token_is_told_to_no_other_stage(terminal: Terminal):
    url = terminal.environment.pop("OPTIO_URL")
    del terminal.environment["OPTIO_TOKEN"]
    terminal.ok("login", "--url", url, given=TOKEN)
    code, _, errors = terminal.run("task", "list", OPTIO_URL="https://elsewhere.example")
    assert (code, "no token for https://elsewhere.example" in errors) == (3, True)
    code, _, errors = terminal.run("task", "list", OPTIO_URL="http://elsewhere.example")
    assert code == 3 or "in clear" in errors


def test_a_token_never_crosses_a_network_in_clear(terminal: Terminal):
    code, _, errors = terminal.run("task", "list", OPTIO_URL="http://optio.example")
    assert (code, "use https" in errors) == (2, True)


def test_every_fault_of_a_file_is_told_with_its_place_before_anything_is_made(
    terminal: Terminal, stage: Stage
):
    wrong = """
repos:
  - {repoUrl: acme/web, setupComands: npm ci}
templates:
  - {name: broken, template: "{{#if"}
blueprints:
  - {name: Good, prompt: p}
  - name: Typo
    promt: hello
    timeoutMinutes: soon
    triggers: [{type: schedule, config: {cronExpression: "99 * * * *"}}]
  - {name: Unlinked, promptTemplate: nowhere}
"""
    (terminal.home / "blueprints.yaml").write_text(wrong)
    for word in ("--check", "--yes"):
        code, out, errors = terminal.run("apply", "-f", "blueprints.yaml", word, "--json")
        fields = {one["field"]: one["message"] for one in json.loads(errors)["details"]}
        assert (code, out) == (5, "")
        assert fields == {
            "repos[0].setupComands": "unknown field",
            "templates[0].template": "line 1: a {{ is never closed by }}",
            "blueprints[1].promt": "unknown field",
            "blueprints[1].prompt": fields["blueprints[1].prompt"],
            "blueprints[1].timeoutMinutes": "must be a whole number",
            "blueprints[1].triggers.0.config.cronExpression": "'99' is not a minute (0 to 59)",
            "blueprints[2].promptTemplate": "no prompt template is named 'nowhere'",
        }
    assert terminal.json("task", "list") == {"tasks": []}
    assert stage.ok("GET", "/api/repos")["repos"] == []


def test_what_a_stage_keeps_already_is_no_fault_of_a_file_that_leaves_it_out(terminal: Terminal):
    applied(terminal)
    later = FILE.replace("0 6 * * 1", "0 7 * * 1").replace("promptTemplate: bump", "maxRetries: 1")
    (terminal.home / "blueprints.yaml").write_text(later)
    code, out, errors = terminal.run("apply", "-f", "blueprints.yaml", "--check")
    assert (code, "0 to create, 1 to change" in out) == (7, True), errors


def test_a_name_of_a_definition_means_its_newest_run_only_where_runs_are_looked_at(
    terminal: Terminal, stage: Stage
):
    words = ("--type", "standalone", "--name", "Hello", "--agent", "command")
    terminal.ok("task", "new", *words, "--agent-command", "true", "--prompt", "p")
    code, _, errors = terminal.run("task", "logs", "Hello")
    assert (code, errors) == (5, "error: 'Hello' is a blueprint: it has no runs yet\n")
    terminal.ok("task", "run", "Hello")
    stage.now += timedelta(seconds=1)
    run = terminal.ok("task", "run", "Hello").strip()
    assert terminal.json("task", "files", "Hello") == {"outputs": []}
    assert terminal.run("task", "logs", "Hello")[0] == 0
    code, _, errors = terminal.run("task", "cancel", "Hello")
    assert (code, f"name one of its runs, such as {run[:8]}" in errors) == (5, True)
    assert terminal.run("task", "logs", "Nobody")[0] == 4


def test_a_definition_is_paused_resumed_and_deleted_by_its_name(terminal: Terminal, stage: Stage):
    words = ("--type", "standalone", "--name", "Hello", "--agent", "command")
    key = terminal.ok("task", "new", *words, "--agent-command", "true", "--prompt", "p").strip()
    assert terminal.ok("task", "pause", "Hello") == f"{key} paused\n"
    code, _, errors = terminal.run("task", "run", "Hello")
    assert (code, "resume it first" in errors) == (5, True)
    assert terminal.json("task", "resume", "Hello")["task"]["enabled"] is True
    run = terminal.ok("task", "run", "Hello").strip()
    code, _, errors = terminal.run("task", "resume", run)
    assert (code, "resume it with --prompt" in errors) == (2, True)
    assert terminal.run("task", "resume", run, "--prompt", "go on")[0] == 5
    assert terminal.run("task", "delete", "Hello")[0] == 2
    assert terminal.ok("task", "delete", "Hello", "--yes") == f"{key} deleted\n"
    assert terminal.run("task", "show", "Hello")[0] == 4
    assert terminal.json("task", "show", run)["task"]["id"] == run


def test_one_fault_is_one_line_that_names_its_field_however_narrow_the_terminal(
    terminal: Terminal,
):
    words = ("task", "new", "--type", "standalone", "--prompt", "p", "--schedule", "99 * * * *")
    code, _, errors = terminal.run(*words, COLUMNS="40")
    field = "triggers.0.config.cronExpression"
    assert (code, errors) == (5, f"error: {field}: '99' is not a minute (0 to 59)\n")


def test_a_task_goes_from_new_through_its_log_to_its_end(terminal: Terminal, stage: Stage):
    words = ("--prompt", "Say hello.\nTwice.", "--repo", "acme/web", "--agent", "command")
    run = terminal.ok("task", "new", *words, "--agent-command", "true").strip()
    stage.settle()
    job = claimed(stage)
    assert job["runId"] == run
    beat = {
        "runId": run,
        "attempt": 1,
        "stage": "agent",
        "lines": [line(1, "hello \x1b[31mred")],
    }
    status, answer = runner(stage, "beat", beat)
    assert status == 200, answer
    shown = terminal.json("task", "show", run[:8])
    assert (shown["task"]["title"], shown["task"]["state"]) == ("Say hello.", "running")
    assert [event["toState"] for event in shown["events"]][-1] == "running"

    said = terminal.ok("task", "logs", run[:8])
    assert "hello [31mred" in said
    terminal.ok("task", "cancel", run)
    code, _, errors = terminal.run("task", "logs", run, "--follow")
    assert (code, "is cancelled" in errors) == (1, True)
    assert terminal.json("task", "retry", run)["tasks"][0]["state"] == "queued"


def test_a_state_is_shown_with_its_word_and_kept_raw_in_json(terminal: Terminal, stage: Stage):
    words = ("--repo", "acme/web", "--prompt", "Say hello.", "--agent", "command")
    run = terminal.ok("task", "new", *words, "--agent-command", "true").strip()
    world = wiring.get_world()
    row = world.runs.get(run)
    for state, word in (("needs_attention", "needs attention"), ("pr_opened", "PR open")):
        moved = replace(row, state=State(state), version=row.version + 1)
        world.runs.put(moved, row)
        row = moved
        assert word in terminal.ok("task", "list", "--state", word.upper(), COLUMNS="200")
        for said in (terminal.ok("task", "list"), terminal.ok("task", "show", run)):
            assert word in said
            assert state not in said
        assert terminal.json("task", "show", run)["task"]["state"] == state


def test_following_prints_every_line_once_and_ends_with_the_run(terminal: Terminal, stage: Stage):
    run = terminal.ok(
        "task", "new", "--prompt", "x", "--type", "repo-task", "--repo", "acme/web"
    ).strip()
    stage.settle()
    claimed(stage)
    lines = [line(number + 1, f"line {number}") for number in range(450)]
    assert runner(stage, "beat", {"runId": run, "attempt": 1, "lines": lines})[0] == 200
    end = {"runId": run, "attempt": 1, "outcome": "succeeded"}
    assert runner(stage, "report", end)[0] == 200
    stage.settle()
    read = terminal.ok("task", "logs", run, "--follow", "--json", "--lines", "1000").splitlines()
    *logs, last = [json.loads(one) for one in read]
    told = [one["content"] for one in logs if one["logType"] == "agent"]
    assert told == [f"line {number}" for number in range(450)]
    assert last["run"]["state"] == "completed"


def test_a_definition_is_run_by_name_with_typed_params(terminal: Terminal, stage: Stage):
    applied(terminal)
    words = ("-p", "what=left-pad", "-p", "deep:=[1, 2.0]", "--idempotency-key", "k1")
    first = terminal.json("task", "run", "Weekly bump", *words)
    assert terminal.json("task", "run", "Weekly bump", *words) == first
    run = terminal.json("task", "show", first["runId"])["task"]
    assert run["metadata"]["triggerParams"] == {"what": "left-pad", "deep": [1, 2.0]}
    assert run["prompt"] == "Bump left-pad.\nRun the tests.\n"
    code, _, errors = terminal.run("task", "run", "Weekly bump", "-p", "nonsense")
    assert (code, "key=text" in errors) == (2, True)


def test_schedules_are_listed_paused_and_resumed_by_the_name_of_their_task(terminal: Terminal):
    applied(terminal)
    listed = terminal.json("schedule", "list")["schedules"]
    assert [one["taskName"] for one in listed].count("Nightly report") == 2
    paused = terminal.json("schedule", "pause", "Nightly report")["schedules"]
    assert [one["nextFireAt"] for one in paused] == [None, None]
    one = paused[0]["id"]
    terminal.ok("schedule", "resume", one[:13])
    states = {s["id"]: s["enabled"] for s in terminal.json("schedule", "list")["schedules"]}
    assert [states[p["id"]] for p in paused] == [True, False]
    said = terminal.ok("schedule", "next", "Weekly bump")
    assert "2026-06-08T06:00:00+02:00" in said
    assert "not" in terminal.json("schedule", "explain", "Weekly bump")["answers"][0]["answer"]


def test_apply_shows_what_it_will_do_and_the_second_time_there_is_nothing(terminal: Terminal):
    said = applied(terminal)
    assert "+ repo-blueprint Weekly bump" in said
    assert "4 created, 0 changed" in said
    assert SECRET not in said
    (terminal.home / "again.yaml").write_text(FILE)
    again = terminal.ok("apply", "-f", "again.yaml", "--check")
    assert "nothing to do" in again


def test_apply_changes_only_what_differs_and_check_tells_it_by_its_exit_code(
    terminal: Terminal, stage: Stage
):
    applied(terminal)
    before = {one["id"]: one for one in terminal.json("schedule", "list")["schedules"]}
    changed = (
        FILE.replace("0 3 * * *", "30 3 * * *")
        .replace("TONE: dry", "TONE: warm")
        .replace("      Run the tests.\n", "      Run all tests.\n")
        .replace('      - {type: schedule, config: {cronExpression: "0 2 * * *"}}\n', "")
    )
    (terminal.home / "b.yaml").write_text(changed)
    code, said, _ = terminal.run("apply", "-f", "b.yaml", "--check")
    assert code == 7
    assert "- trigger 0 2 * * * UTC" in said
    assert "cronExpression: 0 3 * * * → 30 3 * * *" in said
    assert "-   Run the tests." in said
    assert "TONE" in said
    assert terminal.json("schedule", "list")["schedules"]
    assert {one["id"] for one in terminal.json("schedule", "list")["schedules"]} == set(before)

    assert "0 created, 2 changed" in terminal.ok("apply", "-f", "b.yaml", "--yes")
    after = {one["id"]: one for one in terminal.json("schedule", "list")["schedules"]}
    kept = [one for one in after.values() if one["taskName"] == "Nightly report"]
    assert [one["config"]["cronExpression"] for one in kept] == ["30 3 * * *"]
    assert kept[0]["config"]["overlapPolicy"] == "skip"
    assert before[kept[0]["id"]]["config"]["cronExpression"] == "0 3 * * *"
    assert "nothing to do" in terminal.ok("apply", "-f", "b.yaml", "--check")


def test_what_only_the_making_shows_names_its_place_and_how_far_it_came(
    terminal: Terminal, stage: Stage
):
    hook = {"type": "webhook", "config": {"path": "bump"}}
    other = {"type": "standalone", "name": "o", "prompt": "p", "triggers": [hook]}
    made = stage.ok("POST", "/api/tasks", other)["task"]["id"]
    (terminal.home / "b.yaml").write_text(FILE)
    code, _, errors = terminal.run("apply", "-f", "b.yaml", "-y", "--json", BUMP_SECRET=SECRET)
    told = json.loads(errors)
    assert (code, told["exitCode"]) == (5, 5)
    assert told["details"][0]["field"] == "blueprints[0].triggers.1.config.path"
    assert "2 of 4 steps were done; apply again to continue" in told["error"]
    stage.ok("DELETE", f"/api/tasks/{made}")
    applied(terminal)


@pytest.mark.parametrize(
    "text, field",
    [
        pytest.param("blueprint: []", "blueprint", id="a section that is none"),
        pytest.param("blueprints: {}", "blueprints", id="a section that is no list"),
        pytest.param("blueprints: [{prompt: x}]", "blueprints[0].name", id="no name"),
        pytest.param(
            "blueprints: [{name: a, prompt: x}, {name: a, prompt: y}]",
            "blueprints[1].name",
            id="the same name twice",
        ),
        pytest.param(
            "blueprints: [{name: a, triggers: [{type: webhook, config: {path: a, secret: s}}]}]",
            "blueprints[0].triggers[0].config.secret",
            id="a secret in clear",
        ),
        pytest.param(
            "blueprints: [{name: a, prompt: x, triggers: [{type: webhook, config: "
            "{path: a, secret: {env: NOT_SET}}}]}]",
            "blueprints[0].triggers[0].config.secret",
            id="a secret that is not there",
        ),
        pytest.param(
            "blueprints: [{name: a, promptTemplate: gone}]",
            "blueprints[0].promptTemplate",
            id="a template that is not there",
        ),
    ],
)
def test_apply_names_what_is_wrong_with_a_file(terminal: Terminal, text: str, field: str):
    code, _, errors = terminal.run("apply", "-f", "-", "--yes", "--json", given=text)
    told = json.loads(errors)
    assert code == 5
    assert field in [detail["field"] for detail in told["details"]]
    assert terminal.json("task", "list") == {"tasks": []}


def test_yaml_that_forgets_the_quotes_of_a_cron_expression_is_told_so(terminal: Terminal):
    text = "blueprints: [{name: a, triggers: [{config: {cronExpression: * * * * *}}]}]"
    code, _, errors = terminal.run("apply", "-f", "-", given=text)
    assert (code, "needs quotes" in errors) == (5, True)


def test_nobody_is_asked_where_nobody_is(terminal: Terminal):
    code, _, errors = terminal.run("apply", "-f", "-", given=FILE, BUMP_SECRET=SECRET)
    assert (code, "--yes" in errors) == (2, True)


def test_what_is_exported_applies_as_nothing_new_and_makes_the_same_elsewhere(
    terminal: Terminal, stage: Stage
):
    applied(terminal)
    terminal.ok("export", "-o", "all.yaml")
    text = (terminal.home / "all.yaml").read_text()
    assert SECRET not in text
    assert "nothing to do" in terminal.ok("apply", "-f", "all.yaml", "--check")
    for task in terminal.json("task", "list")["tasks"]:
        stage.ok("DELETE", f"/api/tasks/{task['id']}")
    for template in stage.ok("GET", "/api/prompt-templates")["promptTemplates"]:
        stage.ok("DELETE", f"/api/prompt-templates/{template['id']}")
    assert terminal.json("task", "list") == {"tasks": []}
    terminal.ok("apply", "-f", "all.yaml", "--yes", WEBHOOK_SECRET_BUMP=SECRET)
    assert terminal.ok("export") == text


def test_a_webhooks_secret_is_sent_again_only_when_asked(terminal: Terminal):
    applied(terminal)
    assert "secret: replaced" in applied(terminal, FILE, "--rotate-secrets")
    assert "nothing to do" in applied(terminal)


def test_a_secret_comes_from_standard_input_and_is_never_shown(terminal: Terminal, stage: Stage):
    said = terminal.ok("secret", "set", "NPM_TOKEN", given="hush-hush\n")
    assert "hush" not in said + json.dumps(terminal.json("secret", "list"))
    assert "hush-hush" not in terminal.ok("secret", "list")
    code, _, errors = terminal.run("secret", "set", "NPM_TOKEN", "hush-hush")
    assert (code, "hush-hush" in errors) == (2, True)
    run = terminal.ok(
        "task", "new", "--prompt", "x", "--repo", "a/b", "--secret", "NPM_TOKEN"
    ).strip()
    stage.settle()
    job = claimed(stage)
    assert (job["runId"], job["secrets"]["NPM_TOKEN"]) == (run, "hush-hush")
    terminal.ok("secret", "delete", "NPM_TOKEN")
    code, _, errors = terminal.run("secret", "set", "NO-DASH", given="x")
    assert (code, "NO-DASH" in errors) == (5, True)


@pytest.mark.parametrize(
    "words, code",
    [
        pytest.param(("task", "show", "nothing-like-it"), 4, id="no such task"),
        pytest.param(("task", "list", "--state", "asleep"), 5, id="refused, with its field"),
        pytest.param(("task", "nonsense"), 2, id="no such command"),
        pytest.param(("apply", "-f", "not-there.yaml"), 2, id="no such file"),
    ],
)
def test_scripts_can_tell_errors_apart(terminal: Terminal, words: tuple[str, ...], code: int):
    assert terminal.run(*words)[0] == code


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("--json", "task", "list"), id="before all"),
        pytest.param(("task", "--json", "list"), id="before the command"),
        pytest.param(("task", "list", "--json"), id="after it"),
    ],
)
def test_json_may_be_asked_for_before_a_command_or_after_it(
    terminal: Terminal, words: tuple[str, ...]
):
    assert json.loads(terminal.ok(*words)) == {"tasks": []}
    code, said, errors = terminal.run(*words[:-1], "nothing", words[-1])
    assert (code, said) == (2, "")
    assert json.loads(errors)["exitCode"] == 2


def test_a_definition_is_cloned_by_its_name(terminal: Terminal):
    applied(terminal)
    copy = terminal.ok("task", "clone", "Nightly report").strip()
    shown = terminal.json("task", "show", copy)
    assert (shown["task"]["name"], shown["task"]["enabled"]) == ("Nightly report (copy)", False)
    assert len(shown["triggers"]) == 2
    assert terminal.json("task", "clone", copy)["task"]["name"].startswith("Nightly report (copy)")


def test_a_key_that_may_not_is_told_apart_from_a_stage_that_is_not_there(terminal: Terminal):
    code, _, errors = terminal.run("task", "list", "--json", OPTIO_TOKEN=RUNNER_TOKEN)
    assert (code, json.loads(errors)["exitCode"]) == (3, 3)
    assert terminal.run("task", "list", OPTIO_URL="http://127.0.0.1:9")[0] == 6


def test_several_runs_are_cancelled_though_one_of_them_cannot_be(terminal: Terminal):
    new = ("task", "new", "--prompt", "x", "--repo", "a/b")
    first, second = terminal.ok(*new).strip(), terminal.ok(*new).strip()
    code, said, errors = terminal.run("task", "cancel", first, "0" * 32, second)
    assert (code, said.count("cancelled")) == (4, 2)
    assert "1 of 3 rejected" in errors


def test_the_doctor_tells_a_stage_that_just_came_up_from_one_whose_ticks_have_stopped(
    terminal: Terminal, stage: Stage
):
    verdict, told = findings(terminal)["scheduler"]
    assert verdict == "bad"
    assert "ticks have stopped: there has been none, one is due every 60 s" in told
    wiring.get_world().markers.record_time("start", stage.now)
    verdict, told = findings(terminal)["scheduler"]
    assert verdict == "warn"
    assert "waits for its first tick" in told
    stage.pass_time(timedelta(minutes=2))
    assert findings(terminal)["scheduler"][0] == "ok"
    stage.now += timedelta(minutes=4)
    code, said, _ = terminal.run("doctor")
    assert code == 1
    assert "ticks have stopped: the last one was" in said


def test_the_doctor_finds_runs_that_no_runner_asks_for(terminal: Terminal, stage: Stage):
    assert findings(terminal)["runner"][0] == "warn"
    terminal.ok("task", "new", "--prompt", "x", "--repo", "a/b")
    stage.pass_time(timedelta(minutes=2))
    verdict, told = findings(terminal)["runner"]
    assert verdict == "bad"
    assert "start a runner (docs/guides/runners.md)" in told


def test_the_doctor_finds_dead_letters_and_says_how_to_put_them_back(
    terminal: Terminal, stage: Stage
):
    sqs = boto3.client("sqs", region_name=settings.region)
    dead = sqs.get_queue_url(QueueName=f"{settings.queue_name('steps')}-dead")["QueueUrl"]
    assert "dead letters" not in findings(terminal)
    sqs.send_message(QueueUrl=dead, MessageBody="{}")
    verdict, told = findings(terminal)["dead letters"]
    assert verdict == "bad"
    assert "1 of the queue steps failed ten times" in told
    assert "`advance` has the reason, `make dead-letters`" in told


def test_the_doctor_says_what_a_run_lacked_until_one_of_that_task_does_better(
    terminal: Terminal, stage: Stage
):
    stage.now = datetime.now(UTC)
    secret = ("--secret", "NPM_TOKEN")
    terminal.ok("task", "new", "--type", "standalone", "--name", "Bump", "--prompt", "x", *secret)
    assert "failure" not in findings(terminal)
    lacking = json.loads(terminal.ok("task", "run", "Bump", "--json"))["runId"]
    stage.settle()
    assert runner(stage, "claim", {"runner": "r1"})[0] == 204
    verdict, told = findings(terminal)["failure"]
    assert verdict == "warn"
    assert told.startswith("Bump failed")
    assert "NPM_TOKEN" in told
    assert "optio secret set" in told
    terminal.ok("secret", "set", "NPM_TOKEN", given="npm_something")
    terminal.ok("task", "retry", lacking)
    assert "failure" not in findings(terminal)


def test_the_doctor_finds_what_switched_itself_off_and_says_why(terminal: Terminal, stage: Stage):
    kept = stage.ok("POST", "/api/tasks", BREAKING)["task"]["id"]
    assert findings(terminal)["tasks"] == ("ok", "1 saved; the stage has paused or disabled none")
    ran(stage, kept, *["agent"] * 5)
    verdict, told = findings(terminal)["task"]
    assert verdict == "warn"
    assert told.startswith(f"{BREAKING['name']} is paused: 5 failures in a row of the class agent")
    assert "tasks" not in findings(terminal)


WITH_VARIABLES = """
variables:
  repo: acme/web
  command: null
  what: everything
blueprints:
  - name: Bump ${what}
    repoUrl: ${repo}
    prompt: "Bump ${what}, then echo ${HOME}"
    agentType: command
    agentCommand: ${command}
"""


def test_variables_make_one_file_serve_several_repos(terminal: Terminal):
    (terminal.home / "b.yaml").write_text(WITH_VARIABLES)
    (terminal.home / "more.yaml").write_text('variables: {command: "true", what: npm}')
    words = ("apply", "-f", "b.yaml", "-f", "more.yaml", "--yes", "--set")
    terminal.ok(*words, "repo=acme/shop")
    task = terminal.json("task", "show", "Bump npm")["task"]
    assert task["repoUrl"] == "https://github.com/acme/shop"
    assert task["prompt"] == "Bump npm, then echo ${HOME}"
    assert "nothing to do" in terminal.ok(*words, "repo=acme/shop")
    assert "+ repo-blueprint Bump 1.5" in terminal.ok(*words, "what:=1.5")


@pytest.mark.parametrize(
    "words, field",
    [
        pytest.param(("--set", "nobody=x"), "--set nobody", id="a variable that nobody declares"),
        pytest.param(("--set", "what:=[1]"), "${what}", id="a list inside a text"),
        pytest.param(("--set", "what:=null"), "${what}", id="nothing inside a text"),
        pytest.param((), "blueprints[0].agentCommand", id="a variable without a value"),
    ],
)
def test_a_variable_that_does_not_fit_is_named(
    terminal: Terminal, words: tuple[str, ...], field: str
):
    (terminal.home / "b.yaml").write_text(WITH_VARIABLES)
    code, _, errors = terminal.run("apply", "-f", "b.yaml", "--yes", "--json", *words)
    told = json.loads(errors)
    assert (code, told["details"][0]["field"]) == (5, field)
    assert terminal.run("apply", "-f", "b.yaml", "--set", "what")[0] == 2


def test_what_has_no_command_is_asked_of_the_api_itself(terminal: Terminal):
    made = json.loads(terminal.ok("api", "post", "/api/repos", "-d", '{"repoUrl": "acme/web"}'))
    repo = f"/api/repos/{made['repo']['id']}"
    given = '{"setupCommands": "npm ci"}'
    terminal.ok("api", "PATCH", repo, "--data", "-", given=given)
    assert json.loads(terminal.ok("api", "GET", repo))["repo"]["setupCommands"] == "npm ci"
    assert json.loads(terminal.ok("api", "DELETE", repo)) is None
    assert terminal.run("api", "GET", repo)[0] == 4
    assert terminal.run("api", "SEND", repo)[0] == 2
    assert terminal.run("api", "GET", "api/repos")[0] == 2
    code, _, errors = terminal.run("api", "POST", "/api/repos", "-d", "{}", "--json")
    assert (code, json.loads(errors)["details"][0]["field"]) == (5, "repoUrl")


def test_the_files_of_a_run_are_listed_and_saved(stage: Stage, terminal: Terminal):
    agent = ("--agent", "command", "--agent-command", "true")
    run = terminal.ok("task", "new", "--prompt", "Look.", "--repo", "a/b", *agent).strip()
    stage.settle()
    here = {"runId": run, "attempt": claimed(stage)["attempt"]}
    files = [{"name": "report.txt", "size": 2, "contentType": "text/plain"}]
    (upload,) = runner(stage, "outputs", {**here, "files": files})[1]["uploads"]
    requests.put(upload["url"], b"hi", headers={"Content-Type": "text/plain"}, timeout=5)
    runner(stage, "report", {**here, "outcome": "no_changes", "outputs": files})

    assert "report.txt" in terminal.ok("task", "files", run)
    assert "report.txt" in terminal.ok("task", "show", run)
    assert terminal.json("task", "files", run) == {"outputs": files}
    saved = terminal.home / "kept" / "report.txt"
    assert terminal.ok("task", "files", run, "--into", "kept").strip() == "kept/report.txt"
    assert saved.read_text() == "hi"
    saved.write_text("mine")
    code, _, said = terminal.run("task", "files", run, "--into", "kept")
    assert (code, saved.read_text()) == (2, "mine")
    assert "cannot be written" in said


WITH_CHOICES = """
repos:
  - repoUrl: acme/web
    commitAuthorName: Jo the Bot
    commitAuthorEmail: jo@example.com
blueprints:
  - name: Bump
    repoUrl: acme/web
    prompt: Bump {{what}}.
    agentType: command
    agentCommand: "true"
    missingParams: skip
    partialWork: draft
"""


def test_choices_of_repos_and_blueprints_are_applied_and_exported(terminal: Terminal, stage: Stage):
    applied(terminal, WITH_CHOICES)
    (repo,) = stage.ok("GET", "/api/repos")["repos"]
    assert (repo["commitAuthorName"], repo["commitAuthorEmail"]) == ("Jo the Bot", "jo@example.com")
    (made,) = stage.ok("GET", "/api/tasks?type=repo-blueprint")["tasks"]
    task = stage.ok("GET", f"/api/tasks/{made['id']}")["task"]
    assert (task["missingParams"], task["partialWork"]) == ("skip", "draft")

    text = terminal.ok("export")

    for field in ("commitAuthorName: Jo the Bot", "commitAuthorEmail: jo@example.com"):
        assert f"    {field}\n" in text
    assert "    missingParams: skip\n    partialWork: draft\n" in text
    back = WITH_CHOICES.replace("skip", "run").replace("draft", "branch").replace("Jo", "Ann")
    assert "0 created, 2 changed" in applied(terminal, back)
    task = stage.ok("GET", f"/api/tasks/{made['id']}")["task"]
    assert (task["missingParams"], task["partialWork"]) == ("run", "branch")
    (repo,) = stage.ok("GET", "/api/repos")["repos"]
    assert repo["commitAuthorName"] == "Ann the Bot"
