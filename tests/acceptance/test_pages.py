"""The dashboard through the real app: who may, what a page shows, and what a form does."""

from __future__ import annotations

import html
import json
import re
import uuid
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import app
from chalicelib import wiring
from chalicelib.domain import limits
from chalicelib.domain.access.key import key_id, token_digest
from chalicelib.domain.runs.log import LogLine, LogStream
from chalicelib.domain.runs.state import State
from chalicelib.storage.records import MarkerRecord
from chalicelib.web import pages
from chalicelib.web.http.urls import PAGE_ROOTS
from chalicelib.web.pages import PAGE_TABLE
from chalicelib.web.pages.rendering import asset_path, static_files
from chalicelib.web.pages.session import COOKIE_NAME
from tests.conftest import RUNNER_TOKEN, TOKEN, Stage
from tests.support.browser import FORM, Browser, browser, schedule, shown, task

__all__ = ["browser"]

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}"


def test_who_is_not_signed_in_is_led_to_the_login_and_back(stage: Stage):
    browser = Browser(stage)
    answer = browser.get("/tasks/scheduled")
    assert answer.status == 303
    assert answer.headers["Location"] == "../login?next=%2Ftasks%2Fscheduled"
    signed = browser.post("/login", key=TOKEN, next="/tasks/scheduled")
    assert (signed.status, signed.headers["Location"]) == (303, "./tasks/scheduled")


@pytest.mark.parametrize("elsewhere", ["https://evil.example", "//evil.example", "/\\evil", "a:b"])
def test_a_login_leads_nowhere_else(stage: Stage, elsewhere: str):
    answer = Browser(stage).post("/login", key=TOKEN, next=elsewhere)
    where = answer.headers["Location"]
    assert where.startswith("./")
    assert "//" not in where.removeprefix("./")


@pytest.mark.parametrize("key", ["", "optio_pat_wrong", RUNNER_TOKEN])
def test_a_key_that_is_no_admins_does_not_sign_in(stage: Stage, key: str):
    answer = Browser(stage).post("/login", key=key)
    assert answer.status == 401
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("told", [{}, {"X-Forwarded-Proto": "https"}, {"X-Forwarded-Proto": "?"}])
def test_the_cookie_is_closed_to_scripts_other_sites_and_whoever_listens(
    stage: Stage, told: dict[str, str]
):
    answer = Browser(stage).send("POST", "/login", f"key={TOKEN}", **FORM, **told)
    cookie = str(answer.headers["Set-Cookie"])
    assert cookie.startswith("__Host-optio_session=")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
    assert "Domain" not in cookie
    assert TOKEN not in cookie


def test_only_the_front_of_a_local_stage_lets_a_cookie_go_in_clear(stage: Stage):
    clear = {"X-Forwarded-Proto": "http"}
    answer = Browser(stage).send("POST", "/login", f"key={TOKEN}", **FORM, **clear)
    cookie = str(answer.headers["Set-Cookie"])
    assert cookie.startswith("optio_session=")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax")
    local = Browser(stage, cookie=cookie.split(";")[0])
    assert local.send("GET", "/tasks", **clear).status == 200
    assert local.send("GET", "/tasks").status == 303


