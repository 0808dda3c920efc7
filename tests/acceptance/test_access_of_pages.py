"""Permissions of pages: every page and form, with every kind of session."""

from __future__ import annotations

import json
import re
import uuid
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from chalicelib import wiring
from chalicelib.actions.access import keys
from chalicelib.domain.access.key import Scope
from chalicelib.storage.records import KeyRecord
from chalicelib.web import pages
from chalicelib.web.pages import PAGE_TABLE
from chalicelib.web.pages import session as sessions
from tests.conftest import NOON, Stage, key_of
from tests.support.browser import FORM, Answer, Browser

OPEN = {
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/static/{digest}/{name}"),
}
READ_BY_POST = {
    ("POST", "/logout"),
    ("POST", "/tasks/new/preview"),
    ("POST", "/tasks/scheduled/{task_id}/preview"),
}
"""Forms that a reader may send: they change only the reader's own data."""
GUARDED = [(method, path, needs) for method, path, _, _, needs in PAGE_TABLE if needs]
CSRF = "a csrf token of tests"


def cookie(stage: Stage, name: str, scopes: tuple[Scope, ...]) -> str:
    """Return the cookie of a session of a key with just these scopes."""
    key_of(f"optio_pat_{name}", scopes)
    _, token = keys.open_session(wiring.get_world(), f"optio_pat_{name}")
    return sealed(token, stage.now + timedelta(hours=12))


def sealed(token: str, until: object) -> str:
    body = {"token": token, "until": until.isoformat(), "csrf": CSRF}  # type: ignore[attr-defined]
    sealed = wiring.get_world().encryption.encrypt_secret(json.dumps(body), "session")
    return f"{sessions.COOKIE_NAME}={sealed}"


def tried(
    stage: Stage, method: str, path: str, cookie: str, csrf: str = CSRF, **headers: str
) -> Answer:
    where = re.sub(r"{\w+}", str(uuid.uuid4()), path)
    browser = Browser(stage, cookie=cookie)
    if method == "GET":
        return browser.send(method, where)
    return browser.send(method, where, urlencode({"csrf": csrf}), **{**FORM, **headers})


def verdict(answer: Answer) -> str:
    assert answer.status < 500, answer.text
    led = answer.status == 303 and re.match(r"(\.\./)*(\./)?login\b", answer.headers["Location"])
    if led or answer.status == 401:
        return "sign in"
    return "may not" if answer.status == 403 else "may"


def strangers(stage: Stage) -> dict[str, str]:
    """Return cookies that are worth nothing, each for a reason of its own."""
    world = wiring.get_world()
    everything = tuple(Scope)
    key_of("optio_pat_soon_over", everything, expires_at=NOON + timedelta(minutes=1))
    _, over = keys.open_session(world, "optio_pat_soon_over")
    revoked = key_of("optio_pat_revoked", everything)
    _, orphan = keys.open_session(world, "optio_pat_revoked")
    key_of("optio_pat_left", everything)
    _, left = keys.open_session(world, "optio_pat_left")
    keys.close_session(world, left)
    key_of("optio_pat_bearer", everything)
    good = cookie(stage, "tampered", everything)
    later = stage.now + timedelta(hours=12)
    stage.now += timedelta(minutes=1)
    KeyRecord(id=revoked.id).delete()
    return {
        "none": "",
        "nonsense": f"{sessions.COOKIE_NAME}=nonsense",
        "tampered": good[:-6] + ("AAAAAA" if not good.endswith("AAAAAA") else "BBBBBB"),
        "expired": sealed(left, NOON),
        "of an expired key": sealed(over, later),
        "of a revoked key": sealed(orphan, later),
        "signed out": sealed(left, later),
        "never opened": sealed("optio_ses_never", later),
        "sealed for another purpose": (
            f"{sessions.COOKIE_NAME}=" + sessions.sign_in_code("optio_pat_bearer")
        ),
    }


def test_each_page_lets_in_whom_it_names_and_nobody_else(stage: Stage):
    worthless = strangers(stage)
    weak = {
        needs: cookie(stage, f"weak_{needs}", tuple(one for one in Scope if one is not needs))
        for needs in Scope
    }
    enough = {needs: cookie(stage, f"enough_{needs}", (needs,)) for needs in Scope}
    found = {
        (method, path): (
            {name: verdict(tried(stage, method, path, one)) for name, one in worthless.items()},
            verdict(tried(stage, method, path, weak[needs])),
            # Signing out ends the session that the next page needs.
            verdict(tried(stage, method, path, enough[needs])) if path != "/logout" else "may",
        )
        for method, path, needs in GUARDED
    }
    assert len(found) > 25
    expected = (dict.fromkeys(worthless, "sign in"), "may not", "may")
    assert {page: told for page, told in found.items() if told != expected} == {}


def test_no_form_is_taken_that_a_page_of_ours_did_not_send(stage: Stage):
    mine = cookie(stage, "everything", tuple(Scope))
    forms = [(method, path) for method, path, _ in GUARDED if method == "POST"]
    assert len(forms) > 8
    for method, path in forms:
        assert verdict(tried(stage, method, path, mine, csrf="")) == "may not", path
        assert verdict(tried(stage, method, path, mine, csrf="guessed")) == "may not", path
        foreign = {"Sec-Fetch-Site": "cross-site"}
        assert verdict(tried(stage, method, path, mine, **foreign)) == "may not", path


def test_a_key_is_no_cookie_and_a_cookie_no_key(stage: Stage):
    key_of("optio_pat_both", tuple(Scope))
    bearer = {"Authorization": "Bearer optio_pat_both"}
    assert verdict(Browser(stage).send("GET", "/tasks", **bearer)) == "sign in"
    _, token = keys.open_session(wiring.get_world(), "optio_pat_both")
    assert stage.call("GET", "/api/tasks", token=token)[0] == 401


def test_only_what_signs_in_is_open_and_every_form_states_more_than_reading():
    assert {(method, path) for method, path, _, _, needs in PAGE_TABLE if needs is None} == OPEN
    assert all(needs is None or isinstance(needs, Scope) for *_, needs in PAGE_TABLE)
    by_reader = {(m, p) for m, p, _, _, needs in PAGE_TABLE if m == "POST" and needs is Scope.READ}
    assert by_reader == READ_BY_POST


def test_a_page_that_states_no_scope_cannot_be_built():
    with pytest.raises(TypeError, match="needs"):
        pages._register_page("GET", "/probe", "runs", "index")  # type: ignore[call-arg]


def test_a_route_beside_the_two_tables_is_seen():
    from app import app
    from chalicelib.web.http.routes import ALL_ROUTES

    stated = {(method, path) for method, path, *_ in PAGE_TABLE}
    stated |= {(one.method, one.path) for room in ALL_ROUTES for one in room.operations}
    routed = {(method, path) for path, methods in app.routes.items() for method in methods}
    assert routed - stated == set()
