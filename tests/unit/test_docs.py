"""The documents state facts of the code; these tests compare."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from chalicelib.domain.blueprints.template import render_template
from chalicelib.domain.error_class import ErrorClass
from chalicelib.domain.runs.state import MOVES, State
from chalicelib.domain.triggers.trigger import CatchUp, Overlap

DOCS = Path(__file__).resolve().parents[2] / "docs"


def rows(page: str, head: str) -> list[list[str]]:
    """Return the cells of the table under a head."""
    rule = "|---" * (head.count("|") - 1) + "|"
    _, _, rest = (DOCS / page).read_text().partition(f"{head}\n{rule}\n")
    table = rest.split("\n\n")[0].splitlines()
    assert table, f"{page} has no table {head}"
    return [line.removeprefix("|").removesuffix("|").split("|") for line in table]


def names(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell))


def test_the_page_of_agents_lists_every_error_class():
    head = "| `errorClass` | cause | retried automatically |"
    listed = [name for row in rows("guides/agents.md", head) for name in names(row[0])]
    assert sorted(listed) == sorted(ErrorClass)


def test_the_page_of_runners_names_error_classes_only():
    head = "| class | meaning | tried again at once |"
    named = {name for row in rows("guides/runners.md", head) for name in names(row[0])}
    assert named < set(ErrorClass)


def test_the_page_of_states_names_each_state_and_each_move():
    told = {
        State(names(state).pop())
        for state, _ in rows("reference/states.md", "| state | what it means |")
    }
    assert told == set(State)
    moves = {
        State(names(source).pop()): {State(name) for name in names(targets)}
        for source, targets in rows("reference/states.md", "| from | to |")
    }
    assert moves == MOVES


def test_each_example_of_the_page_of_templates_renders_as_it_says():
    page = (DOCS / "reference" / "templates.md").read_text()
    found = re.search(r"```json\n(.*?)\n```", page, re.DOTALL)
    assert found
    values = json.loads(found[1])
    examples = rows("reference/templates.md", "| template | result |")
    assert len(examples) > 5
    for template, result in examples:
        text, expected = (cell.strip().strip("`") for cell in (template, result))
        assert render_template(text, values).text == expected


def test_each_setting_has_its_row():
    source = (DOCS.parent / "chalicelib" / "settings.py").read_text()
    known = set(re.findall(r'"(OPTIO_\w+|STAGE)"', source))
    told = {
        name
        for line in (DOCS / "reference" / "settings.md").read_text().splitlines()
        if line.startswith("| `")
        for name in names(line.split("|")[1])
    }
    assert known == told


def test_each_policy_of_schedules_is_explained():
    page = (DOCS / "reference" / "schedules.md").read_text()
    for policy in (*Overlap, *CatchUp):
        assert f"`{policy.value}`" in page


def test_the_page_of_notifications_verifies_a_signature_and_names_each_event():
    import time

    from chalicelib.domain.notifications.notification import Event
    from chalicelib.domain.triggers.webhook_signatures import standard_signature

    page = (DOCS / "guides" / "notifications.md").read_text()
    found = re.search(r"```python\n(.*?)\n```", page, re.DOTALL)
    assert found
    room: dict[str, Any] = {}
    exec(found[1], room)
    secret, body, sent = "whsec_" + "A" * 32, b'{"type": "task.failed"}', str(int(time.time()))
    headers = {
        "webhook-id": "m1",
        "webhook-timestamp": sent,
        "webhook-signature": f"v1,other {standard_signature(secret, 'm1', sent, body)}",
    }
    verified = room["verified"]
    assert verified(secret, headers, body)
    assert not verified(secret, headers, body + b" ")
    assert not verified("whsec_" + "B" * 32, headers, body)
    assert not verified(secret, {**headers, "webhook-id": "m2"}, body)
    old = str(int(sent) - 301)
    signed = standard_signature(secret, "m1", old, body)
    late = {**headers, "webhook-timestamp": old, "webhook-signature": signed}
    assert not verified(secret, late, body)

    told = set(re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", page, re.MULTILINE))
    assert told == {event.value for event in Event if event is not Event.TEST}