def test_no_page_is_cached_framed_sniffed_sent_in_clear_or_runs_what_is_not_ours(browser: Browser):
    for path in ("/tasks", "/login", f"/tasks/{uuid.uuid4()}", "/tasks/new"):
        told = browser.get(path).headers
        assert told["Cache-Control"] == "no-store", path
        assert told["Strict-Transport-Security"].startswith("max-age=63072000")
        assert (told["X-Content-Type-Options"], told["X-Frame-Options"]) == ("nosniff", "DENY")
        policy = dict(rule.split(" ", 1) for rule in told["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"


def test_a_session_ends_with_its_time(browser: Browser):
    browser.stage.now += timedelta(hours=12, seconds=1)
    assert browser.get("/tasks").status == 303


def test_a_session_ends_with_its_key(browser: Browser):
    assert browser.get("/tasks").status == 200
    wiring.get_world().keys.remove(key_id(token_digest(TOKEN)))
    assert browser.get("/tasks").status == 303


def test_a_copy_of_the_cookie_is_worth_nothing_after_signing_out(browser: Browser):
    kept = Browser(browser.stage, cookie=browser.cookie)
    assert kept.get("/tasks").status == 200

    browser.post("/logout")

    assert kept.get("/tasks").status == 303


def test_a_viewer_sees_and_changes_nothing(stage: Stage):
    made = stage.ok("POST", "/api/auth/api-keys", {"name": "eyes", "role": "viewer"})
    viewer = Browser(stage).sign_in(made["token"])

    assert viewer.get("/tasks").status == 200
    assert viewer.get("/secrets").status == 200
    assert viewer.post("/secrets", name="A", value="12345678").status == 403
    assert viewer.post("/tasks/new").status == 403


def test_a_forged_cookie_is_no_session(stage: Stage):
    assert Browser(stage, cookie=f"{COOKIE_NAME}=AAAA").get("/tasks").status == 303


def test_a_link_signs_in_once(stage: Stage):
    path = stage.ok("POST", "/api/auth/sign-in-links")["path"]
    browser = Browser(stage)
    first, second = browser.use_link(path), browser.use_link(path)
    assert (first.status, second.status) == (303, 401)
    assert "Set-Cookie" in first.headers
    late = stage.ok("POST", "/api/auth/sign-in-links")["path"]
    stage.now += timedelta(minutes=11)
    assert browser.use_link(late).status == 401


def test_a_prefetched_link_still_signs_in(stage: Stage):
    path = stage.ok("POST", "/api/auth/sign-in-links")["path"]
    for _ in range(3):
        prefetched = Browser(stage).send("GET", path, **{"Sec-Purpose": "prefetch"})
        assert (prefetched.status, "Set-Cookie" in prefetched.headers) == (200, False)
    assert Browser(stage).use_link(path).status == 303


def test_that_a_link_was_used_is_forgotten_when_it_is_worth_nothing(stage: Stage):
    path = stage.ok("POST", "/api/auth/sign-in-links")["path"]
    assert Browser(stage).use_link(path).status == 303
    (used,) = [row for row in MarkerRecord.scan() if row.id.startswith("link#")]
    assert used.expires_at == int((stage.now + timedelta(minutes=10)).timestamp())


def test_a_link_that_is_opened_again_leads_on_who_is_signed_in_already(browser: Browser):
    path = browser.stage.ok("POST", "/api/auth/sign-in-links")["path"]
    assert Browser(browser.stage).use_link(path).status == 303
    again = browser.get(path)
    assert (again.status, again.headers["Location"]) == (303, "./tasks")
    assert Browser(browser.stage).use_link(path).status == 401


def test_a_number_that_no_field_takes_is_told_beside_it(browser: Browser):
    answer = browser.post("/settings", do="make", name="CI", role="member", days="9" * 5000)
    assert answer.status == 400
    assert "is not a whole number" in answer.text


def test_every_write_needs_the_token_of_the_session(browser: Browser):
    writes = [path for method, path, *_ in PAGE_TABLE if method == "POST" and path != "/login"]
    assert len(writes) > 5
    for path in writes:
        for token in ("", "wrong"):
            assert browser.post(path, csrf=token, do="delete").status == 403, path
    other = Browser(browser.stage).sign_in()
    assert browser.post("/tasks/new", csrf=other.csrf, name="x").status == 403


def test_a_form_of_another_site_is_refused_even_with_its_token(browser: Browser):
    body = urlencode({"csrf": browser.csrf, "name": "A", "value": "secret"})
    sent = {**FORM, "Sec-Fetch-Site": "cross-site"}
    assert browser.send("POST", "/secrets", body, **sent).status == 403


OLD = {"Content-Type": FORM["Content-Type"], "Host": "optio.example.com"}
"""The headers of a browser without Sec-Fetch-Site."""


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://optio.example.com.evil"]
)
def test_a_form_of_another_origin_is_refused_where_a_browser_says_no_more(
    browser: Browser, origin: str
):
    body = urlencode({"csrf": browser.csrf, "name": "A", "value": "a secret value"})
    login = f"key={TOKEN}"
    for path, typed in (("/secrets", body), ("/login", login)):
        assert browser.send("POST", path, typed, **OLD, Origin=origin).status == 403
        assert (
            browser.send("POST", path, typed, **OLD, Origin="https://optio.example.com").status
            == 303
        )


def test_who_is_signed_in_is_not_made_somebody_else_by_a_link_of_another_site(browser: Browser):
    path = browser.stage.ok("POST", "/api/auth/sign-in-links")["path"]
    for site in ("cross-site", "same-origin", "none"):
        lured = browser.send("GET", path, **{"Sec-Fetch-Site": site})
        assert (lured.status, lured.headers["Location"]) == (303, "./tasks")
        assert "Set-Cookie" not in lured.headers


@pytest.mark.parametrize(
    "where",
    [
        *("login?once=code", "/login?once=code", "logout", "login/x", "./login?once=code"),
        *(".//login?once=c", "tasks/../login?once=c", "%2e/login?once=c", "tasks/./../login"),
        *("tasks/%2e%2e/login", "tasks/..%2flogin", "tasks/%252e%252e/login", "Login?once=c"),
        *("\tlogin", "tasks\n/../login", "tasks#/../login", ";/login", "api/tasks", "static/x"),
    ],
)
def test_a_login_does_not_lead_to_another_login(stage: Stage, where: str):
    answer = Browser(stage).post("/login", key=TOKEN, next=where)
    assert answer.headers["Location"] == "./tasks"


def test_a_login_leads_to_each_page_with_its_filters(stage: Stage):
    for where in ("tasks?state=failed&q=a%20b", "tasks/scheduled/0a-1", "settings/webhooks"):
        answer = Browser(stage).post("/login", key=TOKEN, next=f"/{where}")
        assert answer.headers["Location"] == f"./{where}"
    parts = {path.split("/")[1] for _, path, *_ in pages.PAGE_TABLE}
    assert {part for part in parts if part} - PAGE_ROOTS == {"login", "logout", "static"}


def test_what_is_served_has_the_hash_of_its_content_and_stays_for_ever(browser: Browser):
    for name in static_files():
        answer = browser.get(f"/{asset_path(name)}")
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert browser.get("/static/000000000000/app.css").headers["Cache-Control"] == "no-cache"
    assert browser.get("/static/x/none.css").status == 404


def test_the_newcomer_is_led_to_the_first_steps(browser: Browser):
    assert browser.get("/").headers["Location"] == "welcome"
    assert "New task" in browser.get("/tasks").text
    browser.stage.ok("POST", "/api/tasks", task())
    assert browser.get("/").headers["Location"] == "tasks"


def test_a_schedule_is_made_paused_resumed_run_and_deleted_by_forms_alone(browser: Browser):
    made = browser.post(
        "/tasks/new",
        mode="schedule",
        name="Nightly",
        repoUrl="https://example.com/acme/web",
        prompt="Bump {{what}}",
        paramMapping='{"what": "requests"}',
        trigger="schedule",
        cronExpression="*/5 * * * *",
        timezone="Europe/Berlin",
    )
    assert made.status == 303, made.text
    blueprint = made.headers["Location"].split("/")[-1].split("?")[0]
    page = browser.get(f"/tasks/scheduled/{blueprint}")
    assert "Every 5 minutes" in page.text
    browser.stage.pass_time(timedelta(minutes=6))
    (run,) = browser.stage.ok("GET", f"/api/tasks/{blueprint}/runs")["runs"]
    assert "Bump requests" in browser.get(f"/tasks/{run['id']}").text
    assert browser.post(f"/tasks/scheduled/{blueprint}", do="pause").status == 303
    refused = browser.post(f"/tasks/scheduled/{blueprint}", do="run", params='{"what": "kept"}')
    assert refused.status == 409
    assert "paused" in refused.text
    assert shown('{"what": "kept"}') in refused.text
    browser.stage.pass_time(timedelta(minutes=10))
    assert browser.post(f"/tasks/scheduled/{blueprint}", do="resume").status == 303
    assert (
        "the blueprint or its trigger was paused"
        in browser.get(f"/tasks/scheduled/{blueprint}").text
    )
    started = browser.post(f"/tasks/scheduled/{blueprint}", do="run", params='{"what": "flask"}')
    run_id = started.headers["Location"].split("/")[-1].split("?")[0]
    assert "Bump flask" in browser.get(f"/tasks/{run_id}").text
    assert browser.post(f"/tasks/{run_id}", do="cancel").status == 303
    assert browser.post(f"/tasks/{run_id}", do="cancel").status == 409
    assert browser.post("/tasks", do="retry", run=run_id).headers["Location"] == (
        "./tasks?done=retried-1-0"
    )
    assert browser.post(f"/tasks/scheduled/{blueprint}", do="delete").status == 303
    assert browser.get(f"/tasks/scheduled/{blueprint}").status == 404


def test_a_wrong_form_says_what_is_wrong_and_keeps_what_was_typed(browser: Browser):
    answer = browser.post(
        "/tasks/new",
        mode="schedule",
        name="Kept name",
        prompt="Kept prompt",
        trigger="schedule",
        cronExpression="0 0 30 2 *",
    )
    assert answer.status == 400
    assert "names a date that never comes" in answer.text
    for kept in ("Kept name", "Kept prompt", "0 0 30 2 *"):
        assert kept in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_a_definition_and_its_triggers_are_edited_by_forms(browser: Browser):
    made = browser.stage.ok("POST", "/api/tasks", task(triggers=[schedule()], priority=7))
    blueprint, trigger = made["task"]["id"], made["triggers"][0]["id"]
    where = f"/tasks/scheduled/{blueprint}"
    assert "Bump {{what}}" in browser.get(f"{where}/edit").text
    fields = {"repoUrl": "https://example.com/acme/web", "prompt": "New", "priority": "7"}
    assert browser.post(f"{where}/edit", name="Renamed", **fields).status == 303
    now = browser.stage.ok("GET", f"/api/tasks/{blueprint}")["task"]
    assert (now["name"], now["prompt"], now["priority"]) == ("Renamed", "New", 7)
    saved = browser.post(f"{where}/triggers/{trigger}", cronExpression="0 4 * * *")
    assert saved.status == 303, saved.text
    assert "At 04:00" in browser.get(where).text
    added = browser.post(
        where, do="add", trigger="webhook", path="in", secret="a-secret-of-24-characters"
    )
    assert added.status == 303, added.text
    page = browser.get(where).text
    assert "/api/hooks/in" in page
    assert "a-secret-of-24-characters" not in page
    assert browser.post(where, do=f"switch:{trigger}").status == 303
    assert browser.post(where, do=f"drop:{trigger}").status == 303
    assert "At 04:00" not in browser.get(where).text


def test_a_field_that_is_emptied_means_what_its_form_says(browser: Browser):
    """An empty title is the name, an empty agent the usual one, an empty limit the usual one."""
    body = task(title="Old {{what}}", agentType="codex", timeoutMinutes=7, priority=7, maxRetries=0)
    kept = browser.stage.ok("POST", "/api/tasks", {**body, "enabled": False})["task"]
    where = f"/tasks/scheduled/{kept['id']}/edit"
    empty = dict.fromkeys(("title", "agentType", "timeoutMinutes", "priority", "maxRetries"), "")
    fields = {"name": "Bump", "repoUrl": kept["repoUrl"], "prompt": "Bump it", **empty}
    assert browser.post(where, **fields).status == 303
    now = browser.stage.ok("GET", f"/api/tasks/{kept['id']}")["task"]
    assert (now["title"], now["agentType"]) == ("Bump", "claude-code")
    assert (now["timeoutMinutes"], now["priority"], now["maxRetries"]) == (60, 100, 3)
    assert not now["enabled"], "what the form does not show stays"

    refused = browser.post(where, **{**fields, "repoUrl": ""})
    assert refused.status == 400
    assert "a repo-blueprint needs a repo" in refused.text


def test_a_template_beyond_the_newest_stays_chosen(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
):
    ids = []
    for name in ("Oldest", "Newer"):
        asked = {"name": name, "template": "Do it"}
        ids.append(browser.stage.ok("POST", "/api/prompt-templates", asked)["promptTemplate"]["id"])
        browser.stage.now += timedelta(seconds=1)
    kept = browser.stage.ok("POST", "/api/tasks", task(promptTemplateId=ids[0]))["task"]["id"]
    monkeypatch.setattr(limits, "MAX_ANSWER_BYTES", 1)
    chosen = f'<option value="{ids[0]}" selected>Oldest</option>'
    assert chosen in browser.get(f"/tasks/scheduled/{kept}/edit").text
    assert chosen in browser.get(f"/tasks/new?template={ids[0]}").text
    assert browser.get("/tasks/new?template=none").status == 200


def test_a_ticket_trigger_is_edited_without_losing_what_the_form_does_not_show(browser: Browser):
    made = browser.stage.ok("POST", "/api/tasks", task())["task"]["id"]
    where = f"/tasks/scheduled/{made}"
    added = browser.post(where, do="add", trigger="ticket", source="linear", labels="a, b")
    assert added.status == 303, added.text
    (trigger,) = browser.stage.ok("GET", f"/api/tasks/{made}/triggers")["triggers"]
    config = {**trigger["config"], "refire": True}
    browser.stage.ok("PATCH", f"/api/tasks/{made}/triggers/{trigger['id']}", {"config": config})
    assert "Linear ticket labelled a or b" in browser.get(where).text
    assert 'value="a, b"' in browser.get(f"{where}/triggers/{trigger['id']}").text
    saved = browser.post(f"{where}/triggers/{trigger['id']}", source="linear", labels="c")
    assert saved.status == 303, saved.text
    (trigger,) = browser.stage.ok("GET", f"/api/tasks/{made}/triggers")["triggers"]
    assert (trigger["config"]["labels"], trigger["config"]["refire"]) == (["c"], True)


def test_repos_secrets_and_templates_are_kept_by_forms(browser: Browser):
    assert browser.post("/repos", repoUrl="acme/web", setupCommands="npm ci").status == 303
    repo = browser.stage.ok("GET", "/api/repos")["repos"][0]["id"]
    assert "npm ci" in browser.get(f"/repos?edit={repo}").text
    assert browser.post("/repos", id=repo, setupCommands="make", secrets="A B").status == 303
    assert browser.stage.ok("GET", f"/api/repos/{repo}")["repo"]["secrets"] == ["A", "B"]
    assert browser.post("/repos", id=repo, do="delete").status == 303
    value = "sk-" + "x" * 20
    assert browser.post("/secrets", name="API_KEY", value=value).status == 303
    page = browser.get("/secrets").text
    assert "API_KEY" in page
    assert value not in page
    refused = browser.post("/secrets", name="PATH", value=value)
    assert refused.status == 400
    assert value not in refused.text
    assert browser.post("/secrets", do="delete", name="API_KEY", scope="global").status == 303
    assert browser.post("/templates", name="T", template="Do {{x}}").status == 303
    kept = browser.stage.ok("GET", "/api/prompt-templates")["promptTemplates"][0]["id"]
    assert "Do {{x}}" in browser.get(f"/templates?edit={kept}").text
    assert browser.post("/templates", id=kept, name="T2", template="Else").status == 303
    assert browser.post("/templates", id=kept, do="delete").status == 303


def test_the_cron_field_says_words_times_or_what_is_wrong(browser: Browser):
    asked = urlencode({"cronExpression": "30 9 * * 1-5", "timezone": "Asia/Kolkata"})
    text = browser.get(f"/tasks/new/cron?{asked}").text
    assert "At 09:30, Monday to Friday" in text
    assert "04:00" in text
    assert "30 2" not in text
    assert "is not a minute" in browser.get("/tasks/new/cron?cronExpression=99+*+*+*+*").text


def test_the_preview_marks_what_is_missing(browser: Browser):
    text = browser.post("/tasks/new/preview", prompt="a {{b}} {{c}}", paramMapping='{"b": 1}').text
    assert "a 1 " in text
    assert "<mark>c</mark>" in text


def test_who_looks_at_a_run_is_brought_its_history_and_what_may_be_done(
    browser: Browser,
):
    run = browser.stage.ok("POST", "/api/tasks", {**task(), "type": "repo-task"})["task"]["id"]
    shown = browser.get(f"/tasks/{run}?part=live").text
    assert re.search(r'id="history" hx-swap-oob="true".*Queued', shown, re.DOTALL)
    assert 'id="resume"' not in shown
    was = wiring.get_world().runs.get(run)
    stuck = replace(was, state=State.NEEDS_ATTENTION, branch="optio/x", version=was.version + 1)
    wiring.get_world().runs.put(stuck, was=was)
    shown = browser.get(f"/tasks/{run}?part=live").text
    assert re.search(r'id="resume" hx-swap-oob="true".*<textarea', shown, re.DOTALL)
    assert 'id="resume"' not in browser.get(f"/tasks/{run}?part=live&resume=1").text


def test_a_part_that_was_seen_is_not_sent_again(browser: Browser):
    browser.stage.ok("POST", "/api/tasks", {**task(), "type": "repo-task"})
    first = browser.get("/tasks?part=live")
    seen = re.search(r"seen=(\w+)", first.text)
    assert seen
    assert browser.get(f"/tasks?part=live&seen={seen[1]}").status == 204
    browser.stage.ok("POST", "/api/tasks", {**task(), "type": "repo-task"})
    assert browser.get(f"/tasks?part=live&seen={seen[1]}").status == 200


def test_runs_are_found_by_state_repo_and_text_and_paged(browser: Browser):
    for number in range(60):
        browser.stage.now += timedelta(seconds=1)
        name = f"Task number {number:02d}"
        browser.stage.ok("POST", "/api/tasks", {**task(name=name), "type": "repo-task"})
    first = browser.get("/tasks").text
    assert "Task number 59" in first
    assert "Task number 09" not in first
    older = re.search(r'href="\./tasks\?(before=[^"]+)"', first)
    assert older
    second = browser.get(f"/tasks?{html.unescape(older[1])}").text
    shown = set(re.findall(r"Task number (\d\d)</a>", first + second))
    assert len(shown) == 60
    assert "Task number 07" in browser.get("/tasks?q=number+07").text
    assert "No matching tasks" in browser.get("/tasks?state=failed").text
    assert "No matching tasks" in browser.get("/tasks?repo=acme/elsewhere").text


def test_unknown_pages_and_ids_say_so_in_html(browser: Browser):
    for path in ("/tasks/none", f"/tasks/{'0' * 8}-0000-4000-8000-{'0' * 12}", "/repos?edit=x"):
        answer = browser.get(path)
        assert answer.status == 404, path
        assert "There is no page at this address" in answer.text


def test_what_people_and_agents_write_is_only_ever_text(browser: Browser):
    made = browser.stage.ok("POST", "/api/tasks", {**task(name="n"), "type": "repo-task"})["task"]
    _shows_only_text(browser, made["id"], HOSTILE)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=60))
