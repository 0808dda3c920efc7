"""A webhook whose secret changes, by the form of its trigger, without a delivery that is lost."""

from __future__ import annotations

import json

import pytest

from tests.support.browser import Browser, browser, task
from tests.support.signed_deliveries import mac

__all__ = ["browser"]
BODY = json.dumps({"title": "down"}).encode()
FIRST, SECOND = "the first of the secrets", "the second of the secrets"
ANY = ", any of {} secrets"


class Listening:
    """A webhook, its form, and who is believed."""

    def __init__(self, browser: Browser, **config: str) -> None:
        self.browser = browser
        hook = {"type": "webhook", "config": {"path": "alerts", **config}}
        made = browser.stage.ok("POST", "/api/tasks", task(triggers=[hook]))
        self.where = f"/tasks/scheduled/{made['task']['id']}"
        self.form = f"{self.where}/triggers/{made['triggers'][0]['id']}"

    def save(self, **typed: str) -> None:
        answer = self.browser.post(self.form, path="alerts", signature="optio", **typed)
        assert answer.status == 303, answer.text

    def believes(self, secret: str) -> bool:
        signed = {"X-Optio-Signature": mac(BODY, secret)}
        sent = self.browser.stage.call("POST", "/api/hooks/alerts", BODY, token="", **signed)
        assert sent[0] in (200, 202, 401), sent
        return sent[0] != 401

    def says(self, path: str, text: str) -> bool:
        return text in self.browser.get(path).text


@pytest.fixture
def hook(browser: Browser) -> Listening:
    return Listening(browser, secret=FIRST)


def test_both_secrets_are_taken_until_somebody_says_otherwise(hook: Listening):
    assert hook.says(hook.form, "Rotate the secret")
    hook.save(secret=SECOND, earlier="kept")
    assert hook.believes(FIRST)
    assert hook.believes(SECOND)
    assert hook.says(hook.where, ANY.format(2))
    assert hook.says(hook.form, '<option value="kept" selected>')

    hook.save(secret="", earlier="kept")
    assert hook.believes(FIRST), "a form that is saved as it was shown changes nothing"
    hook.save(secret="", earlier="")
    assert not hook.believes(FIRST)
    assert hook.believes(SECOND)
    assert not hook.says(hook.where, ANY.format(2))


def test_a_new_secret_is_the_only_one_unless_one_rotates(hook: Listening):
    hook.save(secret=SECOND)
    assert not hook.believes(FIRST)
    assert hook.believes(SECOND)


def test_the_three_newest_are_taken_at_most(hook: Listening):
    secrets = [f"the secret of the number {number}" for number in range(4)]
    for secret in secrets:
        hook.save(secret=secret, earlier="kept")
    assert [hook.believes(one) for one in (FIRST, *secrets)] == [False, False, True, True, True]


def test_a_webhook_without_a_secret_has_none_to_rotate(browser: Browser):
    open_hook = Listening(browser)
    assert not open_hook.says(open_hook.form, "Rotate the secret")
    open_hook.save(earlier="kept")
    assert open_hook.believes("")
    open_hook.save(secret=FIRST)
    assert not open_hook.believes(SECOND)
