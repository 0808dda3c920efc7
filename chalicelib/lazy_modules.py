"""Loads modules on their first use, because imports are most of the time of a cold start.

A package with `__getattr__ = lazy_submodules(__name__)` returns its modules unloaded from a plain
`from package import module`. The class of a module changes when it is loaded, under a lock: the
standard library's `LazyLoader` does the same, but is not thread-safe.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import ModuleType
from typing import Any

_loading = RLock()


class LazyModule(ModuleType):
    """A module that was not used yet."""

    def __getattribute__(self, name: str) -> Any:
        with _loading:
            if type(self) is LazyModule:
                _load_module(self, object.__getattribute__(self, "__spec__"))
        return ModuleType.__getattribute__(self, name)


def _load_module(module: LazyModule, spec: Any) -> None:
    if spec.loader_state:
        return  # it is being loaded, and accesses itself
    spec.loader_state = "loading"
    try:
        spec.loader.exec_module(module)
        module.__class__ = ModuleType  # type: ignore[assignment]
    finally:
        spec.loader_state = None


def lazy_submodules(package: str) -> Callable[[str], ModuleType]:
    """Return the `__getattr__` of a package whose modules are loaded on their first use."""

    def module(name: str) -> ModuleType:
        whole = f"{package}.{name}"
        if whole in sys.modules:
            return sys.modules[whole]
        spec = None if name.startswith("__") else find_spec(whole)
        if spec is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        submodule = module_from_spec(spec)
        submodule.__class__ = LazyModule
        sys.modules[whole] = submodule
        setattr(sys.modules[package], name, submodule)
        return submodule

    return module