def test_any_text_is_escaped_in_logs_titles_and_errors(browser: Browser, text: str):
    made = browser.stage.ok("POST", "/api/tasks", {**task(name="n"), "type": "repo-task"})["task"]
    _shows_only_text(browser, made["id"], f"<b>{text}</b>")


def _shows_only_text(browser: Browser, run_id: str, text: str) -> None:
    world = wiring.get_world()
    was = world.runs.get(run_id)
    new = replace(
        was, title=text, error_message=text, attempt=1, version=was.version + 1, branch=text
    )
    world.runs.put(new, was)
    line = LogLine(seq=1, timestamp=world.now(), log_type="text", content=text)
    world.logs.write_lines(LogStream.of_attempt(new, 1), [line])
    for path in (f"/tasks/{run_id}", "/tasks"):
        page = browser.get(path).text
        assert text not in page or "<" not in text
        assert shown(text) in page


def test_every_page_is_registered_and_none_is_in_the_description():
    assert {path for _, path, *_ in PAGE_TABLE} <= set(app.routes)


def test_a_list_is_as_it_was_asked_for_after_many_were_retried(browser: Browser):
    answer = browser.post("/tasks?state=failed&q=bump", do="retry")
    assert answer.headers["Location"] == "./tasks?done=retried-0-0&state=failed&q=bump"
    page = browser.get("/tasks?state=failed&q=bump").text
    assert 'action="./tasks?state=failed&amp;q=bump"' in page


