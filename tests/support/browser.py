"""A browser without JavaScript, in front of the real app."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest

from tests.conftest import TOKEN, Stage

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str


@dataclass
class Browser:
    """A browser without JavaScript."""

    stage: Stage
    cookie: str = ""
    csrf: str = field(default="")

    def send(self, method: str, path: str, body: str = "", **headers: str) -> Answer:
        sent = {**headers, **({"Cookie": self.cookie} if self.cookie else {})}
        answer = self.stage._client.http.request(method, path, headers=sent, body=body.encode())
        return Answer(answer.status_code, dict(answer.headers), answer.body.decode())

    def get(self, path: str) -> Answer:
        answer = self.send("GET", path)
        found = re.search(r'name="csrf" value="([^"]+)"', answer.text)
        self.csrf = found[1] if found else self.csrf
        return answer

    def post(self, path: str, /, **form: str | list[str]) -> Answer:
        typed = urlencode({"csrf": self.csrf} | form, doseq=True)
        return self.send("POST", path, typed, **FORM)

    def use_link(self, path: str) -> Answer:
        """Open a sign-in link and press its button."""
        page = self.get(path)
        code = re.search(r'name="once" value="([^"]+)"', page.text)
        assert page.status == 200, page
        assert code, page.text
        return self.post("/login", once=html.unescape(code[1]))

    def sign_in(self, token: str = TOKEN) -> Browser:
        answer = self.post("/login", key=token)
        assert answer.status == 303, answer.text
        self.cookie = str(answer.headers["Set-Cookie"]).split(";")[0]
        self.get("/tasks")
        return self


@pytest.fixture
def browser(stage: Stage) -> Browser:
    return Browser(stage).sign_in()


def task(**fields: object) -> dict[str, object]:
    return {
        "type": "repo-blueprint",
        "name": "Bump",
        "prompt": "Bump {{what}}",
        "repoUrl": "https://example.com/acme/web",
        **fields,
    }


def schedule(cron: str = "*/5 * * * *") -> dict[str, object]:
    return {"type": "schedule", "config": {"cronExpression": cron}}


def shown(text: str) -> str:
    """Return text as a page holds it."""
    return html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
