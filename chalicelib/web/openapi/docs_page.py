"""Renders the OpenAPI document as a plain HTML page without scripts."""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from typing import Any

Schema = dict[str, Any]
PAGE_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
summary { cursor: pointer; padding: .35rem 0; overflow-wrap: anywhere; }
summary b { display: inline-block; min-width: 4.5rem; font-family: monospace; }
summary span { opacity: .75; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid #8886; border-radius: .25rem; }
details details { margin-left: 1rem; }
li code { overflow-wrap: anywhere; }
"""
_HASH = base64.b64encode(hashlib.sha256(PAGE_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'; base-uri 'none'"
)


def render_page(document: Schema, source: str) -> str:
    """Return the page of an OpenAPI document that is served at `source`."""
    parts = "".join(
        _operation_html(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    models = "".join(
        f"<details "
        f'id="{escape(name)}"><summary>{escape(name)}</summary>{_json_html(schema)}</details>'
        for name, schema in sorted(document["components"]["schemas"].items())
    )
    title = escape(f"{document['info']['title']} API")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{PAGE_STYLE}</style></head><body><main><h1>{title}</h1>"
        "<p>Send <code>Authorization: Bearer optio_pat_…</code> unless a call is open to everyone. "
        f'For programs: <a href="{escape(source)}">OpenAPI 3.1</a>.</p>'
        f"<h2>Calls</h2>{parts}<h2>Models</h2>{models}</main></body></html>"
    )


def _operation_html(method: str, path: str, operation: Schema) -> str:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    takes = f"<h4>Body</h4>{_json_html(body['schema'])}" if body else ""
    notes = "<p>Open to everyone.</p>" if operation.get("security") == [] else ""
    notes += "<p>An older path of another call.</p>" if operation.get("deprecated") else ""
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> "
        f"<span>{escape(operation['summary'])}</span></summary>{notes}"
        f"{_parameters_html(operation['parameters'])}{takes}"
        f"<h4>Responses</h4><ul>{_answers_html(operation['responses'])}</ul></details>"
    )


def _parameters_html(parameters: list[Schema]) -> str:
    if not parameters:
        return ""
    items = "".join(
        f"<li><code>{escape(parameter['name'])}</code> in the {escape(parameter['in'])}"
        f" {escape(str(parameter['schema'].get('description', '')))}</li>"
        for parameter in parameters
    )
    return f"<h4>Parameters</h4><ul>{items}</ul>"


def _answers_html(responses: Schema) -> str:
    return "".join(
        f"<li><code>{escape(status)}</code> {escape(answer['description'])}</li>"
        for status, answer in responses.items()
    )


def _json_html(schema: Schema) -> str:
    return f"<pre>{escape(json.dumps(schema, indent=2, ensure_ascii=False))}</pre>"