def test_a_resume_needs_a_prompt_and_keeps_to_the_branch(browser: Browser):
    made = browser.stage.ok("POST", "/api/tasks", {**task(name="n"), "type": "repo-task"})["task"]
    world, key = wiring.get_world(), made["id"]
    was = world.runs.get(key)
    stuck = replace(was, state=State.NEEDS_ATTENTION, branch="optio/x", version=was.version + 1)
    world.runs.put(stuck, was)
    assert "Resume on its branch" in browser.get(f"/tasks/{key}").text
    empty = browser.post(f"/tasks/{key}", do="resume", prompt="  ")
    assert empty.status == 400
    assert "a resume needs a prompt" in empty.text
    assert browser.post(f"/tasks/{key}", do="resume", prompt="Mend the tests").status == 303
    now = world.runs.get(key)
    assert (now.state, now.resume_prompt) == (State.QUEUED, "Mend the tests")
    assert browser.post(f"/tasks/{key}", do="resume", prompt="Once more").status == 409


def test_a_log_is_opened_around_a_line_and_searched(browser: Browser):
    made = browser.stage.ok("POST", "/api/tasks", {**task(name="n"), "type": "repo-task"})["task"]
    world, key = wiring.get_world(), made["id"]
    was = world.runs.get(key)
    new = replace(was, attempt=1, version=was.version + 1)
    world.runs.put(new, was)
    said = [
        LogLine(seq=n, timestamp=world.now(), log_type="text", content=f"said {n}")
        for n in range(1, 1001)
    ]
    world.logs.write_lines(LogStream.of_attempt(new, 1), said)
    page = browser.get(f"/tasks/{key}?at=1.500").text
    assert 'id="L1.500"' in page
    assert page.count('class="line ') == 200
    found = json.loads(browser.get(f"/tasks/{key}/log?cursor=1.0&search=SAID+99").text)
    assert [line["seq"] for line in found["logs"]] == [99, *range(990, 1000)]
    assert browser.get(f"/tasks/{key}?at=1.x").status == 200
    assert browser.get(f"/tasks/{key}?cursor=x").status == 400
