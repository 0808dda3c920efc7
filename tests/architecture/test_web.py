"""Rules of `chalicelib/web` that no type checker or linter holds."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

import pytest

import chalicelib
from chalicelib.domain import errors
from chalicelib.domain.errors import DomainError
from chalicelib.web.http.errors import STATUS_OF_ERROR


def iter_subclasses(kind: type) -> Iterator[type]:
    """Yield all classes of the service that derive from `kind`."""
    for inner in kind.__subclasses__():
        if inner.__module__.startswith("chalicelib."):
            yield inner
        yield from iter_subclasses(inner)


@pytest.fixture(scope="module")
def error_classes() -> list[type]:
    for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    return list(iter_subclasses(DomainError))


def test_every_error_of_the_domain_has_a_status(error_classes: list[type]):
    assert len(error_classes) >= 13
    lacking = {kind.__name__ for kind in error_classes if not {*kind.__mro__} & {*STATUS_OF_ERROR}}
    assert lacking == set(), "add these classes to STATUS_OF_ERROR in chalicelib/web/http/errors.py"
    assert set(STATUS_OF_ERROR) <= set(error_classes)


def test_the_tree_of_errors_names_every_error_of_the_core(error_classes: list[type]):
    core = [kind for kind in error_classes if not kind.__module__.startswith("chalicelib.web")]
    assert [kind.__name__ for kind in core if f"- {kind.__name__} " not in errors.__doc__] == []
