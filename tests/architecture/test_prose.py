"""The English of this project: its rules, its list of unfinished files, its commit subjects."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from infra.prose import check
from infra.prose.passages import Kind, Passage, markdown_passages
from infra.prose.python_texts import python_passages
from infra.prose.rules import Rule, read_rules
from infra.prose.templates import template_passages

ROOT = Path(__file__).resolve().parents[2]
FIRST_COMMIT = "bafc231b90b01722abfcbaf629e72d0f4296eb72"
SUBJECT = re.compile(r"[a-z][\w/ ,-]*: [a-z].*")
RIDDLE = re.compile(r'(#.*\n)*r?"""\s*(What|Who|How|Whether|Where|When|Whoever|Those)\b')
PACKAGES = ("chalicelib", "optio_cli", "infra")
MOST_RIDDLES = 0


@pytest.mark.parametrize("rule", read_rules(), ids=lambda rule: rule.name)
def test_a_rule_finds_its_wrong_examples_and_no_right_one(rule: Rule):
    assert rule.why
    assert rule.wrong
    assert rule.right
    for kind in rule.kinds:
        for text in rule.wrong:
            assert list(rule.find_faults(Passage(1, Kind(kind), text))), text
        for text in rule.right:
            assert not list(rule.find_faults(Passage(1, Kind(kind), text))), text


def test_the_list_of_unfinished_files_only_shrinks():
    assert check.passing_entries() == [], "run `.venv/bin/python -m infra.prose --prune`"


def test_module_docstrings_begin_with_a_verb_or_a_noun():
    riddles = [
        path.relative_to(ROOT)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if RIDDLE.match(path.read_text())
    ]
    assert len(riddles) <= MOST_RIDDLES, riddles


def test_commit_subjects_name_an_area_and_are_imperative():
    command = ["git", "log", "--no-merges", "--format=%s", f"{FIRST_COMMIT}..HEAD"]
    log = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if log.returncode:
        pytest.skip("this is not a whole clone")
    subjects = log.stdout.splitlines()
    assert [line for line in subjects if len(line) > 72 or not SUBJECT.fullmatch(line)] == []


def test_code_and_quoted_text_are_not_read():
    page = """\
# A heading

A paragraph with `meanwhile` and "anew", over
two lines.

```
anew
```

- An item,
  on two lines.
- [A link](https://example.com/anew).

| a cell | `anew` |
|---|---|

    anew
"""
    read = list(markdown_passages(page, Kind.MARKDOWN))
    assert [(passage.line, passage.text.split()[:3]) for passage in read] == [
        (1, ["A", "heading"]),
        (3, ["A", "paragraph", "with"]),
        (10, ["An", "item,", "on"]),
        (12, ["A", "link."]),
        (14, ["a", "cell"]),
        (14, ["\N{FULL BLOCK}"]),
    ]
    assert "anew" not in " ".join(passage.text for passage in read)


def test_docstrings_and_messages_of_a_source_are_read():
    source = '''\
"""Module."""
RATE = 1
"""Requests a second."""

def send(name):
    """Send it.

    Or wait.
    """
    raise Invalid(f"{name} is not there", help="look again")
'''
    read = [(passage.line, passage.kind, passage.text) for passage in python_passages(source)]
    assert sorted(read) == [
        (1, Kind.MODULE, "Module."),
        (3, Kind.DOCSTRING, "Requests a second."),
        (6, Kind.DOCSTRING, "Send it."),
        (8, Kind.DOCSTRING, "Or wait."),
        (10, Kind.MESSAGE, "look again"),
        (10, Kind.MESSAGE, "\N{FULL BLOCK} is not there"),
    ]


def test_visible_texts_of_a_template_are_read():
    template = """\
{# a comment #}
<p>Hello <b>big</b> world,
it is {{ day }}.</p>
<style>a b {}</style>
{{ field("name", "Its full name") }}
<input placeholder="Two words">
"""
    read = [(passage.line, passage.text) for passage in template_passages(template)]
    assert sorted(read) == [
        (2, "Hello big world,\nit is \N{FULL BLOCK}."),
        (5, "Its full name"),
        (6, "Two words"),
    ]
