"""Each template and its context class have the same variables, so that neither drifts."""

from __future__ import annotations

from dataclasses import fields
from importlib import import_module

import pytest
from jinja2 import meta, nodes

from chalicelib.web.pages.contexts.base import FormContext, PageContext
from chalicelib.web.pages.rendering import jinja_environment
from infra.dev.emulator import ROOT

WEB = ROOT / "chalicelib" / "web"
CONTEXTS = WEB / "pages" / "contexts"
COMMON = {"urls", "may", "layout", "csrf_token", "seen"}
"""The variables that every template has."""
MACROS = {"macros.html", "inputs.html", "webhook_fields.html"}
"""Templates of macros that have no variables."""


def list_contexts() -> list[type[PageContext]]:
    """Return the context classes of all templates."""
    for module in CONTEXTS.glob("[!_]*.py"):
        import_module(f"chalicelib.web.pages.contexts.{module.stem}")
    bases = (PageContext, FormContext)
    return [each for base in bases for each in base.__subclasses__() if each not in bases]


def list_own_names(tree: nodes.Template) -> set[str]:
    """Return the names of the macros that a template defines or imports."""
    macros = {macro.name for macro in tree.find_all(nodes.Macro)}
    imports = (name for each in tree.find_all(nodes.FromImport) for name in each.names)
    return macros | {name if isinstance(name, str) else name[1] for name in imports}


def read_variables(template: str) -> tuple[set[str], set[str]]:
    """Return the variables of a template and of those that it uses, and the names of all."""
    environment = jinja_environment()
    tree = environment.parse((WEB / "templates" / template).read_text())
    variables = meta.find_undeclared_variables(tree) - list_own_names(tree)
    names = {template}
    for node in tree.find_all((nodes.Extends, nodes.Include, nodes.FromImport)):
        if isinstance(node, nodes.FromImport) and not node.with_context:
            continue
        assert isinstance(node.template, nodes.Const)
        used_variables, used_names = read_variables(node.template.value)
        variables, names = variables | used_variables, names | used_names
    return variables - set(environment.globals), names


CONTEXT_CLASSES = list_contexts()


@pytest.mark.parametrize("context", CONTEXT_CLASSES, ids=lambda context: context.template)
def test_a_template_has_the_variables_of_its_context(context: type[PageContext]):
    variables, _ = read_variables(context.template)
    assert variables - COMMON == {field.name for field in fields(context)}


def test_every_template_belongs_to_a_context():
    used = {name for each in CONTEXT_CLASSES for name in read_variables(each.template)[1]}
    assert used | MACROS == {file.name for file in (WEB / "templates").glob("*.html")}


def test_no_two_contexts_have_one_template():
    templates = [each.template for each in CONTEXT_CLASSES]
    assert len(set(templates)) == len(templates) > 20


def test_contexts_are_frozen():
    for each in CONTEXT_CLASSES:
        assert each.__dataclass_params__.frozen, each  # type: ignore[attr-defined]


def test_no_template_asks_for_a_scope_or_the_time():
    for file in (WEB / "templates").glob("*.html"):
        assert "may_use" not in file.read_text(), file.name
        assert "now" not in read_variables(file.name)[0], file.name
