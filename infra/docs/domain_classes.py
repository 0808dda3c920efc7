"""The table of the glossary that names each class of the domain, made from their docstrings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from infra.dev.emulator import ROOT

DOMAIN = ROOT / "chalicelib" / "domain"


class DomainClass(NamedTuple):
    """A public class of the domain: its name, its module below `domain`, and its first sentence."""

    name: str
    module: str
    meaning: str


def list_domain_classes(domain: Path = DOMAIN) -> list[DomainClass]:
    """Return the public classes of the domain, by name."""
    return sorted(_each_class(domain))


def format_table(classes: list[DomainClass]) -> str:
    """Return the rows of the Markdown table for these classes."""
    rows = [f"| `{each.name}` | {each.meaning} | `{each.module}` |" for each in classes]
    return "\n".join(["| class | meaning | module of `domain` |", "|---|---|---|", *rows])


def _each_class(domain: Path) -> Iterator[DomainClass]:
    for path in domain.rglob("*.py"):
        module = path.relative_to(domain).with_suffix("").as_posix()
        for statement in ast.parse(path.read_text()).body:
            if isinstance(statement, ast.ClassDef) and not statement.name.startswith("_"):
                yield DomainClass(statement.name, module, _first_sentence(statement))


def _first_sentence(statement: ast.ClassDef) -> str:
    text = " ".join((ast.get_docstring(statement) or "").split())
    return text.partition(". ")[0].rstrip(".").replace("|", "\\|") + "." if text else ""
