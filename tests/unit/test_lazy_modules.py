"""Modules that load themselves when something of them is used."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from chalicelib.lazy_modules import LazyModule
from tests.support.shared import ROOT

PACKAGE = """from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "lately"
    folder.mkdir()
    (folder / "__init__.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "lately"]:
        del sys.modules[name]


def test_a_module_is_loaded_by_its_first_use_and_not_by_its_import(package: Path):
    (package / "slow.py").write_text("import sys\nsys.modules['lately'].loaded = True\nVALUE = 1\n")

    from lately import slow  # type: ignore[import-not-found]

    lately = sys.modules["lately"]
    assert type(slow) is LazyModule
    assert not hasattr(lately, "loaded")
    assert slow.VALUE == 1
    assert type(slow) is ModuleType
    assert lately.loaded
    assert sys.modules["lately.slow"] is slow is lately.slow


def test_names_of_a_module_that_waits_can_be_imported_and_put_in_place(
    package: Path, monkeypatch: pytest.MonkeyPatch
):
    (package / "one.py").write_text("def value():\n    return 1\n")

    from lately import one
    from lately.one import value

    monkeypatch.setattr(one, "value", lambda: 2)
    assert (value(), one.value()) == (1, 2)


def test_a_module_that_is_not_there_is_missed_at_once(package: Path):
    with pytest.raises(ImportError, match="nowhere"):
        from lately import nowhere  # noqa: F401


def test_what_fails_to_load_says_so_each_time(package: Path):
    (package / "broken.py").write_text("raise ValueError('on purpose')\n")

    from lately import broken

    for _ in range(2):
        with pytest.raises(ValueError, match="on purpose"):
            broken.anything  # noqa: B018


def test_threads_that_use_a_module_at_once_all_see_the_whole_of_it(package: Path):
    (package / "slow.py").write_text("import time\ntime.sleep(0.2)\nVALUE = 1\n")

    from lately import slow

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: slow.VALUE, range(8))) == [1] * 8


def test_every_module_of_ours_loads_on_its_own():
    """A name that is imported from a module that waits hides no circle of imports."""
    sources = sorted((ROOT / "chalicelib").rglob("*.py"))
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in sources]
    names = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    program = f"import importlib; [importlib.import_module(name) for name in {names[::-1]}]"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
