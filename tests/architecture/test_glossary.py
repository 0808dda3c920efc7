"""The glossary as a contract: no name in the code contains a synonym that it rejects."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.docs.domain_classes import list_domain_classes
from infra.docs.generate_docs import MARK
from tests.support.source_files import ROOT, sources

GLOSSARY = ROOT / "docs" / "glossary.md"
CONTRACT_NAMES = {
    "chalicelib/web/schemas": "the names of the API's schemas and fields are its contract",
    "chalicelib/web/api/hooks.py": "the module of the resource `/api/hooks`",
    "chalicelib/web/api/legacy.py": "the older paths of the API have the older words",
    "infra/release/indexes.py": "AWS calls the key schema of an index its definition",
    "infra/package/gateway.py": "OpenAPI's own word in the document of API Gateway",
}
"""Sources whose names others have chosen, each with the reason."""
FOREIGN_NAMES = {"object_hook"}
"""Parameters of other libraries."""


def rejected_synonyms(page: str) -> dict[tuple[str, ...], str]:
    """Return the words of each rejected synonym, with the term that is used for it."""
    synonyms = {}
    for term, _, rejected in re.findall(r"^\| \*\*(.+?)\*\* \|(.*)\|(.*)\|$", page, re.MULTILINE):
        for synonym in re.findall(r"`([a-z ]+)`", rejected):
            synonyms[tuple(synonym.split())] = term
    return synonyms


def list_names(path: Path) -> Iterator[str]:
    """Yield the name of a module, and every name that it defines."""
    yield path.stem
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.keyword(arg=str(name)):
                yield name


def split_words(name: str) -> list[str]:
    """Return the words of a name in snake case or camel case, in lower case and singular."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return [re.sub(r"(?<=[^s])s$", "", word.lower()) for word in words]


def contains_words(name: str, synonym: tuple[str, ...]) -> bool:
    words, wanted = split_words(name), [re.sub(r"(?<=[^s])s$", "", word) for word in synonym]
    return any(words[at : at + len(wanted)] == wanted for at in range(len(words)))


SYNONYMS = rejected_synonyms(GLOSSARY.read_text())


def test_the_glossary_rejects_synonyms():
    assert len(SYNONYMS) >= 20
    assert SYNONYMS["definition",] == "blueprint"


@pytest.mark.parametrize(
    ("name", "synonym", "contained"),
    [
        ("read_definitions", ("definition",), True),
        ("HookConfig", ("hook",), True),
        ("webhook_path", ("hook",), False),
        ("TASK_CONFIG_ID", ("task", "config"), True),
        ("task_of_config", ("task", "config"), False),
        ("firings_class", ("clas",), False),
    ],
)
def test_a_synonym_is_found_as_whole_words(name: str, synonym: tuple[str, ...], contained: bool):
    assert contains_words(name, synonym) is contained


@pytest.mark.parametrize("package", ["chalicelib", "optio_cli", "infra"])
def test_no_name_contains_a_rejected_synonym(package: str):
    found = {
        f"{path.relative_to(ROOT)}: {name}": f"use {term!r}"
        for path in sources(package)
        if not str(path.relative_to(ROOT)).startswith(tuple(CONTRACT_NAMES))
        for name in {*list_names(path)} - FOREIGN_NAMES
        for synonym, term in SYNONYMS.items()
        if contains_words(name, synonym)
    }
    assert found == {}


def test_every_class_of_the_domain_is_explained():
    listed = GLOSSARY.read_text().partition(MARK)[2]
    classes = list_domain_classes()
    assert len(classes) > 80
    assert [each.name for each in classes if f"| `{each.name}` |" not in listed] == []
    assert [each.name for each in classes if not each.meaning] == []
