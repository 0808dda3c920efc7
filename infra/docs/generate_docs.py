"""`make docs`: the pages that are made from what they are about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from chalicelib.domain.triggers.webhook_senders import SENDERS, Sender
from chalicelib.web.http.routes import ALL_ROUTES
from chalicelib.web.openapi.document import build_document
from infra.dev.emulator import ROOT
from infra.docs import data_model, domain_classes

DECISIONS = ROOT / "docs" / "decisions"
WEBHOOKS = ROOT / "docs" / "guides" / "webhooks.md"
SENDERS_BEGIN = "<!-- The table of senders is made by `make docs`. -->"
SENDERS_END = "<!-- The table of senders ends here. -->"
GLOSSARY = ROOT / "docs" / "glossary.md"
MARK = "<!-- What follows is made by `make docs`. -->"
TITLES = {
    "activity": "Audit log",
    "auth": "Keys and sign-in",
    "firings": "The ledger",
    "health": "Health",
    "jobs": "Older paths: jobs",
    "hooks": "Deliveries of webhooks",
    "openapi.json": "Descriptions",
    "repos": "Repos",
    "secrets": "Secrets",
    "task-configs": "Older paths: `/api/task-configs`",
    "tasks": "Tasks, their triggers and runs",
    "tickets": "Tickets",
    "runner": "Runners",
    "prompt-templates": "Prompt templates",
    "webhooks": "Webhook endpoints and forge events",
    "workflow-runs": "Older paths: runs of jobs",
}


def main() -> None:
    """Write the pages."""
    for path, text in generate_pages():
        path.write_text(text)
        print(f"wrote {path.relative_to(ROOT)}")


def generate_pages() -> Iterator[tuple[Path, str]]:
    """Yield each page that is made from the code, with its text."""
    yield ROOT / "docs" / "reference" / "api.md", api_page()
    yield DECISIONS / "README.md", decisions_page()
    yield WEBHOOKS, webhooks_page()
    yield data_model.PAGE, data_model.data_model_page()
    yield GLOSSARY, glossary_page()


def api_page() -> str:
    """Return the page of the API."""
    import app  # noqa: F401, PLC0415 - registers every route

    operations = [operation for room in ALL_ROUTES for operation in room.operations]
    described = build_document(operations)
    head, mark, _ = (ROOT / "docs" / "reference" / "api.md").read_text().partition(MARK)
    lines = [f"{head}{mark}\n"]
    ordered = sorted(
        operations, key=lambda operation: (_group(operation.path), operation.path, operation.method)
    )
    for group, members in groupby(ordered, key=lambda operation: _group(operation.path)):
        lines.append(f"## {TITLES.get(group, group)}\n")
        lines.append("| call | what it does | body | needs |\n|---|---|---|---|")
        for operation in members:
            needs = operation.scope.value if operation.scope else "nothing"
            body = f"[`{operation.body}`](#{operation.body.lower()})" if operation.body else ""
            body += ", any of its fields" if operation.partial else ""
            lines.append(
                f"| `{operation.method} {operation.path}` | {operation.summary} "
                f"| {body} | {needs} |"
            )
        lines.append("")
    lines.append("## Bodies\n\nFields in **bold** have to be there.\n")
    for name in sorted({operation.body for operation in operations if operation.body}):
        lines.append(f"### `{name}`\n")
        lines += [f"- {line}" for line in _fields(name, described)]
        lines.append("")
    return "\n".join(lines)


def _group(path: str) -> str:
    parts = path.strip("/").split("/")
    return parts[1] if parts[0] == "api" else "openapi.json"


def _fields(name: str, described: dict[str, Any]) -> Iterator[str]:
    schemas = described["components"]["schemas"]
    schema = schemas.get(name, {})
    for field, part in schema.get("properties", {}).items():
        shown = f"**`{field}`**" if field in schema.get("required", ()) else f"`{field}`"
        default = part.get("default")
        tail = f", {default!r} by default" if default not in (None, "", [], {}) else ""
        yield f"{shown}: {_kind(part)}{tail}"
    for part in schema.get("oneOf", schema.get("anyOf", ())):
        yield _kind(part)


def _kind(part: dict[str, Any]) -> str:
    """Return the type of a value in a few words."""
    if "$ref" in part:
        return str(part["$ref"].rpartition("/")[2])
    if "const" in part:
        return f"`{part['const']}`"
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    for join in ("anyOf", "oneOf"):
        if join in part:
            kinds = [_kind(option) for option in part[join] if option.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    if part.get("type") == "array":
        return f"list of {_kind(part.get('items', {}))}"
    bounds = [
        f"{word} {part[key]}"
        for key, word in (("minimum", "at least"), ("maximum", "at most"))
        if key in part
    ]
    return " ".join([str(part.get("format") or part.get("type", "anything")), *bounds])


def webhooks_page() -> str:
    """Return the page of webhooks, its table made from what is known of each sender."""
    head, begin, rest = WEBHOOKS.read_text().partition(SENDERS_BEGIN)
    _, end, tail = rest.partition(SENDERS_END)
    return f"{head}{begin}\n\n{_senders()}\n\n{end}{tail}"


def glossary_page() -> str:
    """Return the glossary, its last table made from the classes of the domain."""
    head, mark, _ = GLOSSARY.read_text().partition(MARK)
    table = domain_classes.format_table(domain_classes.list_domain_classes())
    return f"{head}{mark}\n\n{table}\n"


def _senders() -> str:
    lines = [
        "| `signature` | sender | how it signs | names a delivery by | names its event by | "
        "body | replays | tries an address out by | success |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, sender in SENDERS.items():
        cells = (
            f"`{name}`",
            sender.label,
            sender.scheme,
            _identity(sender),
            _event(sender),
            _body(sender),
            _replays(sender),
            _trials(sender) or "nothing",
            str(sender.success_status),
        )
        lines.append(f"| {' | '.join(cells)} |")
    notes = [f"- `{name}`: {sender.notes}" for name, sender in SENDERS.items() if sender.notes]
    return "\n".join([*lines, "", *notes])


def _header(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _names(parts: list[str]) -> str:
    return ", ".join(parts)


def _identity(sender: Sender) -> str:
    if sender.named_by_bytes:
        return "its bytes"
    parts = [f"`{name}`" for name in (*map(_header, sender.id_headers), *sender.id_paths)]
    if sender.is_cloud_event:
        return " and ".join(parts)
    return _names(parts) + (", with the event and the bytes" if sender.ids_span_events else "")


def _event(sender: Sender) -> str:
    names = (*map(_header, sender.event_headers), *sender.event_paths)
    action = f", then `.` and `{sender.action_path}`" if sender.action_path else ""
    return _names([f"`{name}`" for name in names]) + action


def _body(sender: Sender) -> str:
    if sender.is_cloud_event:
        return "CloudEvents in structured or binary mode"
    if sender.wraps_event_in_list:
        return "JSON, a list of one event"
    if sender.takes_plain_forms:
        return "JSON, or any form"
    return "JSON, or a form with JSON in `payload`"


def _replays(sender: Sender) -> str:
    if sender.sent_path:
        hours = sender.max_age.total_seconds() / 3600
        return f"`{sender.sent_path}` at most {hours:.0f} hours old; later ones are a 401"
    if sender.timestamp_signed:
        return "signed within five minutes, or a 401"
    return "answered with the first one's ids"


def _trials(sender: Sender) -> str:
    parts = [f"`{name}`" for name in (*sender.pings, *sender.ping_fields)]
    if sender.challenge:
        parts.append(f"`{sender.challenge.value}` (answered)")
    if sender.offers_token:
        parts.append("`verification_token` (kept for an admin)")
    if sender.check is None:
        parts.append("`SubscriptionConfirmation` (confirmed)")
    if sender.answers_options:
        parts.append("`OPTIONS` with `WebHook-Request-Origin` (answered)")
    return _names(parts)


def decisions_page() -> str:
    """Return the index of the decisions."""
    rows = []
    for file in sorted(DECISIONS.glob("0*.md")):
        title = re.sub(r"^# \d+[.·] *", "", file.read_text().splitlines()[0])
        rows.append(f"| {file.name[:4]} | [{title}]({file.name}) |")
    table = "\n".join(rows)
    head = (
        "# Decisions\n\nWhy things are as they are, ten lines each: what the question was, "
        "what was chosen, what follows. A number is never used twice."
    )
    return f"{head}\n\n| | |\n|---|---|\n{table}\n"


if __name__ == "__main__":
    main()
