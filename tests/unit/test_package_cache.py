"""`make dev` builds its package again when something changed, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.package import cache

Tree = tuple[Path, Path, list[int]]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    root, out = tmp_path / "root", tmp_path / "out"
    for name in (
        "app.py",
        "requirements.txt",
        "chalicelib/domain/runs/run.py",
        ".chalice/config.json",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    out.mkdir()
    builds: list[int] = []

    def build(folder: Path) -> str:
        builds.append(len(builds))
        for name in cache.OUTPUTS:
            (folder / name).write_text(f"{name} {len(builds)}")
        return cache.digest(folder)

    monkeypatch.setattr(cache, "ROOT", root)
    monkeypatch.setattr(cache, "build", build)
    return root, out, builds


def test_the_same_sources_are_built_once(tree: Tree):
    root, out, builds = tree
    first = cache.build_if_changed(out)
    (root / "chalicelib" / "__pycache__").mkdir()
    (root / "chalicelib" / "__pycache__" / "run.pyc").write_text("x")
    assert cache.build_if_changed(out) == first
    assert len(builds) == 1


def _add(root: Path) -> None:
    (root / "chalicelib" / "new.py").write_text("")


def _change(root: Path) -> None:
    (root / "chalicelib" / "domain" / "runs" / "run.py").write_text("other")


def _remove(root: Path) -> None:
    (root / "chalicelib" / "domain" / "runs" / "run.py").unlink()


def _rename(root: Path) -> None:
    (root / "chalicelib" / "domain" / "runs" / "run.py").rename(
        root / "chalicelib" / "domain" / "walk.py"
    )


def _pin(root: Path) -> None:
    (root / "requirements.txt").write_text("other==1")


@pytest.mark.parametrize("act", [_add, _change, _remove, _rename, _pin])
def test_any_change_of_the_sources_is_built(tree: Tree, act: object):
    root, out, builds = tree
    first = cache.build_if_changed(out)
    assert callable(act)
    act(root)
    assert cache.build_if_changed(out) != first
    assert len(builds) == 2


def test_a_setting_and_a_damaged_package_are_built(tree: Tree, monkeypatch: pytest.MonkeyPatch):
    _, out, builds = tree
    cache.build_if_changed(out)
    monkeypatch.setenv("OPTIO_MAX_CONCURRENT", "7")
    cache.build_if_changed(out)
    assert len(builds) == 2
    (out / "deployment.zip").write_text("torn")
    cache.build_if_changed(out)
    assert len(builds) == 3


def test_a_build_that_failed_is_never_taken_for_one(tree: Tree, monkeypatch: pytest.MonkeyPatch):
    root, out, builds = tree
    cache.build_if_changed(out)
    _change(root)

    def fail(folder: Path) -> str:
        (folder / "sam.json").write_text("half")
        raise SystemExit("not built")

    with monkeypatch.context() as patch:
        patch.setattr(cache, "build", fail)
        with pytest.raises(SystemExit):
            cache.build_if_changed(out)
    cache.build_if_changed(out)
    assert len(builds) == 2
