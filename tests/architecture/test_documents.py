"""Files, commands and tests that the documentation names exist."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from infra.docs import generate_docs
from tests.support import documents

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_anchor_is_a_heading(page: Path):
    for target, anchor in re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", page.read_text()):
        text = ((page.parent / target) if target else page).read_text()
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        words = [re.sub(r"[^\w -]", "", heading.lower()) for heading in headings]
        assert anchor in [heading.replace(" ", "-") for heading in words], target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_source_that_is_named_exists(page: Path):
    named = re.findall(
        r"`((?:chalicelib|infra|optio_cli|tests|benchmarks)/[\w/.]+)`", page.read_text()
    )
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_that_is_named_exists(page: Path):
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"`make ([a-z][a-z0-9-]*)", page.read_text()))
    assert named <= targets


def test_nothing_is_left_to_do_in_the_sources():
    tracked = subprocess.run(
        ["git", "ls-files", "*.py", "*.md", "Makefile"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    marks = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
    assert [name for name in tracked if marks.search((ROOT / name).read_text())] == []


THREATS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "explanation" / "security.md").read_text().splitlines()
    if line.startswith("|") and "`tests/" in line
]


@pytest.mark.parametrize("threat", THREATS, ids=lambda threat: threat[2])
def test_each_line_of_the_threat_model_names_a_test_that_exists(threat: list[str]):
    assert len(threat) == 5
    assert all(threat)
    file, _, name = threat[4].strip("`").partition("::")
    tests = [
        node
        for node in ast.walk(ast.parse((ROOT / file).read_text()))
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    assert len(tests) == 1, threat[4]
    marks = [ast.unparse(mark) for mark in tests[0].decorator_list]
    assert not [mark for mark in marks if "skip" in mark or "xfail" in mark]


def test_the_threat_model_knows_every_actor():
    actors = {actor.strip() for threat in THREATS for actor in threat[1].split(",")}
    named = ("outsider", "upstream sender", "ticket author", "hostile repo", "hostile agent")
    assert {*named, "member"} <= actors


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_stands_where_a_test_finds_it(page: Path):
    outside = documents.FENCE.sub("", page.read_text())
    typed = r"^(?: {4}|\t)\$? ?((?:curl|make|optio|pip|git|docker|python) .*)"
    told = re.findall(typed, outside, re.M)
    assert told == [], "put it into a fence: ```sh, with what it needs where no test can run it"
    for block in documents.blocks(page):
        assert block.text.strip()


def test_the_pages_that_are_made_are_as_they_would_be_made_now():
    for page, text in generate_docs.generate_pages():
        assert page.read_text() == text, "run `make docs`"


def test_every_page_is_found_from_the_first_one():
    seen, left = set(), [ROOT / "README.md"]
    while left:
        page = left.pop().resolve()
        if page not in seen:
            seen.add(page)
            links = re.findall(r"\]\(([^)#\s]+\.md)", page.read_text())
            left += [page.parent / link for link in links if "://" not in link]
    samples = {ROOT / "examples" / name / "README.md" for name in ("greeter", "sample-repo")}
    assert {page.resolve() for page in PAGES} - seen == {page.resolve() for page in samples}
