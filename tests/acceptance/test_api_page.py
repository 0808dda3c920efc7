"""The page that shows the API to people."""

from __future__ import annotations

import base64
import hashlib
import re

from chalicelib.web.openapi import docs_page
from tests.conftest import Stage


def page(stage: Stage) -> tuple[str, dict[str, str]]:
    answer = stage._client.http.request("GET", "/docs", headers={}, body=b"")
    assert answer.status_code == 200
    return answer.body.decode(), answer.headers


def test_the_page_shows_every_call_and_every_model_to_everybody(stage: Stage):
    html, headers = page(stage)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    document = stage.ok("GET", "/api/openapi.json")
    for path, methods in document["paths"].items():
        assert html.count(f"<code>{path}</code>") == len(methods)
    for model in document["components"]["schemas"]:
        assert f'id="{model}"' in html
    assert 'href="api/openapi.json"' in html


def test_the_page_needs_nothing_that_its_policy_forbids(stage: Stage):
    html, headers = page(stage)
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in headers["Content-Security-Policy"]
    assert not re.search(r"<script|<link|<img|style=|\son\w+=|url\(|(?:src|href)=.https?:", html)


def test_what_the_document_says_is_text_and_never_markup():
    operation = {"summary": "<script>", "parameters": [], "responses": {}}
    document = {
        "info": {"title": "A & B"},
        "paths": {"/<b>": {"get": operation}},
        "components": {"schemas": {"X": {"description": "</pre><script>"}}},
    }
    html = docs_page.render_page(document, "api/openapi.json")
    assert "<script" not in html
    assert "<b>GET</b> <code>/&lt;b&gt;</code>" in html
